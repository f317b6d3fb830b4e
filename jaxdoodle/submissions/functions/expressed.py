"""Losses that return expressions beside their value, as ``return loss, (p - y) / n``: gradients, unless they are shown
to be something else."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.finder import Finder, Forward, Found
from jaxdoodle.submissions.functions.value_and_gradients import check_loss
from jaxdoodle.submissions.objects.modes import proved
from jaxdoodle.submissions.reading.loss_names import GRADIENT, LOSS
from jaxdoodle.submissions.reading.source import source_tree, symbolic_shapes

#: What is said where others gave no gradient, or a wrong one.
_VECTORS = "checked with vectors, and not for arrays of more axes"


def losses(finder: Finder) -> Iterator[Found]:
    """Functions called a loss, or whose value is, that return expressions beside it."""
    for name, function in finder.functions.items():
        entries = _expressions(name, function)
        if id(function) not in finder.taken and required(function) and entries:
            finder.taken.add(id(function))
            yield Found(name, function, partial(_check, finder, name, function, len(entries)))


def _expressions(name: str, function: Callable) -> list[ast.expr]:
    """What a loss computes in its last line beside its value, in a tuple too; none where one is a name of anything."""
    nodes = ast.walk(source_tree(function) or ast.Module([], []))
    returned = max((n for n in nodes if isinstance(n, ast.Return)), key=lambda n: n.lineno, default=None)
    value, *rest = getattr(returned and returned.value, "elts", None) or [ast.Constant(None)]
    if not (LOSS.search(name) or LOSS.search(ast.unparse(value))):
        return []
    entries = [e for r in rest for e in (r.elts if isinstance(r, ast.Tuple | ast.List) else [r])]
    return entries if all(isinstance(e, ast.BinOp | ast.UnaryOp | ast.Call) for e in entries) else []


def _guesses(finder: Finder, name: str, function: Callable) -> Iterator[tuple]:
    """Vectors of one length, then vectors beside a matrix: ``len(y)`` may stand for the size where no text tells of
    other axes."""
    if finder.recorded(function) is not None or any(len(s) > 1 for s in symbolic_shapes(function).values()):
        return
    rng = np.random.default_rng(0)
    args = finder.arguments(name, function)
    yield tuple(np.resize(a, 5) if np.ndim(a) else a for a in args)
    yield tuple(rng.normal(size=5) if np.ndim(a) or isinstance(a, float) else a for a in args)
    yield tuple(rng.normal(size=5) if np.ndim(a) else a for a in args)
    yield from guessing.vectors(function)


def _check(finder: Finder, name: str, function: Callable, count: int, **options: Any) -> Report:
    """What is no gradient may be something else: wrong is what a mistake is proved in, or what is called a gradient."""
    best: Report | None = None
    own = [p.name for p in parameters(function)]
    for given in chain([None], _guesses(finder, name, function)):
        with contextlib.suppress(Exception):  # any exception of the user's code, which need not be written for vectors
            report = check_loss(finder, name, function, given, **options)
            report = report if given is None else replace(report, notes=(*report.notes, _VECTORS))
            places = [own.index(leaf.name) for leaf in report.leaves]  # in another order than theirs: something else
            if len(places) == count and (report.passed or places == sorted(places) and (not best or not proved(best))):
                best = report
        if best is not None and best.passed:
            return best
    if best is None or not proved(best) and not GRADIENT.search(name):
        raise Forward(f"{name} returns more than a value: no gradient, or a wrong one (call it grad to check it)")
    return best
