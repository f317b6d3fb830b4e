"""Find gradients that are computed beside their value: in a script, a notebook, a function or a loop that trains."""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any

import numpy as np

from jaxdoodle.core.user_code import is_main
from jaxdoodle.gradcheck.api import check_gradient
from jaxdoodle.gradcheck.diagnosis.repairs.runner import with_private_names
from jaxdoodle.gradcheck.report import UNNAMED, Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.leaves import bare
from jaxdoodle.gradcheck.setup.problem import CheckError, fixed_randomness
from jaxdoodle.submissions.arguments.arrays import as_numbers, is_tensor, taking_tensors
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.finder import Finder, Forward, Found
from jaxdoodle.submissions.objects.instances import objects_of
from jaxdoodle.submissions.reading.global_names import globals_read, with_own_globals
from jaxdoodle.submissions.statements.block import HOLDERS, Block, Statement, blocks_of, gradients_in, with_entries

#: What statements that stand in no function are called.
_PROGRAM = "statements"
#: What to do where data are not known.
_CALL_IT = 'call it below if __name__ == "__main__"'


def blocks(finder: Finder, checked: set[str]) -> Iterator[Found]:
    """Of the program, of its loops, and of functions that nothing else checks; ``checked``: classes and methods."""
    calls = globals_read(finder.names)
    trees = ((file, with_private_names(copy.deepcopy(tree))) for file, tree in finder.code.trees)
    program = [Statement(node, file, calls) for file, tree in trees for node in tree.body]
    for name, function, s in _functions(finder, program, checked):
        if starts := [
            (body, functools.partial(_variables, finder, function, s.node, body[0].node, ran))
            for body, ran in _starts(s)
            if not (_handed(finder, body) and _never_runs(finder, function))
        ]:
            bodies = [(body, functools.partial(start, finder.called_with(function))) for body, start in starts]
            if _never_runs(finder, function):
                yield Found(name, function, functools.partial(_with_made_up, finder, name, function, starts))
            else:
                yield Found(name, function, functools.partial(check_blocks, name, bodies))
    held = (s for s in program if isinstance(s.node, HOLDERS) and not is_main(s.node))
    for body in (program, *(b for s in held for b in _bodies(s))):
        body = [s for s in body if not isinstance(s.node, ast.FunctionDef | ast.ClassDef)]
        if of := blocks_of(body, finder.names):
            yield Found(
                _PROGRAM,
                _begin(of[0].first[0].node.lineno),
                functools.partial(check_blocks, _PROGRAM, [(body, lambda: finder.names)]),
            )
    for name, function, s in _functions(finder, program, checked) if not checked else ():
        for body in () if any(map(blocks_of, _bodies(s))) else _bodies(s):
            written = {n for each in body if not each.loops for n in each.writes}
            alone = sorted(written & {*gradients_in(body).values()})
            if len(alone) > 1:
                yield Found(name, function, functools.partial(_without_value, name, alone))
                break


def _handed(finder: Finder, body: list[Statement]) -> bool:
    """Does a function that is checked by itself give all gradients?"""
    body = [*with_entries(body)]
    taken, gradients = {n for n, f in finder.functions.items() if id(f) in finder.taken}, {*gradients_in(body).values()}
    return all(s.own & taken for s in body if s.writes & gradients)


def _never_runs(finder: Finder, function: Callable) -> bool:
    return bool(required(function)) and not finder.called_with(function)


def _begin(line: int) -> Callable:
    """A function that begins at a line, as what is found tells where it stands."""
    code = (lambda: None).__code__
    return FunctionType(code.replace(co_firstlineno=line), {})


def _without_value(name: str, gradients: Sequence[str], **_: Any) -> Report:
    raise CheckError(f"{name} computes {' and '.join(gradients)}, and no loss beside them to compare them with")


def _functions(finder: Finder, program: list[Statement], checked: set[str]) -> Iterator[tuple[str, Any, Statement]]:
    """Name, function and statement of functions, and of methods of classes, that nothing else checks."""
    for s in program:
        if isinstance(s.node, ast.FunctionDef) and s.node.name in finder.functions:
            if id(function := finder.functions[s.node.name]) not in finder.taken:
                yield s.node.name, function, _inside(s, s.node, function)
        elif isinstance(s.node, ast.ClassDef) and s.node.name not in checked:
            for node in s.node.body:
                method = getattr(finder.names.get(s.node.name), getattr(node, "name", ""), None)
                name = f"{s.node.name}.{getattr(node, 'name', '')}"
                if isinstance(node, ast.FunctionDef) and method is not None and name not in checked:
                    yield name, method, _inside(s, node, method)
        elif is_main(s.node):
            yield _PROGRAM, _begin(s.node.lineno), replace(s, node=_as_function(s.node))


