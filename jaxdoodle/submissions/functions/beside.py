"""A gradient, a derivative or a Jacobian beside the function that it is of, called with arguments for both."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.api import check_gradient
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.leaves import is_array, is_floating, rebuild
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.finder import Finder, Forward, as_many
from jaxdoodle.submissions.functions.discovery import stem_of
from jaxdoodle.submissions.functions.jacobians import jacobian_in, product_with, with_a_vector
from jaxdoodle.submissions.functions.pair import check_pair, with_numbers_given
from jaxdoodle.submissions.functions.places import places_of, with_arrays, with_attributes
from jaxdoodle.submissions.reading.loss_names import HESSIAN, JACOBIAN, LOSS
from jaxdoodle.submissions.reading.returned import returned_names
from jaxdoodle.submissions.reading.source import conventions_of, words_compared


def check_beside(
    finder: Finder, name: str, function: Callable, gradient: Callable, args: tuple | None = None, **options: Any
) -> Report:
    """``gradient`` of what ``function`` gives, a number or an array: a gradient, a derivative entry by entry, a
    Jacobian, or a backward of one more argument.

    ``args``: of the function; else those that are declared, of a call in the file, or guessed.
    """
    declared = finder.declared(name)[0] if args is None else args
    if args is None and declared is not None:
        as_many(name, function, declared)
    fixed = declared is not None or finder.recorded(function) is not None
    args = _arguments(finder, name, function, gradient, declared)
    if len(args) == 1 and isinstance(args[0], float) and _is_number(function, args):  # by ``math``, of one number
        function, gradient, args = _of_entries(function), _of_entries(gradient), (np.linspace(-1.3, 1.1, 6),)
    if not fixed and LOSS.search(getattr(function, "__name__", "")) and np.ndim(function(*args)):
        args = next((t for t in guessing.of_tables(function) if _has_shape(function, gradient, t)), args)
    defaults = takewhile(lambda p: p.name in required(gradient), parameters(function)[len(args) :])
    args = (*args, *(p.default for p in defaults))  # the gradient has none
    if len(more := required(gradient)[len(_taken(function, args)) :]) == 1 and re.match("d|g|up|err", more[0]):
        return check_pair(finder, name, function, gradient, args, (), **options)
    beside = _Beside(finder, name, function, gradient, args, fixed)
    if np.size(function(*args)) == 1:
        return beside.check_loss(options)
    for check in (beside.check_with_texts, beside.check_with_numbers):
        if (report := check(options)) is not None:
            return report
    return beside.check_values(options)


def _arguments(
    finder: Finder, name: str, function: Callable, gradient: Callable, declared: tuple | None
) -> tuple[Any, ...]:
    same = required(function) == required(gradient)
    back = _by_name(function, gradient) if same else None
    args = declared or finder.recorded(function) or (finder.recorded(gradient) if same else None)
    if args is not None and (declared is not None or guessing.usable(function, args)):
        return args
    try:
        args = finder.arguments(name, function, back)
    except CheckError:
        args = (0.3,)
        if len(required(function)) != 1 or not _is_number(function, args) or not _is_number(gradient, args):
            raise
        return args
    return args if back is None else with_a_vector(function, back, args, _is_jacobian(name))


def _by_name(function: Callable, gradient: Callable) -> Callable[[tuple], Any]:
    """The gradient as a function of the tuple of the function's arguments."""
    names = required(function)
    return lambda given: gradient(**dict(zip(names, given, strict=True)))


def _taken(function: Callable, args: tuple) -> list[str]:
    """The names of the arguments: those that are required come first."""
    names = required(function)
    return [*names, *(p.name for p in parameters(function)[len(names) : len(args)])]


def _is_jacobian(name: str) -> bool:
    return JACOBIAN.search(name) is not None or HESSIAN.search(name) is not None


