"""Check a loss that returns its gradients beside its value."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.api import check_value_and_grad
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import parameters
from jaxdoodle.gradcheck.setup.leaves import is_array, is_floating
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.arrays import in_torch, taking_tensors
from jaxdoodle.submissions.arguments.finder import Finder, unknown_arguments
from jaxdoodle.submissions.functions.places import is_gradient, of_objects, places_of, with_arrays, with_attributes
from jaxdoodle.submissions.reading.clipping import limits_of, versions_of
from jaxdoodle.submissions.reading.returned import CALLED_GRADIENT, JOINED, identifiers, unpacking


def check_loss(finder: Finder, name: str, function: Callable, given: tuple | None = None, **options: Any) -> Report:
    """``given``: arguments; else from the file's calls, or guessed."""
    called = {} if given else finder.called_with(function)
    try:
        args = _arguments(finder, name, function, called) if given is None else given
    except CheckError:
        if not in_torch(function):
            raise
        return check_loss(finder, name, taking_tensors(function), given, **options)
    loss = _Loss(finder, name, function, args)
    report = loss.check(loss.args, name, options)
    if report.passed:
        return loss.check_variants(report, options)
    known = called or given is not None or finder.declared(name)[0] is not None
    for other in guessing.vectors(function) if not known and finder.recorded(function) is None else ():
        as_called = zip(parameters(function), other, strict=False)
        if not any(np.ndim(a) == 1 and p.name[0].isupper() for p, a in as_called):  # W is a matrix
            with contextlib.suppress(Exception):  # any exception of the user's code, which need not be for vectors
                again = check_loss(finder, name, function, other, **options)  # another loss than for matrices
                return again if again.passed else report
    return report


def _arguments(finder: Finder, name: str, function: Callable, called: dict[str, Any]) -> tuple[Any, ...]:
    if "self" in called:
        return tuple(called[p.name] for p in parameters(function) if p.name in called)
    texts, unpacked = unpacking(function)
    return finder.arguments(name, function, partial(_by_argument, unpacked(function), identifiers(texts)))


def _by_argument(function: Callable, names: list[str], args: tuple) -> Any:
    """The gradients that a loss returns, each in the place of its argument. Raises where no value comes with them."""
    returned = function(*args)
    place = _place_of_the_value(returned)
    if place is None or np.ndim(returned[place]):
        raise ValueError("no value of a loss")
    several = [k for k, g in enumerate(returned) if k != place]
    if len(several) == 1 and isinstance(returned[several[0]], dict):
        return returned[several[0]]
    gradients = tuple(returned[k] for k in several)
    where = places_of(function, gradients, args, [names[k] for k in several] if len(names) == len(returned) else [])
    found = dict(zip(np.atleast_1d(where), gradients, strict=False))
    return tuple(found.get(i) for i in range(len(args)))


def _place_of_the_value(returned: Sequence[Any]) -> int | None:
    return next((k for k, r in enumerate(returned) if np.size(r) == 1 and not isinstance(r, dict)), None)


