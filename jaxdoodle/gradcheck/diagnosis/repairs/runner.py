"""The user's functions that the backward runs, as syntax trees that are edited, compiled and run again: which gradients
they give with an edit in place, and whether these are right."""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import linecache
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import CodeType, FunctionType, ModuleType
from typing import Any

import jax
import numpy as np

from jaxdoodle.core.kept import untraced
from jaxdoodle.gradcheck.autograd.copies import Copies, names_in
from jaxdoodle.gradcheck.compare import close
from jaxdoodle.gradcheck.diagnosis.evidence import CLOSE, Budget, Case, Round
from jaxdoodle.gradcheck.diagnosis.repairs.scope import Edit, Scope, expr
from jaxdoodle.gradcheck.setup.candidate import Candidate, in_float64
from jaxdoodle.gradcheck.setup.line_trace import of_library, traced_by
from jaxdoodle.gradcheck.setup.problem import fixed_randomness, float_outputs, run_forward

#: Factors of the forward that are tried in the backward, and how long they may be, in characters.
_MOST_FACTORS, _SHORT = 16, 40
#: What a lambda is called as a function.
LAMBDA = "lambda_"
#: What statements that are no function are called as one.
STATEMENTS = "statements_"
_ELEMENTWISE = {"exp", "log", "sqrt", "tanh", "sigmoid", "abs", "sign", "log1p", "expm1", "square", "sin", "cos"}


@dataclass
class Source:
    """A function of the user's that the backward runs, and its syntax tree.

    ``whole``: the tree that ``code`` is compiled of: that of the function, or of the one that it is defined in.
    ``shared``: the forward runs it, too. ``altered``: what is done to the tree before it is compiled.
    """

    code: CodeType
    tree: ast.FunctionDef
    scope: Scope
    whole: ast.FunctionDef
    shared: bool
    altered: Callable[[Any], Any] | None

    @functools.cached_property
    def _module(self) -> ast.Module:
        """The tree in a function that has its free names."""
        names = [ast.Assign([ast.Name(n, ast.Store())], ast.Constant(None)) for n in self.code.co_freevars]
        empty = ast.arguments([], [], None, [], [], None, [])
        outer = _function("outer", empty, [*names, self.whole])
        return ast.fix_missing_locations(ast.Module([outer], []))

    def compiled(self) -> CodeType | None:
        """The code of the tree as it is now, in place of the function's own; None where it cannot stand there."""
        free = self.code.co_freevars
        module = self.altered(copy.deepcopy(self._module)) if self.altered else self._module
        code = compile(module, self.code.co_filename, "exec", dont_inherit=True)
        inner = next(c for c in code.co_consts if isinstance(c, CodeType))
        found = next((c for c in inner.co_consts if isinstance(c, CodeType) and c.co_name == self.whole.name), None)
        return found if found is not None and found.co_freevars == free else None


def sources_of(case: Case, r: Round, run: Callable[[Round], Any]) -> Iterator[Source]:
    """The user's functions that run in the backward and have a source.

    One that is defined in another is edited where it stands: a forward may return its backward.
    """
    own = _running(lambda: run(r))
    shared = _running(lambda: run_forward(case.problem, r.at.point.args))
    numbers = tuple(_numbers(code) for code in shared)
    forwards = [tree for code in shared if (tree := _tree(code)) is not None]
    survey = Copies()
    survey(case.problem.candidate)
    trees: dict[CodeType, ast.FunctionDef | None] = {}
    for code, values in own.items():
        outer = next((c for c in survey.functions if code in _inside(c)), None)
        if outer is None:
            continue
        whole = trees[outer] if outer in trees else trees.setdefault(outer, _tree(outer))
        tree = whole if outer is code or whole is None else _node(whole, code)
        if whole is None or tree is None:
            continue
        everything = survey.functions[outer].__globals__
        used = {n: everything.get(n) for n in code.co_names}
        modules = frozenset(n for n, v in used.items() if isinstance(v, ModuleType))
        bare = {n: v for n, v in used.items() if isinstance(v, int | float)}
        numpy = next((n for n, v in everything.items() if v is np), None)
        constants = dict.fromkeys(x for group in numbers for x in group)
        known = {*values, *everything}
        scope = Scope(bare | values, tuple(constants)[:8], modules, numpy, everything=everything,
                      factors=_factors(forwards, known, ast.Mult), divisors=_factors(forwards, known, ast.Div),
                      functions=_functions(forwards, everything), forwards=forwards)  # fmt: skip
        yield Source(outer, tree, scope, whole, code in shared, getattr(survey.functions[outer], "altered", None))


def _factors(forwards: list[ast.FunctionDef], known: set[str], op: type[ast.operator]) -> tuple[str, ...]:
    """What the forward multiplies (or divides) by, that has the same names in the backward."""
    found: dict[str, None] = {}
    for node in (n for tree in forwards for n in ast.walk(tree) if isinstance(n, ast.BinOp)):
        sides: list[Any] = [node.right] if isinstance(node.op, op) else []
        if op is ast.Mult and isinstance(node.op, ast.Mult | ast.Div):
            inner = node.left
            sides = [inner, node.right] if sides else []
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mult):
                sides.append(ast.BinOp(inner.right, node.op, node.right))  # D / keep_prob in A * D / keep_prob
        for side in sides:
            names, text = {n.id for n in ast.walk(side) if isinstance(n, ast.Name)}, ast.unparse(side)
            if names and names <= known and len(text) <= _SHORT:
                found.setdefault(f"({text})")
    return tuple(sorted(found, key=len))[:_MOST_FACTORS]  # a name by itself is left out more often than a product