@dataclass(frozen=True)
class _Beside:
    """``fixed``: the arguments are those of the file, and no others are tried."""

    finder: Finder
    name: str
    function: Callable
    gradient: Callable
    args: tuple
    fixed: bool

    def check_loss(self, options: dict[str, Any]) -> Report:
        """As a gradient of a number, in the arguments that it has the shapes of, or in what one of them holds."""
        function, by_hand = self.function, self._gradients_alone()
        if held := _held_alike(function, self.args, by_hand(*self.args)):
            args = (*(getattr(self.args[i], word) for i, word in held), *self.args)
            of, by_hand = with_attributes(function, held), with_attributes(by_hand, held)
            return check_gradient(of, by_hand, args, argnums=0, title=self.name, **options)
        tries = [self.args, *([] if self.fixed else guessing.vectors(function))]
        conventions = (*self.finder.declared(self.name)[1], *conventions_of(self.gradient))
        options = {"conventions": conventions, **options}
        checks: list[Callable[..., Report]] = []
        for tried in tries:  # X @ w - y is another loss for matrices than for vectors
            try:
                where = places_of(function, by_hand(*tried), tried, returned_names(self.gradient))
                if len({*np.ravel(where)}) < np.size(where):  # two of one argument: one of them is of another
                    told = f"which arguments the {np.size(where)} gradients of {self.name} are of is not known"
                    raise CheckError(told)
                given = with_arrays(tried, where)
                check = partial(check_gradient, function, by_hand, given, argnums=where, title=self.name)
                report = check(**{**options, "explain": False})
            except Exception:  # any exception of the user's code, which need not be written for vectors
                if not checks:
                    raise
                continue
            if report.passed:
                return report
            checks.append(check)
        return checks[0](**options)

    def check_values(self, options: dict[str, Any]) -> Report:
        """As a Jacobian of an array, or as a derivative of each entry."""
        finder, name, function, args, by_hand = self.finder, self.name, self.function, self.args, self._aligned()
        hessian, jacobian = HESSIAN.search(name) is not None, _is_jacobian(name)
        if found := jacobian_in(function, lambda given: by_hand(*given), args, jacobian):
            args = tuple(np.asarray(a, float) if i == found[0] else a for i, a in enumerate(args))
            check = partial(check_pair, finder, name, function, product_with(by_hand, *found))
            if hessian and not self.fixed:
                ways = [args, *_with_labels(function, args)]  # a square of labels may be left out
                args = max(ways, key=lambda way: nearness(check(way, (), **{**options, "explain": False})))
            return check(args, (), **options)
        value, rows = np.shape(function(*args)), np.shape(by_hand(*args))
        if len(rows) == 2 and rows == np.shape(args[0]) and value == rows[:1]:  # a value for each example
            totals = [_with_signature(partial(_total, function, whole), by_hand) for whole in (np.sum, np.mean)]
            checks = [partial(check_gradient, total, by_hand, args, argnums=0, title=name) for total in totals]
            return max(checks, key=lambda run: run(**{**options, "explain": False}).passed)(**options)
        if hessian or jacobian and np.shape(by_hand(*args)) != np.shape(function(*args)):
            raise Forward(f"{name} has no shape of a Jacobian with the arguments that were tried")
        if not _is_elementwise(function, args):
            raise Forward(f"{name} may be a part of a derivative: {stem_of(name)} is not elementwise")
        return check_pair(finder, name, function, by_hand, args, (), **options)

    def check_with_texts(self, options: dict[str, Any]) -> Report | None:
        """With each text that an argument of both is compared with, if any: ``act("relu", z)``."""
        both, taken = {p.name for p in parameters(self.gradient)}, parameters(self.function)
        given = (*self.args, *(p.default for p in taken[len(self.args) :]))
        values = {p.name: a for p, a in zip(taken, given, strict=False)}
        mode = next((n for n, a in values.items() if isinstance(a, str) and n in both), None)
        words = dict.fromkeys((values[mode], *words_compared(self.function, mode))) if mode else {}
        if mode is None or len(words) < 2:
            return None
        others = tuple(a for p, a in zip(taken, self.args, strict=False) if p.name != mode)
        report = self._first_wrong([({mode: word}, (mode,)) for word in words], others, options)
        return replace(report, title=self.name) if report is not None and report.passed else report

    def check_with_numbers(self, options: dict[str, Any]) -> Report | None:
        """With the numbers that both have defaults for, if any: as they are, and where each of them counts."""
        both = {p.name for p in parameters(self.gradient)}
        rest = parameters(self.function)[len(self.args) :]
        off = {p.name: p.default for p in rest if p.name in both and guessing.is_off(p)}
        ways = [(off, ()), *((off | {n: guessing.OFF_ZERO}, (n,)) for n in off)] if off else []
        return self._first_wrong(ways, self.args, options)

    def _first_wrong(
        self, ways: Sequence[tuple[dict[str, Any], tuple]], args: tuple, options: dict[str, Any]
    ) -> Report | None:
        """With each of the values for parameters of both that the function takes, and the names of those that are told:
        the first report of a wrong one, or else the first."""
        first: Report | None = None
        failed: dict[str, CheckError] = {}
        for given, told in ways:
            value_of, slope_of = (with_numbers_given(f, given) for f in (self.function, self.gradient))
            if not guessing.usable(value_of, args):
                continue
            title = " with ".join([self.name, *(f"{n}={given[n]}" for n in told)])
            try:
                report = check_beside(self.finder, self.name, value_of, slope_of, args, **options)
            except CheckError as error:
                failed[title] = error
                continue
            if not report.passed:
                return replace(report, title=title)
            first = replace(report, title=title) if first is None else first
        if first is None and failed:
            raise next(iter(failed.values()))
        notes = (f"{title} is not checked: {error}" for title, error in failed.items())
        return None if first is None else replace(first, notes=(*first.notes, *notes))

    def _aligned(self) -> Callable:
        """The gradient as a function of the arguments of the function, in their order."""
        takes, own = _taken(self.function, self.args), parameters(self.function)[: len(self.args)]
        places = {p.name: i for i, p in enumerate(own)}
        order = [takes.index(n) if n in takes else k for k, n in enumerate(required(self.gradient))]
        optional = [p.name for p in parameters(self.gradient) if p.default is not p.empty and p.name in places]

        def aligned(*given: Any) -> Any:
            return self.gradient(*(given[i] for i in order), **{n: given[places[n]] for n in optional})

        aligned.__signature__ = inspect.Signature([p.replace(default=p.empty) for p in own])  # type: ignore[attr-defined]
        return aligned

    def _gradients_alone(self) -> Callable:
        """``_aligned`` without the value that may come with gradients; those of numbers in one array one by one."""
        aligned = self._aligned()
        shapes = [np.shape(a) for a in self.args]
        several = (shapes.count(()),)  # numbers, whose gradients ``np.array([dw0, dw1])`` may hold
        in_one = several > (1,) and several not in shapes

        def returned(*given: Any) -> Any:
            found = aligned(*given)
            return tuple(found) if in_one and isinstance(found, np.ndarray) and found.shape == several else found

        first = returned(*self.args)
        if type(first) is not tuple:
            return _with_signature(returned, aligned)
        moved = rebuild(self.args, lambda _, x: 0.9 * x if is_floating(x) or isinstance(x, float) else x)
        pairs = [(self.function(*self.args), first)]
        with contextlib.suppress(Exception), np.errstate(all="ignore"):  # where the loss is not defined
            pairs += [(v, returned(*moved)) for v in [self.function(*moved)] if np.all(np.isfinite(v))]
        rest = [k for k in range(len(first)) if any(np.ndim(g[k]) or g[k] != v for v, g in pairs)]
        if len(rest) == len(first):
            return _with_signature(returned, aligned)

        def alone(*given: Any) -> Any:
            found = returned(*given)
            return found[rest[0]] if len(rest) == 1 else [found[k] for k in rest]

        return _with_signature(alone, aligned)


