"""Gradients and derivatives of the user's as functions beside what they are of: ``mse`` and ``mse_prime``."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.finder import Finder, Forward, Found, unknown_arguments
from jaxdoodle.submissions.functions.beside import check_beside
from jaxdoodle.submissions.reading.global_names import missing_numbers, putting, with_own_globals
from jaxdoodle.submissions.reading.loss_names import (
    GRADIENT,
    HESSIAN,
    of_the_gradient,
    without_gradient,
    without_loss,
)
from jaxdoodle.submissions.reading.returned import returned_names
from jaxdoodle.submissions.reading.source import source_text, source_tree

#: What says that a Hessian is not the whole of one.
_APPROXIMATES = re.compile(
    r"approx|(gauss|quasi).?newton|fisher|expect|diag_|\bdiagonal (of|hess)|(\b[\w.]+)\.T *(@|\.dot\() *\3\b", re.I
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
            report = check_beside(finder, name, function, gradient, args, **options)
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
