"""Statements that compute a value and its gradients side by side, as functions of the parameters.

The statements that the value takes, and those that the gradients take beside them, are found by what each reads and
writes. They keep their lines, so that a mistake is told where it was written. ``self.w`` is a variable, too.
"""

from __future__ import annotations

import ast
import copy
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.diagnosis.repairs.runner import function_of
from jaxdoodle.gradcheck.setup.leaves import bare, gradient_of, is_real, leaves
from jaxdoodle.submissions.arguments.arrays import as_numbers
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.functions.pair import with_names
from jaxdoodle.submissions.reading.global_names import GIVEN, putting, with_own_globals
from jaxdoodle.submissions.reading.loss_names import LOSS

LOOPS = ast.For | ast.While
#: What holds statements that run where it stands.
HOLDERS = ast.For | ast.While | ast.If | ast.With | ast.Try
#: What gradients are called by, too.
_ALSO = {"weights": "w", "weight": "w", "coefficients": "w", "biases": "b", "bias": "b", "intercept": "b"}
#: Methods that change what they are called on.
_CHANGES = re.compile(r"append|extend|insert|update|fill|sort|\w+_")
#: What a value is called that is computed where it is told.
_SAID = "_loss"
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Statement:
    """``file``: as tracebacks name it; ``calls``: by function of the file, the global variables that a call reads."""

    node: ast.stmt
    file: str
    calls: Mapping[str, set[str]]

    @property
    def reads(self) -> set[str]:
        """The variables that it needs."""
        return self.own | self.through

    @functools.cached_property
    def through(self) -> set[str]:
        """Those that functions need that it calls."""
        return set().union(*(self.calls.get(n, ()) for n in self.own))

    @functools.cached_property
    def own(self) -> set[str]:
        """Those that are written in it."""
        nodes = list(ast.walk(self.node))
        kept = {_variable(n) for n in nodes if isinstance(getattr(n, "ctx", None), ast.Load)}
        kept -= {_variable(t) for n in nodes if isinstance(n, ast.comprehension) for t in ast.walk(n.target)}
        return (kept | {_variable(n.target) for n in nodes if isinstance(n, ast.AugAssign)}) - {""}

    @functools.cached_property
    def writes(self) -> set[str]:
        """The variables that get a value or whose value it changes: of a call alone, its first argument, too."""
        names = {_variable(n) for n in ast.walk(self.node) if isinstance(getattr(n, "ctx", None), ast.Store)}
        for call in (n.value for n in ast.walk(self.node) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)):
            names |= {_variable(call.args[0])} if call.args and _variable(call.func) != "print" else set()
            if isinstance(call.func, ast.Attribute):
                holder = _variable(call.func.value)
                names |= {holder} if holder.startswith("self") or _CHANGES.fullmatch(call.func.attr) else set()
        return (names | {n.partition(".")[0] for n in names}) - {""}

    @property
    def loops(self) -> bool:
        return isinstance(self.node, LOOPS)