def _inside(s: Statement, node: ast.stmt, function: Any) -> Statement:
    """A function's statement: its own variables are none that others read."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    own = {*code.co_varnames, *code.co_cellvars} if code else set[str]()
    return replace(s, node=node, calls={n: read - own for n, read in s.calls.items()})


def _as_function(main: Any) -> ast.FunctionDef:
    """What follows ``if __name__ == "__main__"`` as a function whose variables are global ones."""
    stored = {n.id for n in ast.walk(main) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    function: Any = ast.parse(f"def {_PROGRAM}():\n global {', '.join(sorted(stored) or ['_'])}").body[0]
    function.body += [_Unannotated().visit(statement) for statement in main.body]
    return ast.copy_location(function, main)


class _Unannotated(ast.NodeTransformer):
    """``x: float = 1.0`` without the type, which no global variable of a function may have."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if not isinstance(node.target, ast.Name):
            return node
        return ast.copy_location(ast.Assign([node.target], node.value) if node.value else ast.Pass(), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return node  # its variables are its own

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        return node


def _bodies(s: Statement) -> Iterator[list[Statement]]:
    """Of a function or what holds statements, and of what does so in it."""
    for node in ast.walk(s.node):
        if node is s.node or isinstance(node, HOLDERS):
            yield [replace(s, node=n) for n in node.body]  # type: ignore[attr-defined]


def _starts(s: Statement) -> Iterator[tuple[list[Statement], int]]:
    """What computes gradients in a function, and how many statements run before its variables are looked at: none; or
    all of those that stand straight in it, as parameters may begin among them."""
    bodies = [body for body in _bodies(s) if blocks_of(body)]
    yield from ((body, 0) for body in bodies)
    for body in (b for b in bodies if b[0].node is s.node.body[0]):  # type: ignore[attr-defined]
        of = [each for block in blocks_of(body) for each in (*block.first, *block.then)]
        yield body, max(k for k, each in enumerate(body, 1) if each in of)


def _with_made_up(finder: Finder, name: str, function: Any, starts: Sequence[tuple], **options: Any) -> Report:
    """With data in place of those that the file does not hand a ``fit(X, y)``.

    Right: with all labels that fit, of the first shapes that do. Wrong: with all that fit, of any shapes, and a
    gradient is right. Else the data may be other ones. They fit where each gradient has the shape of its parameter.
    """
    wrong = list[tuple[Sequence, str]]()
    for of_shapes in _made_up(finder, name, function):
        right = list[tuple[Report, str]]()
        for told, given in of_shapes.items():
            bodies = [(body, functools.partial(start, given)) for body, start in starts]
            with contextlib.suppress(CheckError):
                report = check_blocks(name, bodies, **options | {"explain": False})
                if report.passed:
                    right.append((report, told))
                elif all(np.isfinite(leaf.figures.rel_l2) for point in report.test_points[:1] for leaf in point.leaves):
                    wrong.append((bodies, told))
        if right and not wrong:
            note = f"checked with data that were made up: {'; '.join(told for _, told in right)}"
            return replace(right[0][0], notes=(*right[0][0].notes, note))
        if right:
            mixed = f"right with {right[0][1]}, wrong with {wrong[-1][1]}"
            raise CheckError(f"{name} is {mixed}, which were made up; {_CALL_IT}")
    if not wrong:
        return check_blocks(name, [])
    report = check_blocks(name, wrong[0][0], **options)
    if all(leaf.verdict == "wrong" for leaf in report.leaves):
        raise CheckError(f"{name} is wrong with data that were made up; {_CALL_IT}")
    return replace(report, notes=(*report.notes, f"checked with data that were made up: {wrong[0][1]}"))


def _made_up(finder: Finder, name: str, function: Any) -> Iterator[dict[str, dict[str, Any]]]:
    """Arguments by what the labels are, the most general first, for each shapes that inputs and labels may have."""
    kinds = {p.name: kind_of(p.name) for p in parameters(function) if p.default is p.empty}
    own = {"self": next(objects_of(finder, finder.names[name.partition(".")[0]]), None)} if "self" in kinds else {}
    if not {kind for n, kind in kinds.items() if n not in own} <= {"x", "y"}:
        return
    draw, each = np.random.default_rng(0), np.arange(6)
    x, any_y, of_each = draw.normal(size=(6, 4)), draw.normal(size=6), draw.normal(size=(6, 3))
    lists: dict[str, Any] = {
        "numbers": any_y,
        "labels 0 and 1": each % 2.0,
        "labels -1 and 1": each % 2 * 2.0 - 1,
        "labels 0, 1 and 2": each % 3,
    }
    columns = {f"{told} in a column": np.asarray(y, float)[:, None] for told, y in lists.items()}
    of_each += (1 - of_each.sum(axis=1, keepdims=True)) / 3
    rows = {"rows that sum to 1": of_each, "one-hot rows": np.eye(3)[each % 3]}
    for inputs, labels in ((x, lists), (x, rows), (x, columns), (x[:, 0], lists)):
        given = labels if "y" in kinds.values() else {"inputs": None}
        yield {told: {n: inputs if kind == "x" else y for n, kind in kinds.items()} | own for told, y in given.items()}


def _variables(
    finder: Finder, function: Callable, node: Any, first: ast.stmt, ran: int, given: dict[str, Any]
) -> dict[str, Any]:
    """The variables where a function comes to the ``first`` statement of some and has ``ran`` of these, called as
    ``given``."""
    place = list(ast.walk(node)).index(first)
    tree = copy.deepcopy(node)
    tree.decorator_list = []
    nodes: list[Any] = list(ast.walk(tree))
    for body in (n.body for n in nodes if isinstance(getattr(n, "body", None), list) and nodes[place] in n.body):
        body[ran:] = ast.parse("return locals()").body
    names = with_own_globals(finder.names)
    exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "<start>", "exec"), names)
    with fixed_randomness(), np.errstate(all="ignore"):
        found = names[node.name](**(copy.deepcopy(given) if parameters(function) else {}))
    return names | found | {f"self.{n}": v for n, v in vars(found.get("self", ast.Pass())).items()}


