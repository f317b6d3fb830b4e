"""Repair the user's backward: edit its source in one place after another until it gives the right gradient.

An edit that does so, at every generic test point and its sizes, is a proof: it names the line and what belongs there.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import linecache
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from types import CodeType, ModuleType
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck.autograd.copies import Copies
from jaxdoodle.gradcheck.autograd.tape import LIBRARIES, Where
from jaxdoodle.gradcheck.compare import close
from jaxdoodle.gradcheck.diagnosis.edits import Edit, Scope, edits
from jaxdoodle.gradcheck.diagnosis.evidence import CLOSE, Case, Round
from jaxdoodle.gradcheck.setup.candidate import Candidate, in_float64
from jaxdoodle.gradcheck.setup.problem import fixed_randomness, run_forward

#: Edits tried for one mistake: all of a function of 40 lines. Each is a run of the backward; of one that runs many
#: lines, fewer are tried.
MOST_EDITS, LEAST_EDITS = 6000, 800
#: Lines that may be run in all of them: some ten seconds.
MOST_LINES = 400_000
#: Edits tried where JAX traces each, at ten times the cost: none for the line alone.
MOST_IN_JAX = 400
#: Lines that count as beside another: a mistake shows a line or two after it is made.
_FEW_LINES = 3
#: What an edit elsewhere costs more: it comes after all but the additions beside the line.
_DISTANCE = 5
#: Relative distance of a gradient that is right but for a small constant of the forward, added against log(0).
_RIGHT = 3 * CLOSE
#: Factors of the forward that are tried in the backward, and how long they may be, in characters.
_MOST_FACTORS, _SHORT = 16, 40
_ELEMENTWISE = {"exp", "log", "sqrt", "tanh", "sigmoid", "abs", "sign", "log1p", "expm1", "square", "sin", "cos"}
#: Mistakes that are mended one after another.
_MOST_REPAIRS = 3


@dataclass(frozen=True)
class Repair:
    """With ``mended`` in the line ``where`` the gradients of ``leaves`` are right, at ``points`` test points."""

    name: str
    cost: int
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
    lines: int = 1  # that a run takes

    def __call__(self, r: Round) -> dict[str, Any]:
        point = replace(r.at.point, cotangent=copy.deepcopy(r.at.point.cotangent))  # an edit may change it in place
        problem, run = self.candidate.problem, copy.copy(self.candidate)
        run.problem, run.programs = replace(problem, candidate=Copies(codes=self.codes)(problem.candidate)), {}
        with jax.disable_jit():
            return run(point).gradients


@dataclass
class Source:
    """A function of the user's that the backward runs, and its syntax tree."""

    code: CodeType
    tree: ast.FunctionDef
    scope: Scope

    @functools.cached_property
    def _module(self) -> ast.Module:
        """The tree in a function that has its free names."""
        names = [ast.Assign([ast.Name(n, ast.Store())], ast.Constant(None)) for n in self.code.co_freevars]
        empty = ast.arguments([], [], None, [], [], None, [])
        extra: dict[str, Any] = {"type_params": []} if sys.version_info >= (3, 12) else {}
        outer = ast.FunctionDef("outer", empty, [*names, self.tree], [], **extra)
        return ast.fix_missing_locations(ast.Module([outer], []))

    def compiled(self) -> CodeType | None:
        """The code of the tree as it is now, in place of the function's own; None where it cannot stand there."""
        free = self.code.co_freevars
        code = compile(self._module, self.code.co_filename, "exec", dont_inherit=True)
        inner = next(c for c in code.co_consts if isinstance(c, CodeType))
        found = next((c for c in inner.co_consts if isinstance(c, CodeType) and c.co_name == self.tree.name), None)
        return found if found is not None and found.co_freevars == free else None


