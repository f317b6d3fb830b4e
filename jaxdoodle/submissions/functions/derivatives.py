"""Gradients and derivatives of the user's as functions beside what they are of: ``mse`` and ``mse_prime``."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from types import FunctionType
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.api import check_gradient
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.leaves import is_array, is_floating, rebuild
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.finder import Finder, Forward, Found, unknown_arguments
from jaxdoodle.submissions.functions.discovery import stem_of
from jaxdoodle.submissions.functions.losses import places_of, returned_names, with_arrays, with_attributes
from jaxdoodle.submissions.functions.pair import check_pair, with_numbers_given
from jaxdoodle.submissions.reading.global_names import missing_numbers, putting, with_own_globals
from jaxdoodle.submissions.reading.loss_names import (
    GRADIENT,
    HESSIAN,
    JACOBIAN,
    LOSS,
    of_the_gradient,
    without_gradient,
    without_loss,
)
from jaxdoodle.submissions.reading.source import conventions_of, source_text, source_tree, words_compared

#: What says that a Hessian is not the whole of one.
_APPROXIMATES = re.compile(
    r"approx|newton|fisher|expect|diag_|\bdiagonal (of|hess)|(\b[\w.]+)\.T *(@|\.dot\() *\2\b", re.I
)


def derivatives(finder: Finder) -> Iterator[Found]:
    """Gradients of losses with the same parameters, and derivatives of functions, that are known by their names."""
    known = {n: f for n, f in finder.functions.items() if required(f)}
    for name, function in known.items():
        of = [] if id(function) in finder.taken else list(dict.fromkeys(of_the_gradient(name, function, known)))
        if of:
            finder.taken.add(id(function))
            yield Found(name, function, partial(check_derivative, finder, name, of, function))


def made_by_functions(finder: Finder) -> Iterator[Found]:
    """Gradients that functions of the file make beside what they are of: ``return f, grad``."""
    for name, function in finder.functions.items():
        inner = {
            n.name for n in ast.walk(source_tree(function) or ast.Module([], [])) if isinstance(n, ast.FunctionDef)
        }
        told = returned_names(function)
        gradients = [k for k, n in enumerate(told) if GRADIENT.search(n)]
        if id(function) not in finder.taken and len(told) == 2 and {*told} <= inner - {name} and len(gradients) == 1:
            finder.taken.add(id(function))
            yield Found(
                f"{name}.{told[gradients[0]]}", function, partial(_check_made, finder, name, function, gradients[0])
            )


def _check_made(finder: Finder, name: str, function: Callable, place: int, **options: Any) -> Report:
    called = finder.called_with(function)
    if not called:
        raise CheckError(f'{name} makes a value and its gradient of data; call it below if __name__ == "__main__"')
    own = function(**called)
    gradient, value = own[place], own[1 - place]
    return check_derivative(finder, f"{name}.{gradient.__name__}", [value], gradient, **options)


def check_derivative(
    finder: Finder, name: str, of: list[Callable], gradient: Callable, args: tuple | None = None, **options: Any
) -> Report:
    """A gradient of a loss, or a derivative: ``mse_prime(y, p)``, ``sigmoid_prime(z)`` (or of ``sigmoid(z)``).

    Of several losses that may be meant, the one of which it is right; where it is right of none and its name does not
    say which it is of, that is no mistake.
    """
    if missing := missing_numbers(finder.names, gradient, *of):  # of data that are not there
        *of, gradient = _with_count(finder, missing, *of, gradient)
        report = _check_derivative(finder, name, of, gradient, args, **options)
        told = f"checked with {', '.join(missing)} as the number of examples, for the file gives no value"
        return replace(report, notes=(*report.notes, told))
    report = _check_derivative(finder, name, of, gradient, args, **options)
    if HESSIAN.search(name) and not report.passed and _APPROXIMATES.search(source_text(gradient)):
        raise Forward(f"{name} is not the derivative of {of[0].__name__}, and may be one in part on purpose")
    return report


def _with_count(finder: Finder, missing: Sequence[str], *functions: Callable) -> list[Callable]:
    """Functions of the file that find the number of labels under names that it gives no value."""
    scope = with_own_globals(finder.names)
    put = FunctionType(putting(missing, finder.code.parts[-1][0]), scope)

    def counting(function: Callable) -> Callable:
        k = next((k for k, p in enumerate(parameters(function)) if kind_of(p.name) == "y"), None)
        name = next((n for n, f in finder.names.items() if f is function), None)
        if k is None or name is None:
            told = f"{function.__name__} reads {', '.join(missing)}, which the file gives no value"
            raise CheckError(f"{told}; define it beside the function")

        @functools.wraps(own := scope[name])
        def run(*args: Any, **named: Any) -> Any:
            labels = args[k] if k < len(args) else named[required(function)[k]]
            put(*[max(np.shape(labels)[:1] if np.shape(labels)[0] > 1 else np.shape(labels))] * len(missing))
            return own(*args, **named)

        return run

    return [counting(f) for f in functions]


def _check_derivative(
    finder: Finder, name: str, of: list[Callable], gradient: Callable, args: tuple | None, **options: Any
) -> Report:
    reports: dict[str, Report] = {}
    failed: list[Exception] = []
    for function in of:
        try:
            report = _check_derivative_of(finder, name, function, gradient, args, **options)
        except Exception as error:  # any exception of the user's code, which may be written for another loss
            failed.append(error)
            continue
        if report.passed:
            return report
        reports[function.__name__] = report
    stem = without_gradient(name)
    named = [r for n, r in reports.items() if stem and stem in (n.lower(), without_loss(n))]
    if not reports:
        known = args or finder.declared(name)[0] or any(map(finder.recorded, (*of, gradient)))
        raise failed[0] if known or isinstance(failed[0], CheckError) else unknown_arguments(name, of[0])
    if len(reports) > 1 and not named:
        raise CheckError(
            f"of which loss {name} is the gradient is not known: it is right of none of {', '.join(reports)}"
        )
    return (named or [*reports.values()])[0]


def _check_derivative_of(
    finder: Finder, name: str, function: Any, gradient: Callable, args: tuple | None, **options: Any
) -> Report:
    args = finder.declared(name)[0] if args is None else args
    names, given = required(function), args is not None

    def back(given: tuple) -> Any:
        return gradient(**dict(zip(names, given, strict=True)))

    same = names == required(gradient)
    jacobian = JACOBIAN.search(name) is not None or HESSIAN.search(name) is not None
    try:
        args = args or finder.recorded(function) or (finder.recorded(gradient) if same else None)
        if args is None or not given and not guessing.usable(function, args):
            args = finder.arguments(name, function, back if same else None)
            args = _of_a_vector(function, back, args, jacobian) if same else args
    except CheckError:
        args = (0.3,)
        if len(required(function)) != 1 or not _is_number(function, args) or not _is_number(gradient, args):
            raise
    if len(args) == 1 and isinstance(args[0], float) and _is_number(function, args):  # by ``math``, of one number
        function, gradient, args = _of_entries(function), _of_entries(gradient), (np.linspace(-1.3, 1.1, 6),)
    value = function(*args)
    if np.ndim(value) and not given and same and LOSS.search(function.__name__) and not finder.recorded(function):
        args = next((t for t in guessing.of_tables(function) if _has_shape(back, t)), args)
        value = function(*args)
    defaults = takewhile(lambda p: p.name in required(gradient), parameters(function)[len(args) :])
    args = (*args, *(p.default for p in defaults))  # the gradient has none
    own = [p.name for p in parameters(function)][: len(args)]
    takes = [*required(function), *own[len(required(function)) :]]
    if len(more := required(gradient)[len(takes) :]) == 1 and re.match("d|g|up|err", more[0]):
        return check_pair(finder, name, function, gradient, args, (), **options)
    order = [takes.index(n) if n in takes else k for k, n in enumerate(required(gradient))]
    optional = {p.name: own.index(p.name) for p in parameters(gradient) if p.default is not p.empty and p.name in own}

    shapes = [np.shape(a) for a in args]
    several = (shapes.count(()),)  # numbers, whose gradients ``np.array([dw0, dw1])`` may hold
    in_one = np.size(value) == 1 and several > (1,) and several not in shapes

    def returned(*given: Any) -> Any:
        found = gradient(*(given[i] for i in order), **{n: given[i] for n, i in optional.items()})
        return tuple(found) if in_one and isinstance(found, np.ndarray) and found.shape == several else found

    rest = entries = list[int]()  # without the loss that comes with them
    if np.size(value) == 1 and type(first := returned(*args)) is tuple:
        moved = rebuild(args, lambda _, x: 0.9 * x if is_floating(x) or isinstance(x, float) else x)
        pairs = [(value, first)]
        with contextlib.suppress(Exception), np.errstate(all="ignore"):  # where the loss is not defined
            pairs += [(v, returned(*moved)) for v in [function(*moved)] if np.all(np.isfinite(v))]
        entries = [*range(len(first))]
        rest = [k for k in entries if any(np.ndim(g[k]) or g[k] != v for v, g in pairs)]

    def by_hand(*given: Any) -> Any:
        found = returned(*given)
        return found if len(rest) == len(entries) else found[rest[0]] if len(rest) == 1 else [found[k] for k in rest]

    taken = [p.replace(default=p.empty) for p in parameters(function)[: len(args)]]
    by_hand.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    if np.size(value) == 1 and (held := _held_alike(function, args, by_hand(*args))):
        function, by_hand = with_attributes(function, held), with_attributes(by_hand, held)
        args = (*(getattr(args[i], word) for i, word in held), *args)
        return check_gradient(function, by_hand, args, argnums=0, title=name, **options)
    both = {p.name for p in parameters(gradient)}
    mode = next((n for n, a in zip(own, args, strict=False) if isinstance(a, str) and n in both), None)
    if np.size(value) > 1 and mode is not None:  # each text that it is compared with: a function of its own
        k, words = own.index(mode), words_compared(function, mode)
        others, told = (*args[:k], *args[k + 1 :]), list[Report]()
        for word in dict.fromkeys((args[k], *words)):
            value_of, slope_of = (with_numbers_given(f, {mode: word}) for f in (function, gradient))
            if guessing.usable(value_of, others):
                report = _check_derivative_of(finder, name, value_of, slope_of, others, **options)
                told.append(replace(report, title=f"{name} with {mode}={word}"))
        if told:
            return next((r for r in told if not r.passed), replace(told[0], title=name))
    off = {p.name: p.default for p in parameters(function)[len(args) :] if p.name in both and guessing.is_off(p)}
    if np.size(value) > 1 and off:  # numbers for both: as they are, and where each of them counts
        reports = list[Report]()
        for numbers in (off, *(off | {n: guessing.OFF_ZERO} for n in off)):
            changed = [f"{n}={v}" for n, v in numbers.items() if v != off[n]]
            value_of, slope_of = (with_numbers_given(f, numbers) for f in (function, gradient))
            if not reports or guessing.usable(value_of, args):
                report = _check_derivative_of(finder, name, value_of, slope_of, args, **options)
                reports.append(replace(report, title=" with ".join([name, *changed])))
            if not reports[-1].passed:
                break
        return reports[0] if reports[-1].passed else reports[-1]
    if np.size(value) > 1:
        if found := _jacobian_in(function, lambda given: by_hand(*given), args, jacobian):
            args = tuple(np.asarray(a, float) if i == found[0] else a for i, a in enumerate(args))
            check = partial(check_pair, finder, name, function, _product_with(by_hand, *found))
            if HESSIAN.search(name) and not given and not finder.recorded(function):
                ways = [args, *_with_labels(own, args)]  # a square of labels may be left out
                args = max(ways, key=lambda way: nearness(check(way, (), **{**options, "explain": False})))
            return check(args, (), **options)
        if HESSIAN.search(name) or jacobian and np.shape(by_hand(*args)) != np.shape(value):
            raise Forward(f"{name} has no shape of a Jacobian with the arguments that were tried")
        if not _is_elementwise(function, args):
            raise Forward(f"{name} may be a part of a derivative: {stem_of(name)} is not elementwise")
        return check_pair(finder, name, function, by_hand, args, (), **options)
    tries = [args, *([] if given or finder.recorded(function) else guessing.vectors(function))]
    options = {"conventions": (*finder.declared(name)[1], *conventions_of(gradient)), **options}
    checks: list[Callable[..., Report]] = []
    for tried in tries:  # X @ w - y is another loss for matrices than for vectors
        try:
            where = places_of(function, by_hand(*tried), tried, returned_names(gradient))
            if len({*np.ravel(where)}) < np.size(where):  # two gradients of one argument: one of them is of another
                raise CheckError(f"which arguments the {np.size(where)} gradients of {name} are of is not known")
            tried = with_arrays(tried, where)
            check = partial(check_gradient, function, by_hand, tried, argnums=where, title=name)
            report = check(**{**options, "explain": False})
        except Exception:  # any exception of the user's code, which need not be written for vectors
            if not checks:
                raise
            continue
        if report.passed:
            return report
        checks.append(check)
    return checks[0](**options)


def _of_a_vector(function: Callable, back: Callable, args: tuple, by_name: bool) -> tuple:
    """Arguments in one of which, a vector, it is a Jacobian; those that are given where its shape is the value's."""
    value = function(*args)
    with contextlib.suppress(Exception):  # any exception of the user's code
        if not by_name and (np.size(value) == 1 or np.shape(back(args)) == np.shape(value)):
            return args
    for tried in guessing.of_vectors(function):
        with contextlib.suppress(Exception):  # the same
            if _jacobian_in(function, back, tried, by_name):
                return tried
    return args