def _functions(forwards: list[ast.FunctionDef], known: Mapping[str, Any]) -> tuple[str, ...]:
    """Functions of one array, the user's too, that the forward calls, which the backward may have left out."""
    calls = [n for tree in forwards for n in ast.walk(tree) if isinstance(n, ast.Call)]
    names = dict.fromkeys(ast.unparse(c.func) for c in calls if len(c.args) == 1 and not c.keywords)
    usual = (n for n in names if n.rpartition(".")[2] in _ELEMENTWISE and n.partition(".")[0] in known)
    return tuple(dict.fromkeys((*usual, *(n for n in names if isinstance(known.get(n), FunctionType)))))


def _running(call: Callable[[], Any]) -> dict[CodeType, dict[str, Any]]:
    """The user's functions that run, each with its variables when it first returned."""
    found: dict[CodeType, dict[str, Any]] = {}

    def note(frame, event, value):
        code = frame.f_code
        if event == "return" and code not in found and not of_library(frame):
            found[code] = {n: untraced(v, np.random.default_rng(0)) for n, v in frame.f_locals.items()}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        with contextlib.suppress(Exception), in_float64(), fixed_randomness():  # what ran until then is known
            call()
    finally:
        sys.setprofile(before)
    return found


def _inside(code: CodeType) -> Iterator[CodeType]:
    """The code of a function, and of those that are defined in it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _inside(inner)


def _tree(code: CodeType) -> ast.FunctionDef | None:
    try:
        node = _node(with_private_names(ast.parse("".join(linecache.getlines(code.co_filename)))), code)
    except SyntaxError:  # changed since it was run, or not Python
        return None
    if node is not None:
        node.decorator_list, node.returns = [], None
        taken = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        added = code.co_varnames[: max(code.co_argcount - len(taken), 0)]  # globals made parameters
        node.args.args[:0] = [ast.arg(n) for n in added]
    return node


def with_private_names(tree: Any) -> Any:
    """The tree with attributes as they are called outside of their class: ``self._Net__w`` for ``self.__w``."""
    for cls in (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)):
        for node in ast.walk(cls):
            if isinstance(node, ast.Attribute) and node.attr[:2] == "__" and node.attr[-2:] != "__":
                node.attr = f"_{cls.name.lstrip('_')}{node.attr}"
    return tree


def _node(tree: ast.AST, code: CodeType) -> ast.FunctionDef | None:
    """Where the function stands in a tree; a lambda, where its line has one of these arguments, as a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            if min([node.lineno, *(d.lineno for d in node.decorator_list)]) == code.co_firstlineno:
                return node
    takes = list(code.co_varnames[: code.co_argcount])
    if code.co_name == STATEMENTS:
        places = {(line, column) for line, _, column, _ in code.co_positions()}  # where its instructions begin
        bodies = ([s for s in getattr(n, "body", []) if _begins(s) & places] for n in ast.walk(tree))
        return next((_of_statements(nodes, takes) for nodes in bodies if nodes), None)
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda) and n.lineno == code.co_firstlineno
             and [a.arg for a in n.args.args] == takes]  # fmt: skip
    if code.co_name != "<lambda>" or len(found) != 1 or not isinstance(tree, ast.Module):
        return None
    return _function(LAMBDA, found[0].args, [ast.copy_location(ast.Return(found[0].body), found[0].body)])


def _begins(statement: ast.stmt) -> set[tuple[int, int]]:
    """Where the first instructions of a statement may be told to begin."""
    nodes = [n for n in ast.iter_child_nodes(statement) if hasattr(n, "lineno") and not isinstance(n, ast.stmt)]
    return {(n.lineno, n.col_offset) for n in (statement, *nodes)}  # type: ignore[attr-defined]


def _function(name: str, arguments: ast.arguments, body: list[ast.stmt]) -> ast.FunctionDef:
    extra: dict[str, Any] = {"type_params": []} if sys.version_info >= (3, 12) else {}
    return ast.copy_location(ast.FunctionDef(name, arguments, body, [], **extra), body[0])


def _of_statements(nodes: list[ast.stmt], takes: Sequence[str]) -> ast.FunctionDef:
    """Statements as a function that returns all its variables."""
    own = ast.Call(ast.Name("locals", ast.Load()), [], [])
    arguments = ast.arguments([], [ast.arg(n) for n in takes], None, [], [], None, [])
    return _function(STATEMENTS, arguments, [*nodes, ast.copy_location(ast.Return(own), nodes[-1])])


def function_of(nodes: list[ast.stmt], takes: Sequence[str], file: str) -> CodeType:
    """The code of statements as a function: its parameters are variables, and it returns all that there are then.

    Args:
      nodes: Statements that follow each other, with others between them or not.
      takes: The variables that they find.
      file: Of which they are, as tracebacks name it; a mistake in them is told and mended there.
    """
    tree = ast.fix_missing_locations(ast.Module([_of_statements(nodes, takes)], []))
    return next(c for c in compile(tree, file, "exec", dont_inherit=True).co_consts if isinstance(c, CodeType))


def _numbers(code: CodeType) -> list[float]:
    return [x for x in code.co_consts if isinstance(x, int | float) and not isinstance(x, bool) and x not in (0, 1)]


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
        fixed = [n for n in wrong if is_right(got, r, n)]
        if not fixed or not all(is_right(got, r, n) for n in right):
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


def is_right(got: dict[str, Any], r: Round, name: str) -> bool:
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
