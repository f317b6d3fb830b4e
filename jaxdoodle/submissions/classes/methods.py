"""A value and its gradient as two methods of the same arguments, of an object that holds data: ``nll(theta)`` and
``nll_grad(theta)``."""

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, product
from types import FunctionType
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.report import UNNAMED, Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.leaves import is_floating, leaves
from jaxdoodle.gradcheck.setup.problem import CheckError, fixed_randomness
from jaxdoodle.submissions.arguments.finder import Finder
from jaxdoodle.submissions.arguments.guess import OFF_ZERO, is_off
from jaxdoodle.submissions.classes.layers import check_layer
from jaxdoodle.submissions.classes.network_object import methods_of
from jaxdoodle.submissions.functions.derivatives import check_derivative
from jaxdoodle.submissions.objects.instances import objects_of, with_values
from jaxdoodle.submissions.objects.layer_object import BACKWARD, FORWARD, attributes
from jaxdoodle.submissions.reading.loss_names import LOSS, of_the_gradient
from jaxdoodle.submissions.reading.returned import returned_names
from jaxdoodle.submissions.reading.source import attributes_in, entries_read, source_text
from jaxdoodle.submissions.reading.words import PENALTY

#: Objects made, and of those whose methods fit, how many are compared.
_OBJECTS, _COMPARED = 200, 12
#: Names of inputs and of labels.
_DATA = re.compile(r"[xXyYt]\w{0,2}|inputs?|data|batch|images?|\w*(true|target|label)s?\w*")
#: Data that are made up for four examples: labels, and counts.
_LABELS, _SIGNS, _COUNTS = np.array([0.0, 1.0, 1.0, 0.0]), np.array([-1.0, 1.0, 1.0, -1.0]), np.array([2, 0, 1, 5])
#: What says that a loss is one of labels: another formula may give its gradient at other numbers.
_OF_LABELS = re.compile(r"2(\.0?)?\s*\*\s*[\w.]+\s*-\s*1|logi(t|stic)|bernoulli", re.I)


def methods_of_arguments(cls: type, data: bool) -> list[tuple[str, str]]:
    """Names of values and of their gradients; what takes ``data`` may have gradients of what the object holds."""
    own = {n: getattr(cls, n) for n, f in vars(cls).items() if isinstance(f, FunctionType | staticmethod)}
    taken = {n: required(f)[not isinstance(vars(cls)[n], staticmethod) :] for n, f in own.items()}
    free = {n: f for n, f in own.items() if taken[n] and not any(map(_DATA.fullmatch, taken[n] if data else ()))}
    pairs = ((n, list(of_the_gradient(n, f, free))) for n, f in free.items())
    return [(of[0].__name__, n) for n, of in pairs if of]


def check_methods(
    finder: Finder, cls: type, of: str, name: str, otherwise: Callable[..., Report] | None, **options: Any
) -> Report:
    """Of the first objects whose methods fit, one with which the gradient is right; else the first. ``otherwise``: how
    else the class is checked."""
    title = f"{cls.__name__}.{name}"

    def check(value: Callable, gradient: Callable, args: tuple, title: str = title, **more: Any) -> Report:
        return check_derivative(finder, title, [value], gradient, args, **{**options, **more})

    if all(isinstance(inspect.getattr_static(cls, n), staticmethod) for n in (of, name)):
        return check_derivative(finder, title, [getattr(cls, of)], getattr(cls, name), **options)
    first: tuple | None = None
    ways = (_fitting(finder, _objects(finder, cls), of, name, tables) for tables in (False, True))
    for *found, given in islice(next((chain([way], rest) for rest in ways for way in rest), ()), _COMPARED):
        first = first or (*found, given)
        if check(*found, explain=False, known=[]).passed:
            first = *found, given
            break
    if first is None and otherwise is not None:
        return otherwise(**options)
    if first is None:
        told = f"no way found to make {cls.__name__}({', '.join(required(cls))}) and call its {of} and {name}"
        raise CheckError(f'{told}; call both below if __name__ == "__main__"')
    *found, given = first
    made_up = bool(required(cls)) and not _as_made(finder, cls)  # what is wrong with such data is to be named, too
    named: dict[str, Any] = {"explain": True} if made_up else {}
    report = check(*found, **named)
    proved = any(f.name != UNNAMED for f in report.findings) or any(leaf.verdict != "wrong" for leaf in report.leaves)
    if not report.passed and not proved and made_up:
        told = f"{name} is wrong with the data that were made up for {cls.__name__}({', '.join(required(cls))})"
        raise CheckError(f'{told}; call it with those that it is for below if __name__ == "__main__"')
    if report.passed and any(a is _LABELS or a is _SIGNS for a in given):
        report = _with_counts(finder, cls, given, (of, name), check, report)
    return _off_zero(cls, found, (of, name), check, report) if report.passed else report