def _variable(node: ast.AST) -> str:
    """The variable of ``x``, ``x[i]``, ``x.y``, ``self.x``, ``self.x.y``."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            return f"self.{node.attr}"
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


@dataclass(frozen=True)
class Block:
    """``loss``: name of the value; ``gradients``: by parameter, the name of its gradient; ``first``: the statements of
    the value; ``then``: the others, up to the last gradient; ``rises``: they are added to the parameters."""

    loss: str
    gradients: dict[str, str]
    first: list[Statement]
    then: list[Statement]
    rises: bool = False

    def functions(self, start: Mapping[str, Any], sign: float = 1.0) -> tuple[Callable, Callable]:
        """``value(*parameters)``, times ``sign``, and ``gradient(*parameters)``.

        Args:
          start: The variables that the statements find.
          sign: -1 where the gradients lead uphill.
        """
        run = self._runner(start)

        def value(*args: Any) -> Any:
            found = _get(run(args, False), self.loss)
            found = found[-1] if isinstance(found, list) else found  # ``losses.append(...)``
            return found if sign == 1.0 else sign * found

        def gradient(*args: Any) -> Any:
            names = run(args, True)
            return tuple(_like(x, _get(names, d)) for x, d in zip(args, self.gradients.values(), strict=True))

        names = [bare(n.rpartition(".")[2]) for n in self.gradients]
        return with_names(value, names), with_names(gradient, names)

    def of_parameters(self, start: Mapping[str, Any]) -> Block:
        """Without gradients of what the value overwrites, as methods do with what they keep."""
        args = [start[n] for n in self.gradients]
        names = self._runner(start)(args, False)
        kept = {n for n, value in zip(self.gradients, args, strict=True) if _get(names, n) is value}
        return replace(self, gradients={n: d for n, d in self.gradients.items() if n in kept})

    def _runner(self, start: Mapping[str, Any]) -> Callable[[Sequence[Any], bool], dict[str, Any]]:
        """``run(parameters, whole)`` gives all variables, after the statements of the value or after all."""
        found, written = set[str](), set[str]()
        for s in (*self.first, *self.then):
            found |= s.reads - written
            written |= s.writes
        objects = {n.partition(".")[0] for n in self.gradients if "." in n}
        kept = {n: start[n] for n in (found & written | objects) & start.keys()}
        kept |= {d: 0 * kept[d] for d in self.gradients.values() if d in kept}  # what is added up begins anew
        known = {*kept, *self.gradients}
        used = found | written  # what is not used is not copied at every run
        scope = with_own_globals(
            {n: v for n, v in start.items() if n in used or n[:2] == "__" or isinstance(v, ModuleType)}
        )
        first = _as_functions(self.first, known, scope)
        then = _as_functions(self.then, known.union(*(s.writes for s in self.first)), scope)
        updated = set[str]().union(*(s.writes for s in self.then))

        def run(args: Sequence[Any], whole: bool) -> dict[str, Any]:
            names = copy.deepcopy(kept)
            for name, value in zip(self.gradients, args, strict=True):
                _put(names, name, 1.0 * value if whole and name in updated else value)  # in place, and the caller's
            for part in [*first, *then] if whole else first:
                takes = part.__code__.co_varnames[: part.__code__.co_argcount]
                names |= part(*(names[n.removesuffix(GIVEN)] for n in takes))
            return names

        return run


def _like(x: Any, gradient: Any) -> Any:
    """The gradient in the shape that it has where it is added to the parameter: ``(n,)`` is ``(1, n)`` there."""
    given, wanted = np.shape(gradient), np.shape(x)
    in_a_row = given != wanted and (1,) * (len(wanted) - len(given)) + given == wanted
    return gradient.reshape(wanted) if in_a_row else gradient


def _get(names: Mapping[str, Any], name: str) -> Any:
    holder, _, attribute = name.rpartition(".")
    return getattr(names[holder], attribute) if holder else names[name]


def _put(names: dict[str, Any], name: str, value: Any) -> None:
    holder, _, attribute = name.rpartition(".")
    if holder:
        setattr(names[holder], attribute, value)
    else:
        names[name] = value


def _as_functions(statements: Sequence[Statement], known: set[str], names: dict[str, Any]) -> list[FunctionType]:
    """A function for the statements of each file, in order; it takes those of the known variables that it uses.

    Before it, one that gives those to the functions that it calls and that read them.
    """
    made: list[FunctionType] = []
    for file, group in groupby(statements, key=lambda s: s.file):
        nodes = list(group)
        used = set[str]().union(*(s.own | s.writes for s in nodes))
        if shared := sorted(known & set[str]().union(*(s.through for s in nodes))):
            made.append(FunctionType(putting(shared, file), names))
        code = function_of([s.node for s in nodes], sorted(n for n in used & known if "." not in n), file)
        made.append(FunctionType(code, names))
        known = known.union(*(s.writes for s in nodes))
    return made


def blocks_of(statements: Sequence[Statement], names: Mapping[str, Any] = NOTHING) -> list[Block]:
    """What computes gradients, once for each variable that may be the value by its name; ``names``: values of some."""
    statements = [*with_entries(statements)]
    gradients = {*gradients_in(statements, names).values()}
    statements = [s for s in statements if not _bounds(s, gradients) and not _ends_early(s)]
    counters = {_variable(n.target) for s in statements for n in ast.walk(s.node) if isinstance(n, ast.For)}
    losses = {n for s in statements for n in s.writes - counters if LOSS.search(n)}
    last = max((k for k, s in enumerate(statements) if s.writes & gradients), default=-1)
    early = {n for s in statements[: last + 1] for n in s.writes}  # before a loss of other data, say
    order = sorted(_whole(statements, losses), key=lambda n: (n not in early, n))
    found = [(statements, loss) for loss in order]
    found = found or [([*statements, said], _SAID) for said in _said(statements)]
    return [b for given, loss in found if (b := _block_of(given, loss, names)) is not None]


def with_entries(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Each with the entries of a table that it makes, as variables: ``dW`` of ``grads = {"W": x.T @ d}``."""
    for s in statements:
        yield s
        table = s.node.value if isinstance(s.node, ast.Assign) else None
        if isinstance(table, ast.Dict) and isinstance(of := s.node.targets[0], ast.Name):  # type: ignore[attr-defined]
            computed = (k for k, v in zip(table.keys, table.values, strict=True) if isinstance(v, ast.Call | ast.BinOp))
            for key in (k for k in computed if isinstance(k, ast.Constant) and str(k.value).isidentifier()):
                entry = ast.Subscript(ast.Name(of.id, ast.Load()), key, ast.Load())
                node = ast.copy_location(ast.Assign([ast.Name(f"d_{key.value!s}", ast.Store())], entry), key)
                yield replace(s, node=ast.fix_missing_locations(node))


