"""Repair the user's backward: edit its source in one place after another until it gives the right gradient.

An edit that does so, at every generic test point and its sizes, is a proof: it names the line and what belongs there.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import linecache
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from types import CodeType
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck.autograd.copies import Copies, names_in
from jaxdoodle.gradcheck.autograd.tape import Where
from jaxdoodle.gradcheck.compare import close
from jaxdoodle.gradcheck.diagnosis.evidence import CLOSE, Case, Round
from jaxdoodle.gradcheck.diagnosis.repairs.edits import edits
from jaxdoodle.gradcheck.diagnosis.repairs.influence import ALL, NONE, SOME, influence
from jaxdoodle.gradcheck.diagnosis.repairs.rule import Edit
from jaxdoodle.gradcheck.diagnosis.repairs.sources import LAMBDA, Source, sources_of
from jaxdoodle.gradcheck.setup.candidate import Candidate
from jaxdoodle.gradcheck.setup.line_trace import of_library, traced_by
from jaxdoodle.gradcheck.setup.problem import fixed_randomness, float_outputs, run_forward
from jaxdoodle.gradcheck.setup.test_points import KINKS

#: Edits tried for one mistake: all of a function of 40 lines. Each is a run of the backward; of one that takes many
#: lines, fewer are tried.
MOST_EDITS, LEAST_EDITS = 6000, 1000
#: Lines of the user's that may be run in all of them, and calls within libraries, which take as long: an operation of
#: JAX makes a hundred. Some ten seconds.
MOST_LINES = 400_000
#: How many times what the backward takes as it is written, an edited one may take: it may never end.
_MOST_TIMES = 20
#: What JAX compiles anew for each edited function. Where none of it is used, operations run compiled, one by one.
_COMPILE = {"jit", "pmap", "scan", "cond", "switch", "while_loop", "fori_loop", "map", "remat", "checkpoint"}
#: Edits tried where JAX traces each, at ten times the cost: none for the line alone.
MOST_IN_JAX = 400
#: Lines that count as beside another: a mistake shows a line or two after it is made.
_FEW_LINES = 3
#: What an edit elsewhere costs more: it comes after all but the additions beside the line.
_DISTANCE = 5
#: What an edit at the second of the likeliest lines costs more than one at the first.
_NEXT = 2
#: What an edit costs more by what hangs on the value there (``None``: not known).
_APART = {ALL: 0, None: 2, SOME: _DISTANCE, NONE: 2 * _DISTANCE}
#: Relative distance of a gradient that is right but for a small constant of the forward, added against log(0).
_RIGHT = 3 * CLOSE
#: Mistakes that are mended one after another.
_MOST_REPAIRS = 3


@dataclass(frozen=True)
class Repair:
    """With ``mended`` in the line ``where`` the gradients of ``leaves`` are right, at ``points`` test points."""

    name: str
    leaves: tuple[str, ...]
    where: Where
    mended: str
    points: int


@dataclass(frozen=True)
class Runner:
    """The candidate run operation by operation, in NumPy if it can: a compiled one would not see an edit.

    ``codes``: what copies of the user's functions run, by the code they have; ``by_jax``: it cannot run in NumPy.
    """

    candidate: Candidate
    codes: dict[CodeType, CodeType]
    by_jax: bool
    lines: int = 1  # of the user's, that a run takes
    calls: int = 0  # within libraries, that it takes where all is compiled
    compiles: bool = True  # is something in it that JAX would compile anew for each run?

    def __call__(self, r: Round) -> dict[str, Any]:
        point = replace(r.at.point, cotangent=copy.deepcopy(r.at.point.cotangent))  # an edit may change it in place
        problem, run = self.candidate.problem, copy.copy(self.candidate)
        run.problem, run.programs = replace(problem, candidate=Copies(codes=self.codes)(problem.candidate)), {}
        with jax.disable_jit(self.compiles):
            return run(point).gradients


@fixed_randomness()
def repairs(
    case: Case, r: Round, wrong: list[str], named: bool, near: Sequence[Where] = (), forward: Where | None = None,
    proven: frozenset[tuple[str, int]] = frozenset(),
) -> list[Repair]:  # fmt: skip
    """The edits that give the right gradients of the leaves that are wrong at ``r``, one for each mistake.

    ``named``: the mistake has its name, and only the line is looked for. ``near``: lines beside which edits are tried
    first; ``forward``: the line that is differentiated wrongly: of two edits of the same cost, the one in the line that
    shares more names with it is tried first; ``proven``: lines (file, number) that are right.
    """
    run = _runner(case, r)
    run(r)  # the first time, libraries load and compile
    with _counted(np.inf) as count:
        run(r)
    run = replace(run, lines=count.lines, calls=count.calls)
    sources = list(sources_of(case, r, run))
    others = [o for o in case.generic if o is not r and o.returned.error is None]
    others = [o for o in others if o.at.name not in KINKS] or others  # at a kink, what is right may differ
    found: list[Repair] = []
    while wrong and len(found) < _MOST_REPAIRS:
        best = _best(case, r, wrong, others, sources, run, named, near, forward, proven)
        if best is None:
            break
        repair, source, edit = best
        edit.apply()  # the next mistake is looked for with this one mended
        code = source.compiled()
        assert code is not None
        run.codes[source.code] = code
        found.append(repair)
        wrong = [n for n in wrong if n not in repair.leaves]
    return found


def _best(
    case: Case, r: Round, wrong: list[str], others: list[Round], sources: list[Source], run: Runner, named: bool,
    near: Sequence[Where], forward: Where | None, proven: frozenset[tuple[str, int]],
) -> tuple[Repair, Source, Edit] | None:  # fmt: skip
    """The cheapest edit that mends all, or else the one that mends most."""
    right = [n for n in r.got if n not in wrong and r.verdict(n) != "wrong"]
    found = []
    for k, source in enumerate(sources):
        give = partial(_edited, run, source, r)
        known = {} if run.by_jax else influence(source.tree, give, wrong, right)
        for j, edit in enumerate(edits(source.tree, source.scope, known)):
            found.append((edit.cost + _APART[known.get(id(edit.old))], k, j, source, edit))
    words = _words(forward.text if forward is not None else "")

    def order(option: Any) -> tuple[int, ...]:
        cost, k, j, source, edit = option
        kept = 0 if case.problem.scalar else 2 * _DISTANCE * source.shared  # what a forward keeps
        shared = len(words & _words(_text(source, edit))) if words else 0
        right = 2 * _DISTANCE * ((source.code.co_filename, _line(source, edit)) in proven)
        return cost + _distance(source, edit, near) + kept + right, -shared, k, j

    options = sorted(found, key=order)
    most = min(MOST_EDITS, max(LEAST_EDITS, MOST_LINES // (run.lines + run.calls)))
    if run.by_jax:
        most = 0 if named else MOST_IN_JAX
    best: tuple[Repair, Source, Edit] | None = None
    for *_, source, edit in islice(options, most):
        fixed = _fixed(run, source, edit, r, wrong, right)
        if not fixed or best is not None and len(fixed) <= len(best[0].leaves):
            continue
        if all(set(fixed) <= set(_fixed(run, source, edit, o, fixed, right) or ()) for o in others):
            told = Repair(edit.name, tuple(fixed), *place(source.tree, source.code.co_filename, edit), len(others) + 1)
            best = told, source, edit
            if len(fixed) == len(wrong):
                break
    return best


def _words(text: str) -> set[str]:
    """The names in a line; ``dz`` stands for ``z``, too."""
    names = set(re.findall(r"[A-Za-z_]\w*", text))
    return names | {n[1:] for n in names if n[0] == "d" and len(n) > 1}


def _line(source: Source, edit: Edit) -> int:
    return getattr(edit.old, "lineno", getattr(edit.parent, "lineno", source.tree.lineno))


def _text(source: Source, edit: Edit) -> str:
    return linecache.getline(source.code.co_filename, _line(source, edit))


def _distance(source: Source, edit: Edit, near: Sequence[Where]) -> int:
    """What an edit costs more for where it is: nothing in the likeliest line, most elsewhere."""
    gaps = [abs(_line(source, edit) - at.line) if source.code.co_filename == at.file else _FEW_LINES + 1 for at in near]
    return min(
        (k * _NEXT + min(gap, 1) for k, gap in enumerate(gaps) if gap <= _FEW_LINES), default=_DISTANCE * bool(near)
    )


def _fixed(run: Runner, source: Source, edit: Edit, r: Round, wrong: list[str], right: list[str]) -> list[str]:
    """The wrong leaves that the edit makes right at a point; none where it makes a right one wrong."""
    try:
        edit.apply()
        got = _edited(run, source, r)
        fixed = [n for n in wrong if _right(got, r, n)]
        if not fixed or not all(_right(got, r, n) for n in right):
            return []
        return fixed if not source.shared or _has_value(run, source, r) else []
    except SyntaxError:  # what is written there cannot be part of an expression
        return []
    finally:
        edit.undo()


def _edited(run: Runner, source: Source, r: Round) -> dict[str, Any]:
    """What the backward gives with the tree of a source as it is now; nothing where it cannot be run."""
    try:
        code = source.compiled()
    except (SyntaxError, ValueError, TypeError, AttributeError):  # a target that cannot be assigned to, and the like
        return {}
    if code is None:
        return {}
    with _counted(_MOST_TIMES * max(run.lines, 1)):
        return replace(run, codes=run.codes | {source.code: code})(r)


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
    if g.shape != want.shape or not np.isfinite(g).all():
        return False
    return close(g, want, r.floor, max(r.exact, _RIGHT))


def _runner(case: Case, first: Round) -> Runner:
    eager: Candidate = copy.copy(case.candidate)
    copies = Copies()
    copies(eager.problem.candidate)
    compiles = any(_COMPILE & set(names_in(code)) for code in copies.functions)
    if eager.modes[0] == "traced":
        eager.modes = ("numpy",)
        if eager(first.at.point).error is not None:
            eager.modes = ("traced",)
    return Runner(eager, {}, eager.modes == ("traced",), compiles=compiles)


@dataclass
class _Count:
    lines: int = 0
    calls: int = 0


@contextlib.contextmanager
def _counted(most: float) -> Iterator[_Count]:
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


def place(tree: ast.FunctionDef, file: str, edit: Edit) -> tuple[Where, str]:
    """The line of an edit, and its statement (or what is new, where that is long) as it should be."""
    line = getattr(edit.old, "lineno", getattr(edit.parent, "lineno", tree.lineno))
    edit.apply()
    inside = [
        s for s in ast.walk(tree)
        if isinstance(s, ast.stmt) and not hasattr(s, "body") and (s is edit.new or edit.parent in ast.walk(s))
    ]  # fmt: skip
    new = edit.new.body if isinstance(edit.new, ast.If) else [inside[-1] if inside else edit.new]
    text = "; ".join(map(ast.unparse, new))
    if tree.name == LAMBDA:
        text = f"lambda {ast.unparse(tree.args)}: {text.removeprefix('return ')}"
    edit.undo()
    return Where.at(file, line), text
