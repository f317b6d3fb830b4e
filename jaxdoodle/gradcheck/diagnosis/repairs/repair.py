"""Repair the user's backward: edit its source in one place after another until it gives the right gradient.

An edit that does so, at every generic test point and its sizes, is a proof: it names the line and what belongs there.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import Where
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round
from jaxdoodle.gradcheck.diagnosis.locate import computes
from jaxdoodle.gradcheck.diagnosis.repairs.edits import edits, places_in
from jaxdoodle.gradcheck.diagnosis.repairs.runner import (
    LAMBDA,
    Runner,
    Source,
    gradients_with,
    is_nothing,
    is_right,
    mends,
    runner_of,
    sources_of,
)
from jaxdoodle.gradcheck.diagnosis.repairs.scope import ALL, NONE, SOME, Edit
from jaxdoodle.gradcheck.report import Finding
from jaxdoodle.gradcheck.setup.problem import fixed_randomness
from jaxdoodle.gradcheck.setup.test_points import KINKS

#: Edits tried for one mistake: all of a function of 40 lines. Each is a run of the backward; of one that takes many
#: lines, fewer are tried.
MOST_EDITS, LEAST_EDITS = 6000, 1000
#: Edits tried where JAX traces each, at ten times the cost: none for the line alone.
MOST_IN_JAX = 400
#: Lines that count as beside another: a mistake shows a line or two after it is made.
_FEW_LINES = 3
#: What an edit elsewhere costs more: it comes after all but the additions beside the line.
_DISTANCE = 5
#: What an edit at the second of the likeliest lines costs more than one at the first.
_NEXT = 2
#: What a value is multiplied by to see what hangs on it.
_MOVED = 1.37
#: Changes below it, as a part of the largest gradient, are rounding: all that a bias before a normalization has.
_ROUNDING = 1e-10
#: What an edit costs more by what hangs on the value there (``None``: not known).
_APART = {ALL: 0, None: 2, SOME: _DISTANCE, NONE: 2 * _DISTANCE}
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


@fixed_randomness()
def repairs(
    case: Case, r: Round, wrong: list[str], named: bool, near: Sequence[Where] = (),
    proven: frozenset[tuple[str, int]] = frozenset(),
) -> list[Repair]:  # fmt: skip
    """The edits that give the right gradients of the leaves that are wrong at ``r``, one for each mistake.

    ``named``: the mistake has its name, and only the line is looked for. ``near``: lines beside which edits are tried
    first; ``proven``: lines (file, number) that are right.
    """
    run, others = runner_of(case, r), elsewhere(case, r)
    sources = list(sources_of(case, r, run))
    found, plain = list[Repair](), run(r)
    wrong = [n for n in wrong if not is_right(plain, r, n)]  # to within what an edit is held to, any would mend it
    while (
        wrong
        and len(found) < _MOST_REPAIRS
        and (best := _best(case, r, wrong, others, sources, run, named, near, proven))
    ):
        repair, source, edit = best
        edit.apply()  # the next mistake is looked for with this one mended
        if code := source.compiled():
            run.codes[source.code] = code
        found.append(repair)
        wrong = [n for n in wrong if n not in repair.leaves]
    return found


def elsewhere(case: Case, r: Round) -> list[Round]:
    """Other points at which an edit has to be right."""
    others = [o for o in case.generic if o is not r and o.returned.error is None]
    return [o for o in others if o.at.name not in KINKS] or others  # at a kink, what is right may differ


def _best(
    case: Case, r: Round, wrong: list[str], others: list[Round], sources: list[Source], run: Runner, named: bool,
    near: Sequence[Where], proven: frozenset[tuple[str, int]],
) -> tuple[Repair, Source, Edit] | None:  # fmt: skip
    """The cheapest edit that mends all, or else the one that mends most."""
    right = [n for n in r.got if n not in wrong and r.verdict(n) != "wrong"]
    most = min(MOST_EDITS, max(LEAST_EDITS, int(run.lines.left // (run.usual * run.weight))))
    if run.by_jax:
        most = 0 if named else MOST_IN_JAX
    found = []
    apart = not all(source.shared for source in sources)
    for k, source in enumerate(sources):
        give = partial(gradients_with, run, source, r)
        known = {} if run.by_jax else influence(source.tree, give, wrong, right)
        for j, edit in enumerate(edits(source.tree, source.scope, known)):
            if apart and source.shared and edit.name in _SCALES:
                continue
            at = source.code.co_filename, _line(source.tree, edit)
            unlikely = (at in proven) + source.shared  # what the forward runs, too
            cost = edit.cost + _APART[known.get(id(edit.old))] + _distance(at, near) + 2 * _DISTANCE * unlikely
            cost += not computes(Where.at(*at))  # what unpacks a cache is written for all that reads it
            found.append((cost, k, j, source, edit))
    options = sorted(found, key=lambda option: option[:3])
    best: tuple[Repair, Source, Edit] | None = None
    for *_, source, edit in islice(options, most):
        if run.lines.ran_out:
            break
        fixed = mends(run, source, edit, r, wrong, right)
        if not fixed or best is not None and len(fixed) <= len(best[0].leaves):
            continue
        everywhere = all(set(fixed) <= set(mends(run, source, edit, o, fixed, right)) for o in others)
        if everywhere and not is_nothing(run, source, edit, r, fixed, right):
            told = Repair(edit.name, tuple(fixed), *place(source.tree, source.code.co_filename, edit), len(others) + 1)
            best = told, source, edit
            if len(fixed) == len(wrong):
                break
    return best


#: Of what a forward keeps nothing is scaled on purpose; a scale is left out where gradients are computed.
_SCALES = frozenset({"factor left out", "divisor left out"})


def _line(tree: ast.FunctionDef, edit: Edit) -> int:
    return getattr(edit.old, "lineno", getattr(edit.parent, "lineno", tree.lineno))


def _distance(place: tuple[str, int], near: Sequence[Where]) -> int:
    """What an edit costs more for where it is: nothing in the likeliest line, most elsewhere."""
    file, line = place
    gaps = [abs(line - at.line) if file == at.file else _FEW_LINES + 1 for at in near]
    costs = [k * _NEXT + min(gap, 1) for k, gap in enumerate(gaps) if gap <= _FEW_LINES]
    return min(costs, default=_DISTANCE * bool(near))


def place(tree: ast.FunctionDef, file: str, edit: Edit) -> tuple[Where, str]:
    """The line of an edit, and its statement (or what is new, where that is long) as it should be."""
    line = _line(tree, edit)
    edit.apply()
    lines = (s for s in ast.walk(tree) if isinstance(s, ast.stmt) and not hasattr(s, "body"))
    inside = [s for s in lines if s is edit.new or edit.parent in ast.walk(s)]
    new = edit.new.body if isinstance(edit.new, ast.If) else [inside[-1] if inside else edit.new]
    text, written = "; ".join(map(ast.unparse, new)), "".join(linecache.getlines(file))
    text = re.sub(r"(?<=\.)_[A-Za-z]\w*?__(?=[A-Za-z])", lambda m: m[0] if f".{m[0]}" in written else "__", text)
    if tree.name == LAMBDA:
        text = f"lambda {ast.unparse(tree.args)}: {text.removeprefix('return ')}"
    edit.undo()
    return Where.at(file, line), text


def influence(
    function: ast.FunctionDef, run: Callable[[], dict[str, Any]], wrong: Sequence[str], right: Sequence[str]
) -> dict[int, int]:
    """For nodes of the tree, by their id, what hangs on the value there.

    ``run`` gives the gradients that the tree as it is now gives; where that fails, nothing is known of the place.
    """
    before, found = run(), {}
    sizes = (np.abs(np.nan_to_num(g, posinf=0, neginf=0)).max(initial=0) for g in before.values())
    rounding = _ROUNDING * max(sizes, default=0)
    for parent, name, index, node in list(_values(function)):
        moving = Edit("", 0, parent, name, index, node, ast.BinOp(node, ast.Mult(), ast.Constant(_MOVED)))
        moving.apply()
        after = run()
        moving.undo()
        if before.keys() == after.keys() and all(np.shape(after[n]) == np.shape(g) for n, g in before.items()):
            moved = {n for n, g in before.items() if not np.allclose(after[n], g, _ROUNDING, rounding, equal_nan=True)}
            alone = moved & {*wrong} if not moved & {*right} else set()
            found[id(node)] = ALL if alone == {*wrong} else SOME if alone else NONE
    known: dict[int, int] = {}
    _spread(function, None, found, known)
    return known


def _values(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.expr]]:
    """What is assigned, returned or given to a call that stands alone, entry by entry, with its place."""
    for statement in ast.walk(node):
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.Return) and statement.value is not None:
            yield from _entries(statement, "value", None, statement.value)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and statement.value.args:
            yield from _entries(statement.value, "args", len(statement.value.args) - 1, statement.value.args[-1])


def _entries(
    parent: ast.AST, name: str, index: int | None, node: ast.expr
) -> Iterator[tuple[ast.AST, str, int | None, ast.expr]]:
    several = isinstance(node, ast.Tuple | ast.List | ast.Dict)
    if isinstance(node, ast.ListComp):
        yield from _entries(node, "elt", None, node.elt)
    elif not several:
        yield parent, name, index, node
    inner = node.args if isinstance(node, ast.Call) else []  # np.concatenate([a, b])
    for each in [node] if several else [a for a in inner if isinstance(a, ast.Tuple | ast.List)]:
        field = "values" if isinstance(each, ast.Dict) else "elts"
        for k, entry in enumerate(getattr(each, field)):
            yield from _entries(each, field, k, entry)


def _spread(node: ast.AST, here: int | None, found: dict[int, int], known: dict[int, int]) -> int | None:
    """A node is as the value that it is part of; what holds several of them, as the best."""
    here = found.get(id(node), here)
    below = [_spread(child, here, found, known) for child in ast.iter_child_nodes(node)]
    if here is None:
        told = [b for b in below if b is not None]
        here = max(told, default=None)
        if here is not None and not hasattr(node, "body"):
            known.update({id(n): here for n in ast.walk(node) if id(n) not in known})
    if here is not None:
        known[id(node)] = here
    return here


@fixed_randomness()
def mended_by(case: Case, r: Round, wrong: Sequence[str], known: Sequence[Finding]) -> tuple[Finding, Repair] | None:
    """The first of the findings whose mended statement, in its line, makes all that is wrong right."""
    if not known:
        return None
    run, points = runner_of(case, r), [r, *elsewhere(case, r)]
    right = [n for n in r.got if n not in wrong and r.verdict(n) != "wrong"]
    for source in sources_of(case, r, run):
        for finding in known:
            edit = _edit(source.tree, source.code.co_filename, finding)
            if edit and all(set(wrong) <= set(mends(run, source, edit, p, [*wrong], right)) for p in points):
                assert finding.backward is not None
                return finding, Repair(finding.name, tuple(wrong), finding.backward, finding.mended, len(points))
    return None


def _edit(function: ast.FunctionDef, file: str, finding: Finding) -> Edit | None:
    """What puts the mended statement in the place of the one in its line."""
    if finding.backward is None or finding.backward.file != file:
        return None
    line, new = finding.backward.line, ast.parse(finding.mended).body
    for place in places_in(function):
        old = place[-1]
        if isinstance(old, ast.stmt) and not hasattr(old, "body") and old.lineno <= line <= (old.end_lineno or 0):
            return Edit(finding.name, 0, *place, new[0]) if len(new) == 1 else None
    return None
