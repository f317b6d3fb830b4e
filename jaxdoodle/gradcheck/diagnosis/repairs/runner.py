"""The backward run with edited functions: what gradients it gives with an edit in place, and whether they are right."""

from __future__ import annotations

import ast
import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck.autograd.copies import Copies, names_in
from jaxdoodle.gradcheck.compare import close
from jaxdoodle.gradcheck.diagnosis.evidence import CLOSE, Budget, Case, Round
from jaxdoodle.gradcheck.diagnosis.repairs.scope import Edit, expr
from jaxdoodle.gradcheck.diagnosis.repairs.sources import Source
from jaxdoodle.gradcheck.setup.candidate import Candidate
from jaxdoodle.gradcheck.setup.line_trace import of_library, traced_by
from jaxdoodle.gradcheck.setup.problem import float_outputs, run_forward

#: Calls within libraries that take as long as a line: an operation of JAX makes a hundred.
_CALLS = 10
#: How many times what the backward takes as it is written, an edited one may take: it may never end.
_MOST_TIMES = 20
#: What JAX compiles anew for each edited function. Where none of it is used, operations run compiled, one by one.
_COMPILE = {"jit", "pmap", "scan", "cond", "switch", "while_loop", "fori_loop", "map", "remat", "checkpoint"}
#: Relative distance of a gradient that is right but for a small constant of the forward, added against log(0).
_RIGHT = 3 * CLOSE


@dataclass(frozen=True)
class Runner:
    """The candidate run operation by operation, in NumPy if it can: a compiled one would not see an edit.

    ``codes``: what copies of the user's functions run, by the code they have; ``by_jax``: it cannot run in NumPy.
    """

    candidate: Candidate
    codes: dict[CodeType, CodeType]
    by_jax: bool
    lines: Budget  # of the user's, that edited ones may still run
    usual: int = 1  # lines of a run as it is written
    weight: float = 1.0  # of a line, with the calls within libraries
    compiles: bool = True  # is something in it that JAX would compile anew for each run?

    def __call__(self, r: Round) -> dict[str, Any]:
        point = replace(r.at.point, cotangent=copy.deepcopy(r.at.point.cotangent))  # an edit may change it in place
        problem, run = self.candidate.problem, copy.copy(self.candidate)
        run.problem, run.programs = replace(problem, candidate=Copies(codes=self.codes)(problem.candidate)), {}
        with jax.disable_jit(self.compiles):
            return run(point).gradients


def mends(run: Runner, source: Source, edit: Edit, r: Round, wrong: list[str], right: list[str]) -> list[str]:
    """The wrong leaves that the edit makes right at a point; none where it makes a right one wrong."""
    try:
        edit.apply()
        got = gradients_with(run, source, r)
        fixed = [n for n in wrong if _right(got, r, n)]
        if not fixed or not all(_right(got, r, n) for n in right):
            return []
        return fixed if not source.shared or _has_value(run, source, r) else []
    except SyntaxError:  # what is written there cannot be part of an expression
        return []
    finally:
        edit.undo()


def is_nothing(run: Runner, source: Source, edit: Edit, r: Round, fixed: list[str], right: list[str]) -> bool:
    """Would 0 do as well as what an edit puts there (``a - a``)? Then that does not tell what belongs there."""
    new = expr(edit.new) if isinstance(edit.new, str) else edit.new
    nought = replace(edit, new=ast.BinOp(ast.Constant(0), ast.Mult(), new))
    return isinstance(new, ast.BinOp) and bool(mends(run, source, nought, r, fixed, right))


def gradients_with(run: Runner, source: Source, r: Round) -> dict[str, Any]:
    """What the backward gives with the tree of a source as it is now; nothing where it cannot be run."""
    try:
        code = source.compiled()
    except (SyntaxError, ValueError, TypeError, AttributeError):  # a target that cannot be assigned to, and the like
        return {}
    if code is None:
        return {}
    with counted(_MOST_TIMES * run.usual) as count:
        try:
            return replace(run, codes=run.codes | {source.code: code})(r)
        finally:
            run.lines.left -= run.weight * count.lines


def _has_value(run: Runner, source: Source, r: Round) -> bool:
    """Does the forward, where it runs what is edited, too, still give what it gives as it is written?"""
    problem, code = run.candidate.problem, source.compiled()
    assert code is not None
    edited = replace(problem, value=Copies(codes=run.codes | {source.code: code})(problem.value))
    try:
        ys = [float_outputs(run_forward(p, r.at.point.args)) for p in (problem, edited)]
    except Exception:  # any exception of the user's code
        return False
    return ys[0].keys() == ys[1].keys() and all(np.array_equal(y, ys[1][n]) for n, y in ys[0].items())


def _right(got: dict[str, Any], r: Round, name: str) -> bool:
    g, want = got.get(name), r.want[name]
    try:
        g = np.asarray(g, np.float64)
    except (TypeError, ValueError):  # of an edit that makes no numbers
        return False
    return close(g, want, r.floor, max(r.exact, _RIGHT))


def runner_of(case: Case, r: Round) -> Runner:
    eager: Candidate = copy.copy(case.candidate)
    copies = Copies()
    copies(eager.problem.candidate)
    compiles = any(_COMPILE & set(names_in(code)) for code in copies.functions)
    if eager.modes[0] == "traced":
        eager.modes = ("numpy",)
        if eager(r.at.point).error is not None:
            eager.modes = ("traced",)
    run = Runner(eager, {}, eager.modes == ("traced",), case.lines, compiles=compiles)
    run(r)  # the first time, libraries load and compile
    with counted(np.inf) as count:
        run(r)
    lines = max(count.lines, 1)
    return replace(run, usual=lines, weight=1 + count.calls / _CALLS / lines)


@dataclass
class _Count:
    lines: int = 0
    calls: int = 0


@contextlib.contextmanager
def counted(most: float) -> Iterator[_Count]:
    """Counts the lines of the user's that are run, and calls within libraries; a line after ``most`` raises.

    Calls within libraries have no limit: what is called for the first time in a process may be compiled.
    """
    count = _Count()

    def local(frame, event, value):
        count.lines += event == "line"
        if count.lines > most:
            raise RuntimeError("it does not end")
        return local

    def enter(frame, event, value):
        if not of_library(frame):
            return local
        count.calls += 1
        return None

    with traced_by(enter):
        yield count