def _jacobian_in(function: Callable, back: Callable, args: tuple, by_name: bool) -> tuple[int, int] | None:
    """Which argument it is a Jacobian in by its shape, and along how many of its axes the value lies: the first ones,
    or, if negative, the last. Where no name says that it is one, in the first argument alone."""
    value, found = np.shape(function(*args)), np.shape(back(args))
    for i, own in enumerate(map(np.shape, args if by_name else args[:1])):
        if value and own and found == (*value, *own):
            return i, len(value)
        if value and own and by_name and found == (*own, *value):
            return i, -len(value)
    return None


def _product_with(jacobian: Callable, place: int, axes: int) -> Callable:
    """A Jacobian in an argument as the backward that it is of; see ``_jacobian_in``."""

    def backward(*given: Any) -> Any:
        *own, dy = given
        j = jacobian(*own)
        dx = np.tensordot(dy, j, axes) if axes > 0 else np.tensordot(j, dy, -axes)
        return *[None] * place, dx, *[None] * (len(own) - place - 1)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = (*(p.name for p in parameters(jacobian)), "dout")
    backward.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])  # type: ignore[attr-defined]
    return backward


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


def _with_labels(names: Sequence[str], args: tuple) -> list[tuple]:
    """With classes for labels: of signs, and of zeros and ones."""
    k = next((k for k, n in enumerate(names) if kind_of(n) == "y" and is_floating(args[k])), None)
    ones = np.arange(np.size(args[k or 0])).reshape(np.shape(args[k or 0])) % 2
    return [] if k is None else [(*args[:k], classes, *args[k + 1 :]) for classes in (2 * ones - 1, ones)]


def _has_shape(back: Callable, args: tuple) -> bool:
    """Has a gradient the shape of the first argument?"""
    with contextlib.suppress(Exception):  # any exception of the user's code
        return np.shape(back(args)) == np.shape(args[0])
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