def repairs(
    case: Case, r: Round, wrong: list[str], named: bool, near: Where | None = None, forward: Where | None = None
) -> list[Repair]:
    """The edits that give the right gradients of the leaves that are wrong at ``r``, one for each mistake.

    ``named``: the mistake has its name, and only the line is looked for. ``near``: a line beside which edits are tried
    first; ``forward``: the line that is differentiated wrongly: of two edits of the same cost, the one in the line that
    shares more names with it is tried first.
    """
    run = _runner(case, r)
    run = replace(run, lines=_lines(lambda: run(r)))
    sources = list(_sources(case, r, run))
    others = [o for o in case.generic if o is not r and o.returned.error is None]
    found: list[Repair] = []
    while wrong and len(found) < _MOST_REPAIRS:
        best = _best(case, r, wrong, others, sources, run, named, near, forward)
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
    near: Where | None, forward: Where | None,
) -> tuple[Repair, Source, Edit] | None:  # fmt: skip
    """The cheapest edit that mends all, or else the one that mends most."""
    found = (
        (edit.cost, k, j, source, edit)
        for k, source in enumerate(sources)
        for j, edit in enumerate(edits(source.tree, source.scope))
    )
    words = _words(forward.text if forward is not None else "")

    def order(option: Any) -> tuple[int, ...]:
        cost, k, j, source, edit = option
        kept = 0 if case.problem.scalar else 2 * _DISTANCE * bool(source.scope.after)  # what a forward keeps
        shared = len(words & _words(_text(source, edit))) if words else 0
        return cost + _DISTANCE * _is_far(source, edit, near) + kept, -shared, k, j

    options = sorted(found, key=order)
    most = min(MOST_EDITS, max(LEAST_EDITS, MOST_LINES // run.lines))
    if run.by_jax:
        most = 0 if named else MOST_IN_JAX
    right = [n for n in r.got if n not in wrong and r.verdict(n) != "wrong"]
    best: tuple[Repair, Source, Edit] | None = None
    for *_, source, edit in islice(options, most):
        fixed = _fixed(run, source, edit, r, wrong, right)
        if not fixed or best is not None and len(fixed) <= len(best[0].leaves):
            continue
        if all(set(fixed) <= set(_fixed(run, source, edit, o, fixed, right) or ()) for o in others):
            told = Repair(
                edit.name, edit.cost, tuple(fixed), *place(source.tree, source.code.co_filename, edit), len(others) + 1
            )
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


def _is_far(source: Source, edit: Edit, near: Where | None) -> bool:
    """Whether an edit is elsewhere than beside the line."""
    if near is None:
        return False
    return source.code.co_filename != near.file or abs(_line(source, edit) - near.line) > _FEW_LINES


def _fixed(run: Runner, source: Source, edit: Edit, r: Round, wrong: list[str], right: list[str]) -> list[str]:
    """The wrong leaves that the edit makes right at a point; none where it makes a right one wrong."""
    edit.apply()
    try:
        code = source.compiled()
    except (SyntaxError, ValueError, TypeError, AttributeError):  # a target that cannot be assigned to, and the like
        code = None
    finally:
        edit.undo()
    if code is None:
        return []
    got = replace(run, codes=run.codes | {source.code: code})(r)
    if any(not _right(got, r, n) for n in right):
        return []
    return [n for n in wrong if _right(got, r, n)]


def _right(got: dict[str, Any], r: Round, name: str) -> bool:
    g, want = got.get(name), r.want[name]
    if g is None or np.shape(g) != want.shape or not np.isfinite(g).all():
        return False
    return close(np.asarray(g, np.float64), want, r.floor, max(r.exact, _RIGHT))


def _runner(case: Case, first: Round) -> Runner:
    eager: Candidate = copy.copy(case.candidate)
    if eager.modes[0] == "traced":
        eager.modes, eager.proven = ("numpy",), True
        if eager(first.at.point).error is not None:
            eager.modes = ("traced",)
    return Runner(eager, {}, eager.modes == ("traced",))


# -- the functions that are edited -----------------------------------------------------------------------------------


def _sources(case: Case, r: Round, run: Runner) -> Iterator[Source]:
    """The user's functions that run in the backward and not in the forward, and have a source."""
    own = _running(lambda: run(r))
    shared = _running(lambda: run_forward(case.problem, r.at.point.args))
    numbers = tuple(_numbers(code) for code in shared)
    forwards = [tree for code in shared if (tree := _tree(code)) is not None]
    survey = Copies()
    survey(case.problem.candidate)
    for code, values in own.items():
        tree = _tree(code)
        if code not in survey.functions or tree is None or _may_not_end(tree):
            continue
        after = _last_line_of_value(tree) if code in shared else 0
        if after is None:
            continue
        everything = survey.functions[code].__globals__
        used = {n: everything.get(n) for n in code.co_names}
        modules = frozenset(n for n, v in used.items() if isinstance(v, ModuleType))
        bare = {n: v for n, v in used.items() if isinstance(v, int | float)}
        numpy = next((n for n, v in everything.items() if v is np), None)
        constants = dict.fromkeys(x for group in numbers for x in group)
        known = {*values, *everything}
        scope = Scope(bare | values, tuple(constants)[:8], modules, numpy, after=after, everything=everything,
                      factors=_factors(forwards, known, ast.Mult), divisors=_factors(forwards, known, ast.Div),
                      functions=_functions(forwards, known))  # fmt: skip
        yield Source(code, tree, scope)


def _factors(forwards: list[ast.FunctionDef], known: set[str], op: type[ast.operator]) -> tuple[str, ...]:
    """What the forward multiplies (or divides) by, that has the same names in the backward."""
    found: dict[str, None] = {}
    for node in (n for tree in forwards for n in ast.walk(tree)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            sides: list[Any] = [node.left, node.right] if op is ast.Mult else []
            if isinstance(node.op, ast.Div):
                sides = [node.right] if op is ast.Div else []
            inner = node.left
            if op is ast.Mult and isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mult):
                sides.append(ast.BinOp(inner.right, node.op, node.right))  # D / keep_prob in A * D / keep_prob
            for side in sides:
                names = {n.id for n in ast.walk(side) if isinstance(n, ast.Name)}
                if names and names <= known and len(ast.unparse(side)) <= _SHORT:
                    found.setdefault(f"({ast.unparse(side)})")
    return tuple(found)[:_MOST_FACTORS]


def _functions(forwards: list[ast.FunctionDef], known: set[str]) -> tuple[str, ...]:
    """Functions of one array that the forward calls, which the backward may have left out."""
    calls = [n for tree in forwards for n in ast.walk(tree) if isinstance(n, ast.Call)]
    names = dict.fromkeys(ast.unparse(c.func) for c in calls if len(c.args) == 1 and not c.keywords)
    return tuple(n for n in names if n.rpartition(".")[2] in _ELEMENTWISE and n.partition(".")[0] in known)


def _last_line_of_value(tree: ast.FunctionDef) -> int | None:
    """Of a function that returns a loss and its gradient: the line after which only the gradient is computed."""
    returned = [n.value for n in ast.walk(tree) if isinstance(n, ast.Return)]
    last = returned[-1] if returned else None
    if not isinstance(last, ast.Tuple) or not isinstance(last.elts[0], ast.Name):
        return None
    name = last.elts[0].id
    return max(
        (n.lineno for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)),
        default=None,
    )


def _may_not_end(tree: ast.FunctionDef) -> bool:
    return any(isinstance(n, ast.While) for n in ast.walk(tree))


def _running(call: Callable[[], Any]) -> dict[CodeType, dict[str, Any]]:
    """The user's functions that run, each with its variables when it first returned."""
    found: dict[CodeType, dict[str, Any]] = {}

    def note(frame, event, value):
        code = frame.f_code
        if event == "return" and code not in found and not code.co_filename.startswith(LIBRARIES):
            found[code] = dict(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        with contextlib.suppress(Exception), in_float64(), fixed_randomness():  # what ran until then is known
            call()
    finally:
        sys.setprofile(before)
    return found


def _lines(call: Callable[[], Any]) -> int:
    """How many lines of the user's are run."""
    count, before = 1, sys.gettrace()

    def local(frame, event, value):
        nonlocal count
        count += event == "line"
        return local

    sys.settrace(lambda frame, event, value: None if frame.f_code.co_filename.startswith(LIBRARIES) else local)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def _tree(code: CodeType) -> ast.FunctionDef | None:
    try:
        module = ast.parse("".join(linecache.getlines(code.co_filename)))
    except SyntaxError:  # changed since it was run, or not Python
        return None
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            if min([node.lineno, *(d.lineno for d in node.decorator_list)]) == code.co_firstlineno:
                node.decorator_list, node.returns = [], None
                taken = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
                added = code.co_varnames[: max(code.co_argcount - len(taken), 0)]  # globals made parameters
                node.args.args[:0] = [ast.arg(n) for n in added]
                return node
    return None


def _numbers(code: CodeType) -> list[float]:
    return [x for x in code.co_consts if isinstance(x, int | float) and not isinstance(x, bool) and x not in (0, 1)]


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
    edit.undo()
    return Where.at(file, line), text