def _total(function: Callable, whole: Callable, *args: Any) -> Any:
    return whole(function(*args))


def _with_signature(function: Callable, like: Callable) -> Callable:
    function.__signature__ = inspect.signature(like)  # type: ignore[attr-defined]
    return function


def _held_alike(function: Callable, args: tuple, gradient: Any) -> list[tuple[int, str]]:
    """The attribute of an argument that a gradient has the shape of, where no argument has: ``policy.theta``.

    Of several, the one that the loss reads.
    """
    if not is_floating(gradient) or any(np.shape(a) == np.shape(gradient) for a in args):
        return []
    held = [(i, n) for i, a in enumerate(args) if not is_array(a) for n, v in getattr(a, "__dict__", {}).items()
            if is_floating(v) and np.shape(v) == np.shape(gradient)]  # fmt: skip
    with_each = [(place, with_attributes(function, [place]), getattr(args[place[0]], place[1])) for place in held]
    draw = np.random.default_rng(0)
    read = [place for place, run, v in with_each if run(v, *args) != run(v + draw.uniform(0.01, 0.1, v.shape), *args)]
    if len(held) > 1 and len(read) != 1:
        raise CheckError(f"which of {', '.join(n for _, n in read or held)} it is the gradient of is not known")
    return held if len(held) == 1 else read


def nearness(report: Report) -> tuple[bool, float]:
    """Of several ways to take what is checked, the right one has most of it."""
    return report.passed, max((abs(leaf.figures.cosine) for leaf in report.leaves), default=0.0)


def _with_labels(function: Callable, args: tuple) -> list[tuple]:
    """With classes for labels: of signs, and of zeros and ones."""
    names = [p.name for p in parameters(function)][: len(args)]
    k = next((k for k, n in enumerate(names) if kind_of(n) == "y" and is_floating(args[k])), None)
    ones = np.arange(np.size(args[k or 0])).reshape(np.shape(args[k or 0])) % 2
    return [] if k is None else [(*args[:k], classes, *args[k + 1 :]) for classes in (2 * ones - 1, ones)]


def _has_shape(function: Callable, gradient: Callable, args: tuple) -> bool:
    """Has a gradient of the same arguments the shape of the first?"""
    if required(function) != required(gradient):
        return False
    with contextlib.suppress(Exception):  # any exception of the user's code
        return np.shape(_by_name(function, gradient)(args)) == np.shape(args[0])
    return False


def _is_number(function: Callable, args: tuple) -> bool:
    try:
        return isinstance(function(*args), float)
    except (Exception, SystemExit):  # of the user's code
        return False


def _of_entries(function: Callable) -> Callable:
    """A function of one number as one of arrays."""

    @functools.wraps(function)
    def run(x: Any) -> Any:
        return np.array([function(float(v)) for v in np.ravel(x)]).reshape(np.shape(x))

    return run


def _is_elementwise(function: Callable, args: tuple) -> bool:
    before = np.asarray(function(*args), float)
    k = next((k for k, a in enumerate(args) if is_floating(a)), 0)
    moved = np.array(args[k], float)
    moved.flat[0] += 0.1
    after = np.asarray(function(*args[:k], moved, *args[k + 1 :]), float)
    return before.shape == after.shape == moved.shape and np.array_equal(before.flat[1:], after.flat[1:])