def _with_counts(
    finder: Finder, cls: type, given: tuple, names: tuple[str, str], check: Callable[..., Report], report: Report
) -> Report:
    """A gradient that is right at labels alone may be wrong at what else is counted or measured."""
    other = tuple(_COUNTS if a is _LABELS or a is _SIGNS else a for a in given)
    for *found, _ in islice(_fitting(finder, _made_of(cls, [other]), *names), 1):
        with contextlib.suppress(Exception, SystemExit):  # of the user's code: it takes no counts
            if check(*found, explain=False, known=[]).passed:
                return report
            if not _OF_LABELS.search(" ".join((cls.__name__, *(source_text(getattr(cls, n)) for n in names)))):
                break
    else:
        own = ", ".join(n for n, a in zip(required(cls), given, strict=True) if a is _LABELS or a is _SIGNS)
        labels = "0 and 1" if any(a is _LABELS for a in given) else "-1 and 1"
        return replace(report, notes=(*report.notes, f"checked with {own} of {labels} alone"))
    told = f"{names[1]} is right with labels that were made up for {cls.__name__}({', '.join(required(cls))})"
    raise CheckError(
        f'{told}, and wrong with counts; call it with those that it is for below if __name__ == "__main__"'
    )


def _off_zero(
    cls: type, found: Sequence[Any], names: tuple[str, str], check: Callable[..., Report], report: Report
) -> Report:
    """With each number of the object that is zero, as the factor of a penalty by default, off zero, too."""
    (value, _, args), held = found, getattr(found[0], "__self__", None)

    def run(function: Callable) -> Any:
        with fixed_randomness():
            return function(*copy.deepcopy(args))

    settable = any(is_off(p) and p.default == 0 for p in parameters(cls))
    for n, v in attributes(held).items():
        if type(v) not in (int, float) or v != 0 or not (PENALTY.fullmatch(n) or type(v) is float and settable):
            continue
        for thing in with_values(held, {n: OFF_ZERO}):
            own = [getattr(thing, name) for name in names]
            with contextlib.suppress(Exception, SystemExit):  # of the user's code: it takes no such number
                again = check(*own, args, f"{cls.__name__}.{names[1]} with {n}={OFF_ZERO}", explain=True)
                if not again.passed and np.array_equal(*map(run, (value, own[0]))):
                    told = f"checked with {n} = 0: {names[0]} does not depend on it"
                    report = replace(report, notes=(*report.notes, told))
                elif not again.passed:
                    return again
    return report


def _as_made(finder: Finder, cls: Any) -> dict[str, Any]:
    """The arguments with which the file makes an object."""
    return finder.called_with(cls.__init__)


def _objects(finder: Finder, cls: type) -> Iterator[tuple[Any, tuple]]:
    """As the file makes them, or with the data of four examples that come beside: inputs, labels, counts, numbers."""
    draw = np.random.default_rng(0)
    data = draw.normal(size=(4, 3)), _LABELS, _SIGNS, _COUNTS, draw.normal(size=4)
    count = 0 if _as_made(finder, cls) else len(required(cls))
    yield from _made_of(cls, product(data, repeat=count) if 0 < count < 3 else ())
    yield from ((thing, ()) for thing in islice(objects_of(finder, cls), _OBJECTS))