def check_blocks(
    name: str, bodies: Sequence[tuple[list[Statement], Callable[[], dict[str, Any]]]], **options: Any
) -> Report:
    """Check the gradients that statements compute.

    Args:
      name: What they are called.
      bodies: Statements, and what gives the variables that they find; of several the first that comes to a value. Of
        several values that they may have, each gradient is right of one.
      **options: Of ``check_gradient``.
    """
    for body, start in bodies:
        try:
            names = start()
        except (Exception, SystemExit):  # of the user's code, without its arguments, say
            continue
        options, found = {"title": name, **options}, list[tuple[Block, Any]]()
        quick = {**options, "explain": False}
        for block in blocks_of(body, names):
            if problem := _as_problem(block, names):
                found.append((block, problem))
                if (report := _check(problem, **quick)).passed:
                    return report
        uphill = (_as_problem(b, names, -1.0) for b, _ in found if b.rises)  # where what is printed goes down
        if again := next((r for p in uphill if p and (r := _check(p, **quick)).passed), None):
            return again
        if found:
            return _of_its_own_value([(b, _check(p, **options)) for b, p in found], names, **options)
    raise Forward(f"{name} computes gradients, and no call of it is known that comes to their value")


def _of_its_own_value(found: list[tuple[Block, Report]], names: dict[str, Any], **options: Any) -> Report:
    """The report of the value that explains most, without the gradients that are right of another one."""
    wrong = [{leaf.name for leaf in report.leaves if leaf.verdict == "wrong"} for _, report in found]
    of_none = functools.reduce(lambda a, b: a & b, wrong)
    unnamed = [sum(f.name == UNNAMED for f in report.findings) for _, report in found]
    k = min(range(len(found)), key=lambda k: (unnamed[k], len(wrong[k])))
    block, report = found[k]
    kept = {n: d for n, d in block.gradients.items() if bare(n.rpartition(".")[2]) not in wrong[k] - of_none}
    problem = _as_problem(replace(block, gradients=kept), names) if wrong[k] > of_none else None
    return report if problem is None else _check(problem, **options)


def _check(problem: tuple[Callable, Callable, tuple], **options: Any) -> Report:
    return check_gradient(*problem, argnums=tuple(range(len(problem[2]))), **options)


def _as_problem(block: Block, names: dict[str, Any], sign: float = 1.0) -> tuple[Callable, Callable, tuple] | None:
    """Value, times ``sign``, gradient and parameters; None where these are not known or the value is no number."""
    try:
        with fixed_randomness(), np.errstate(all="ignore"):
            block = block.of_parameters(names)
            value, gradient = block.functions(names, sign)
            given = [names[n] for n in block.gradients]
            if any(map(is_tensor, given)):
                value, gradient = taking_tensors(value), taking_tensors(gradient)
            args = tuple(as_numbers(np.float64(v) if isinstance(v, float | int) else v) for v in given)
            return (value, gradient, args) if args and np.size(value(*copy.deepcopy(args))) == 1 else None
    except (Exception, SystemExit):  # of the user's code
        return None