def _bounds(s: Statement, gradients: set[str]) -> bool:
    """Does it clip gradients, or scale those whose norm is large?"""
    text = ast.unparse(s.node.test if isinstance(s.node, ast.If) else s.node)
    return bool(s.writes & s.reads & gradients) and re.search("clip|norm", text, re.I) is not None


def _ends_early(s: Statement) -> bool:
    """``if not np.isfinite(loss): break``"""
    nodes = list(ast.walk(s.node))
    inside = {n for loop in nodes if isinstance(loop, LOOPS) for n in ast.walk(loop)}
    ends = (n for n in nodes if isinstance(n, ast.Break | ast.Continue | ast.Return))
    return any(isinstance(n, ast.Return) or n not in inside for n in ends)


def _whole(statements: Sequence[Statement], losses: set[str]) -> set[str]:
    """Without what is added up over several steps, and then without the terms of another one."""
    made = [(s, s.writes & losses, isinstance(s.node, ast.AugAssign)) for s in statements if s.writes & losses]
    begun, sums = set[str](), set[str]()
    for s, own, adds in made:
        sums |= own if adds and not own <= begun or s.reads & sums - own else set()
        begun |= own
    losses = losses - sums or losses
    terms = {n for s, own, _ in made if own & losses for n in s.reads & losses - own}
    return losses - terms or losses


def _said(statements: Sequence[Statement]) -> Iterator[Statement]:
    """``print(compute_loss(model))``: the value as a variable."""
    for s in statements:
        for call in (
            n for n in ast.walk(s.node) if isinstance(n, ast.Call) and not isinstance(s.node, ast.FunctionDef)
        ):
            name = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
            if LOSS.search(name) and not re.search("grad|back|deriv|prime", name):
                node = ast.copy_location(ast.Assign([ast.Name(_SAID, ast.Store())], call), call)
                yield replace(s, node=ast.fix_missing_locations(node))


def _block_of(statements: Sequence[Statement], loss: str, names: Mapping[str, Any]) -> Block | None:
    of = gradients_in(statements, names, loss)
    last = max((k for k, s in enumerate(statements) if s.writes & {*of.values()}), default=-1)
    values = [k for k, s in enumerate(statements) if loss in s.writes and not s.loops]
    if last < 0 or not values:
        return None
    at = max((k for k in values if k <= last), default=values[0])
    parameters, depends = _dependent(statements, of, names)
    before = [k for k in range(at + 1) if not statements[k].writes & parameters]  # later they are updated
    first, wanted = _slice(statements, before, {loss}, depends, names)
    given = [n for n in sorted(parameters) if n in wanted or n.startswith("self.") and "self" in wanted]
    own = {of[n]: {k for k in depends if of[n] in statements[k].writes} for n in given}
    trained = {n for n in given if any(statements[k].loops and n in statements[k].writes for k in own[of[n]])}
    gradients = {n: of[n] for n in given if own[of[n]] and n not in trained}  # in a loop it is that of the last pass
    if at not in first or not gradients:
        return None
    together = set[int]().union(*own.values())
    calls = [k for k in together if k == at or isinstance(statements[k].node, ast.Assign)]
    unpacked = {_variable(v) for k in calls if isinstance(v := getattr(statements[k].node, "value", None), ast.Name)}
    calls += [k for k, s in enumerate(statements) if s.writes & unpacked and isinstance(s.node, ast.Assign)]
    if len(together) == 1 and any(n for k in calls for n in statements[k].writes if k == at or LOSS.search(n)):
        return None  # one call gives them all, and the loss
    rest = [k for k in range(last + 1) if k not in first]
    then, _ = _slice(statements, rest, {*gradients.values()}, depends, names)
    rises = [_is_added(s) for s in statements if s.writes & gradients.keys() and s.reads & {*gradients.values()}]
    return Block(loss, gradients, [statements[k] for k in first], [statements[k] for k in then], any(rises))


