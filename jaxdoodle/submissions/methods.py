"""A value and its gradient as two methods of the same arguments, of an object that holds data: ``nll(theta)`` and
``nll_grad(theta)``."""

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
import re
from collections.abc import Callable, Iterator
from itertools import islice, product
from types import FunctionType
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.report import UNNAMED, Report
from jaxdoodle.gradcheck.setup.binding import required
from jaxdoodle.gradcheck.setup.leaves import is_floating, leaves
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments.source import attributes_in
from jaxdoodle.submissions.derivatives import check_derivative
from jaxdoodle.submissions.finder import Finder
from jaxdoodle.submissions.layer_object import BACKWARD, FORWARD, attributes
from jaxdoodle.submissions.layers import check_layer
from jaxdoodle.submissions.loss_names import LOSS, of_the_gradient
from jaxdoodle.submissions.losses import returned_names
from jaxdoodle.submissions.network import methods_of
from jaxdoodle.submissions.objects import objects_of

#: Objects made, and of those whose methods fit, how many are compared.
_OBJECTS, _COMPARED = 200, 12
#: Names of inputs and of labels.
_DATA = re.compile(r"[xXyYt]\w{0,2}|inputs?|data|batch|images?|\w*(true|target|label)s?\w*")


def methods_of_arguments(cls: type, data: bool) -> list[tuple[str, str]]:
    """Names of values and of their gradients; what takes ``data`` may have gradients of what the object holds."""
    own = {n: f for n, f in vars(cls).items() if isinstance(f, FunctionType)}
    taken = {n: required(f)[1:] for n, f in own.items()}
    free = {n: f for n, f in own.items() if taken[n] and not any(map(_DATA.fullmatch, taken[n] if data else ()))}
    pairs = ((n, list(of_the_gradient(n, f, free))) for n, f in free.items())
    return [(of[0].__name__, n) for n, of in pairs if of]


def check_methods(
    finder: Finder, cls: type, of: str, name: str, otherwise: Callable[..., Report] | None, **options: Any
) -> Report:
    """Of the first objects whose methods fit, one with which the gradient is right; else the first. ``otherwise``: how
    else the class is checked."""
    first: tuple | None = None
    quick = {**options, "explain": False, "known": []}
    for value, gradient, args in islice(_fitting(finder, cls, of, name), _COMPARED):
        first = first or (value, gradient, args)
        if check_derivative(finder, f"{cls.__name__}.{name}", [value], gradient, args, **quick).passed:
            first = value, gradient, args
            break
    if first is None and otherwise is not None:
        return otherwise(**options)
    if first is None:
        told = f"no way found to make {cls.__name__}({', '.join(required(cls))}) and call its {of} and {name}"
        raise CheckError(f'{told}; call both below if __name__ == "__main__"')
    value, gradient, args = first
    made_up = bool(required(cls)) and not _as_made(finder, cls)  # what is wrong with such data is to be named, too
    options = {**options, "explain": True} if made_up else options
    report = check_derivative(finder, f"{cls.__name__}.{name}", [value], gradient, args, **options)
    proved = any(f.name != UNNAMED for f in report.findings) or any(leaf.verdict != "wrong" for leaf in report.leaves)
    if not report.passed and not proved and made_up:
        told = f"{name} is wrong with the data that were made up for {cls.__name__}({', '.join(required(cls))})"
        raise CheckError(f'{told}; call it with those that it is for below if __name__ == "__main__"')
    return report


def _as_made(finder: Finder, cls: Any) -> dict[str, Any]:
    """The arguments with which the file makes an object."""
    return finder.called_with(cls.__init__)


def _objects(finder: Finder, cls: type) -> Iterator[Any]:
    """As the file makes them, or with data of four examples: inputs, labels, signs, counts, numbers."""
    draw = np.random.default_rng(0)
    labels = np.array([0.0, 1.0, 1.0, 0.0])
    data = draw.normal(size=(4, 3)), labels, 2 * labels - 1, np.array([2, 0, 1, 5]), draw.normal(size=4)
    count = 0 if _as_made(finder, cls) else len(required(cls))
    for given in product(data, repeat=count) if 0 < count < 3 else ():
        with contextlib.suppress(Exception, SystemExit):  # of the user's code: it takes something else
            yield cls(*given)
    yield from islice(objects_of(finder, cls), _OBJECTS)


def _fitting(finder: Finder, cls: type, of: str, name: str) -> Iterator[tuple]:
    """(value, gradient, arguments) whose gradient has the shapes of the arguments."""
    for thing in _objects(finder, cls):
        value, gradient = getattr(thing, of), getattr(thing, name)
        called = finder.recorded(value) or finder.recorded(gradient)
        sizes = dict.fromkeys(k for v in attributes(thing).values() for _, x in leaves(v) for k in np.shape(x))
        each = [np.random.default_rng(0).normal(size=k) for k in sizes] + [np.float64(0.3)]
        for args in [called] if called else product(each, repeat=len(required(value))):
            try:
                with np.errstate(all="ignore"):
                    given, y = gradient(*copy.deepcopy(args)), value(*copy.deepcopy(args))
            except (Exception, SystemExit):  # of the user's code: other arguments
                continue
            several = given if isinstance(given, tuple | list) and len(given) == len(args) > 1 else [given]
            shapes = [np.shape(a) for a in args if is_floating(a) or isinstance(a, float)]
            if np.all(np.isfinite(y)) and [np.shape(g) for _, g in leaves(tuple(several))] == shapes != []:
                yield value, gradient, args
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