def _made_of(cls: type, data: Iterable[tuple]) -> Iterator[tuple[Any, tuple]]:
    for given in data:
        with contextlib.suppress(Exception, SystemExit):  # of the user's code: it takes something else
            yield cls(*given), given


def _fitting(
    finder: Finder, objects: Iterable[tuple[Any, tuple]], of: str, name: str, tables: bool = False
) -> Iterator[tuple]:
    """(value, gradient, arguments, data) whose gradient has the shapes of the arguments."""
    for thing, data in objects:
        value, gradient = getattr(thing, of), getattr(thing, name)
        called = finder.recorded(value) or finder.recorded(gradient)
        sizes = dict.fromkeys(k for v in attributes(thing).values() for _, x in leaves(v) for k in np.shape(x) if k)
        each = [np.random.default_rng(0).normal(size=k) for k in sizes] + [np.float64(0.3)]
        if tables:  # of examples
            each = [np.random.default_rng(0).normal(size=(4, k)) for k in sizes]
        counts = [max(entries_read(f, n) for f in (value, gradient)) for n in required(value)]
        ways = product(*([np.random.default_rng(0).normal(size=k)] if k else each for k in counts))
        for args in [called] if called else ways:
            try:
                with np.errstate(all="ignore"):
                    given, y = gradient(*copy.deepcopy(args)), value(*copy.deepcopy(args))
            except (Exception, SystemExit):  # of the user's code: other arguments
                continue
            several = given if isinstance(given, tuple | list) and len(given) == len(args) > 1 else [given]
            shapes = [np.shape(a) for a in args if is_floating(a) or isinstance(a, float)]
            jacobians = [(*np.shape(y), *shape) for shape in shapes]
            found = [np.shape(g) for _, g in leaves(tuple(several))]
            if shapes and np.all(np.isfinite(y)) and found in (shapes, jacobians):
                yield value, gradient, args, data
                break


def loss_alike(cls: type, gradient: str) -> str | None:
    """The loss that takes what a method of gradients takes."""
    methods = methods_of(cls)
    takes = required(methods[gradient])
    alike = (n for n, f in methods.items() if n != gradient and required(f) == takes)
    return next(filter(LOSS.search, alike), None) if takes[1:] else None


def check_held(finder: Finder, cls: Any, of: str, name: str, **options: Any) -> Report:
    """Gradients of what the object holds, by two methods of the same arguments, as a layer that is a loss: the forward
    that the loss goes on from, if it takes one, comes first."""
    value, gradient = getattr(cls, of), getattr(cls, name)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first, own = next((getattr(cls, n) for n in FORWARD if hasattr(cls, n)), None), required(value)[1:]
    inputs = required(first)[1:] if first and attributes_in(first, ast.Store) & attributes_in(value, ast.Load) else []
    inputs = [] if {*inputs} & {*own} else inputs
    names = [n for n in returned_names(gradient) if n]

    def forward(self: Any, *args: Any) -> Any:
        if inputs:
            first(self, *args[: len(inputs)])  # type: ignore[misc]
        self.args_of_loss = args[len(inputs) :]
        return value(self, *self.args_of_loss)

    def backward(self: Any) -> Any:
        given = gradient(self, *self.args_of_loss)
        given = dict(zip(names, given, strict=True)) if isinstance(given, tuple) and len(given) == len(names) else given
        if given is None or isinstance(given, dict):
            return given
        raise CheckError(f"of what the gradients of {cls.__name__}.{name} are is not known")

    called = gradient if finder.recorded(value) is None else value
    forward.__wrapped__ = value if inputs else called  # type: ignore[attr-defined]
    forward.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in ("self", *inputs, *own)])  # type: ignore
    methods = {FORWARD[0]: forward, BACKWARD[0]: backward, "__module__": cls.__module__}
    return check_layer(finder, type(cls.__name__, (cls,), methods), **options)