class _Loss:
    """Which of what a loss returns are gradients, and of which arguments: of what the file or an argument holds, too,
    which then come first.

    ``ways``: the loss without what cuts its gradients off, but for the limits that are ``kept``; the last as it is.
    """

    def __init__(self, finder: Finder, name: str, function: Callable, args: tuple):
        self.name, self.limits = name, limits_of(function)
        self.kept = [*dict.fromkeys([(), *((n,) for n in self.limits), self.limits])]
        ways = versions_of(function, self.limits, self.kept)
        texts, unpacked = unpacking(function)
        names = identifiers(texts)
        returned = unpacked(ways[0])(*args)
        place = _place_of_the_value(returned)
        if place is None:
            raise unknown_arguments(name, function)
        of_file = _of_the_file(finder, function, names)
        of_object = {} if of_file else of_objects(ways[0], args, names, returned, place)
        if of_file:
            ways = versions_of(function, self.limits, self.kept, list(of_file.values()))
            args = (*(finder.names[word] for word in of_file.values()), *args)
        elif of_object:
            ways = [with_attributes(way, list(of_object.values())) for way in ways]
            args = (*(getattr(args[i], word) for i, word in of_object.values()), *args)
        self.place, self.ways = place, [*map(unpacked, ways)]
        self.gradients = _gradients_in(returned, place, args, (texts, names), {*of_file, *of_object})
        if not self.gradients:
            raise CheckError(f"{name} returns more than a loss and its gradient")
        told = [names[k] for k in self.gradients] if len(names) == len(returned) else []
        self.where = places_of(self.ways[0], self._picked(returned)[1], args, told)
        of_arrays = [i for i in np.ravel(self.where) if is_array(args[i])]
        if len({*of_arrays}) < len(of_arrays):  # two gradients of one array: one of them is of another
            raise unknown_arguments(name, function)
        self.args = with_arrays(args, self.where)
        self.value = _picking(self.ways[-1], lambda values: values[place])

    def check(self, args: tuple, title: str, options: dict[str, Any]) -> Report:
        """What is cut off may be no gradient: then the value is another without, or what is cut off the derivative."""

        def report_of(k: int, explain: bool) -> Report:
            run, more = _picking(self.ways[k], self._picked), {**options, "explain": explain}
            report = check_value_and_grad(self.value, run, args, argnums=self.where, title=title, **more)
            cut = [n for n in self.limits if n not in self.kept[k]]
            told = (f"gradients that are cut off at {n} are checked as they are before" for n in cut)
            return replace(report, notes=(*report.notes, *told))

        if len(self.ways) == 1:
            return report_of(0, explain=True)
        reports = list[Report]()
        for k in range(len(self.ways)):
            reports.append(report_of(k, explain=False))
            if reports[-1].passed:
                return reports[-1]
        needs_cut = any(f.name == "value is not the loss" for f in reports[0].findings)
        return report_of(len(self.ways) - 1 if needs_cut else 0, explain=True)

    def check_variants(self, report: Report, options: dict[str, Any]) -> Report:
        """The report, or that of other arguments, by its defaults, with which a gradient is wrong."""
        for words, other, _ in guessing.variants(self.value, lambda: None, self.args, numbers_alone=False):
            first, second = (self.value(*copy.deepcopy(other)) for _ in range(2))
            if np.size(first) != 1 or first != second:  # another output, or a share that is dropped at random
                continue
            again = self.check(other, f"{self.name} with {words}", options)
            if not again.passed:
                return again
        return report

    def _picked(self, values: Sequence[Any]) -> tuple[Any, Any]:
        gradients = [values[k] for k in self.gradients]
        return values[self.place], gradients[0] if len(gradients) == 1 else tuple(gradients)


def _picking(run: Callable, pick: Callable[[Sequence[Any]], Any]) -> Callable:
    def picked(*given: Any) -> Any:
        return pick(run(*given))

    functools.update_wrapper(picked, run).__signature__ = inspect.signature(run)  # type: ignore[attr-defined]
    return picked


def _of_the_file(finder: Finder, function: Callable, names: list[str]) -> dict[int, str]:
    """Which returned gradients are of arrays that the file holds: ``dW`` of ``W``."""
    own = {p.name for p in parameters(function)}
    held = {n for n, v in finder.names.items() if is_floating(v) and isinstance(v, np.ndarray)} - own
    words = {k: re.sub(r"^(d|grad)_?", "", n) for k, n in enumerate(names)}
    return {k: word for k, word in words.items() if word in held and word != names[k]}


def _gradients_in(
    returned: Sequence[Any], place: int, args: tuple, told: tuple[list[str], list[str]], held: Collection[int]
) -> list[int]:
    """Which of what is returned are gradients, by their shapes; of these the ones that are called so, if any."""
    texts, names = told
    rest = [k for k in range(len(returned)) if k != place and is_gradient(returned[k], args)]
    if held:
        rest = [k for k in rest if k in held or re.match(r"d|grad", names[k])]
    called = ([k for k in rest if k < len(texts) and how.search(texts[k])] for how in (CALLED_GRADIENT, JOINED))
    return next(filter(None, called), rest)  # beside them, a state