def _is_added(s: Statement) -> bool:
    """``w += rate * dw``"""
    adds = isinstance(s.node, ast.AugAssign) and isinstance(s.node.op, ast.Add)
    return adds and not any(isinstance(n, ast.USub) for n in ast.walk(s.node))


def gradients_in(statements: Sequence[Statement], names: Mapping[str, Any] = NOTHING, loss: str = "") -> dict[str, str]:
    """By the variables that may be parameters, those that may be their gradients."""
    read, written = (set[str]().union(*(getattr(s, what) for s in statements)) for what in ("reads", "writes"))
    read |= {n for n in names if n.startswith("self.")}
    return {n: d for n in read - {loss, "self"} if (d := _gradient_of(n, written - {loss}, names))}


def _slice(
    statements: Sequence[Statement], places: list[int], wanted: set[str], depends: list[int], names: Mapping[str, Any]
) -> tuple[list[int], set[str]]:
    """The places of the statements that some variables take, and all variables that these take.

    Where a variable depends on no parameter, the value that it has among ``names`` is taken.
    """
    found, wanted = list[int](), set(wanted)
    for k in reversed(places):
        new = statements[k].writes & wanted
        if new and (k in depends or new - names.keys()):
            found.insert(0, k)
            wanted |= statements[k].reads
    return found, wanted


def _gradient_of(name: str, written: set[str], names: Mapping[str, Any]) -> str:
    """The variable that holds the gradient of another, as far as their values are known; "" for none."""
    last = bare(name.rpartition(".")[2])
    if kind_of(last) == "y":  # labels, where ``grad_y`` is that of the prediction
        return ""
    by_name = {bare(k.rpartition(".")[2]): k for k in sorted(written) if _plain(k) != _plain(name)}
    for word in (last, _ALSO.get(last)):
        found = word and gradient_of(word, {k: v for k, v in by_name.items() if k.lower() != word})
        if found and _fits(name, names.get(name), names.get(found)):
            return found
    return ""


def _plain(name: str) -> str:
    return bare(name.rpartition(".")[2]).lower().replace("_", "")


def _fits(name: str, value: Any, gradient: Any) -> bool:
    known = [np.float64(x) if type(x) is int and x == 0 else as_numbers(x) for x in (value, gradient) if x is not None]
    weights = kind_of(bare(name.rpartition(".")[2])) in ("w", "b", "gamma")  # whose gradient may be of a wrong shape
    return all(map(is_real, known)) and (weights or len(set(map(np.shape, known))) <= 1)


def _begins(s: Statement, names: Mapping[str, Any]) -> bool:
    """Does it compute with no arrays, but for their shapes, as what draws a parameter does?"""
    nodes = list(ast.walk(s.node))
    shapes = {id(n.value) for n in nodes if isinstance(n, ast.Attribute) and n.attr in ("shape", "size", "dtype")}
    shapes |= {id(a) for n in nodes if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "len" for a in n.args}
    read = (n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and id(n) not in shapes)
    return not any(is_real(as_numbers(x)) and np.ndim(x) for n in read for _, x in leaves(names.get(n)))


def _dependent(
    statements: Sequence[Statement], of: dict[str, str], names: Mapping[str, Any]
) -> tuple[set[str], list[int]]:
    """The parameters: what has a gradient and depends on nothing that has one; and the statements that take them."""
    parameters, written, depends = set[str](), set[str](), list[int]()
    moving = {"self"} if any(n.startswith("self.") for n in of) else set[str]()  # what its methods read is not known
    for k, s in enumerate(statements):
        taken = s.reads | ({n for n in of if n.startswith("self.")} if "self" in s.reads else set())
        found = {n for n in taken if n in of and n not in written}
        if s.reads & (moving | found):
            depends.append(k)
            moving |= s.writes
        else:
            found |= s.writes & of.keys() if _begins(s, names) else set()
        parameters |= found - moving
        moving |= found
        written |= s.writes
    return parameters, depends
