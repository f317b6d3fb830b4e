"""Small edits of a function's source: what a mistake may have changed, each undone in one place."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import Any

from jaxdoodle.gradcheck.diagnosis.repairs.additions import additions, ingredients, substitutes
from jaxdoodle.gradcheck.diagnosis.repairs.operators import binary, calls, constants, transposes, unary
from jaxdoodle.gradcheck.diagnosis.repairs.scope import ALL, Edit, Scope, loaded
from jaxdoodle.gradcheck.diagnosis.repairs.statements import slices, statements, subscripts

#: What may have been written instead of what stands in one place, kind by kind.
RULES = (binary, unary, transposes, calls, subscripts, slices, constants, substitutes, statements, additions)
#: Expressions of the user's that are tried in other places, and how long they may be, in characters.
_MOST_PARTS, _SHORT = 60, 40
#: Slices of a function that are tried for each other: one for each axis and loop of a convolution.
_MOST_SLICES = 8
#: Axes tried for another, after those that the function and the forward write.
_AXES = (0, 1, -1, 2, (0, 1), (1, 2), (0, 2), (0, 2, 3), (0, 1, 2), (2, 3), None)
_NOTHING: Mapping[int, int] = MappingProxyType({})


def edits(function: ast.FunctionDef, scope: Scope, known: Mapping[int, int] = _NOTHING) -> Iterator[Edit]:
    """Every edit of one place, the cheapest kinds of all places first.

    ``known``: of nodes, by their id, as ``influence`` gives it; what the user writes elsewhere is tried where all
    that is wrong hangs on the value.
    """
    found = []
    sliced = {ast.unparse(n): n for n in ast.walk(function) if isinstance(n, ast.Slice) and (n.lower or n.upper)}
    loops = [n.target for n in ast.walk(function) if isinstance(n, ast.For)]
    inside = [n for loop in ast.walk(function) if isinstance(loop, ast.For) for n in ast.walk(loop)]
    scope.changing = frozenset(n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    scope.loops = frozenset(n.id for target in loops for n in ast.walk(target) if isinstance(n, ast.Name))
    scope.unused = tuple(n for n in _unused(function) if n in scope.texts)
    scope.results = _results(function)
    calls = [n for n in ast.walk(function) if isinstance(n, ast.Call)]
    given = [a.value for call in calls for a in call.args if isinstance(a, ast.Constant)]
    scope.calls = _calls(calls, {*scope.unused, *(text.partition(".")[0] for text in scope.texts)})
    scope.words = frozenset(word for word in given if isinstance(word, str) and word.isidentifier())
    scope.axes = (*dict.fromkeys((*_axes((function, *scope.forwards)), *_AXES)),)
    scope.slices = tuple(list(sliced.values())[:_MOST_SLICES])
    scope.parts = _parts(function, scope)
    for place in places_in(function):
        parent, *_, node = place

        def at(title: str, cost: int, new: Any, place: Any = place) -> None:
            found.append(Edit(title, cost, *place, new))  # type: ignore[call-arg]

        for rule in (*RULES, ingredients) if known.get(id(node)) == ALL else RULES:
            with contextlib.suppress(SyntaxError):  # what is written there cannot be part of an expression (``*args``)
                rule(node, parent, scope, at)
    yield from sorted(found, key=lambda edit: edit.cost)


def _unused(function: ast.FunctionDef) -> Iterator[str]:
    """Names, arguments too, that are not read; in a loop, what it assigns for its next pass, which does not read it."""
    names = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
    loops = [n for n in ast.walk(function) if isinstance(n, ast.For | ast.While)]
    added = {ast.unparse(n.target) for n in ast.walk(function) if isinstance(n, ast.AugAssign)}
    for place in ([n for n in ast.walk(loop) if isinstance(n, ast.Name)] for loop in loops):
        before = {n.id for n in names if n not in place and isinstance(n.ctx, ast.Store)}
        yield from dict.fromkeys(n.id for n in place if n.id in before and n.id not in _read(place) | added)
    yield from dict.fromkeys(n for n in (*_arguments(function), *(n.id for n in names)) if n not in _read(names))


def _arguments(function: ast.FunctionDef) -> list[str]:
    return [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]


def _read(names: Iterable[ast.Name]) -> set[str]:
    return {n.id for n in names if not isinstance(n.ctx, ast.Store)}


def _axes(trees: Iterable[ast.AST]) -> Iterator[Any]:
    for node in (n for tree in trees for n in ast.walk(tree)):
        if isinstance(node, ast.keyword) and node.arg in ("axis", "dim"):
            with contextlib.suppress(ValueError):  # no constant
                yield ast.literal_eval(node.value)


def _calls(calls: list[ast.Call], names: set[str]) -> dict[str, dict[str, None]]:
    """Calls, also with two names exchanged (``unbroadcast(grad, b)``), by their first argument or the object."""
    found: dict[str, dict[str, None]] = {}
    for call in calls:
        first = [n for n in (*call.args[:1], getattr(call.func, "value", None)) if n is not None]
        texts = [*map(ast.unparse, (call, *first))]
        own = sorted({n.id for n in ast.walk(call) if isinstance(n, ast.Name)} & names)
        for name, other in product(own, sorted(names)):
            text, *keys = (_exchanged(t, name, other) for t in texts)
            for key in keys:
                found.setdefault(key, {})[text] = None
    return found


def _exchanged(text: str, name: str, other: str) -> str:
    words = {name: other, other: name}
    return re.sub(r"(?<![\w.])\w+", lambda word: words.get(word[0], word[0]), text)


def _parts(function: ast.FunctionDef, scope: Scope) -> tuple[ast.expr, ...]:
    """What the function computes with, and the forward under names that are known here, but for names alone."""
    names = {*_arguments(function)} | {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
    nodes = [*(node for *_, node in places_in(function)), *(n for tree in scope.forwards for n in ast.walk(tree))]
    called = {n.func for n in nodes if isinstance(n, ast.Call)}  # np.dot by itself is no number
    found: dict[str, ast.expr] = {}
    for node in (n for n in nodes if n not in called):
        of_lists = isinstance(scope.values.get(getattr(node, "id", "")), list)
        if loaded(node) and (of_lists or not isinstance(node, ast.Name)) or isinstance(node, ast.BinOp | ast.Call):
            inner = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
            if inner and {n.id for n in inner} <= names and len(text := ast.unparse(node)) <= _SHORT:
                found.setdefault(text, node)
    known = (*scope.texts, *scope.scalars, *scope.modules)
    return tuple(n for text, n in found.items() if text not in known)[:_MOST_PARTS]


def _results(function: ast.FunctionDef) -> frozenset[ast.AST]:
    """What is returned, with its entries; what is assigned to a name that is, to an attribute or to an entry."""
    statements = [n for n in ast.walk(function) if isinstance(n, ast.Return | ast.Assign)]
    found = {e for s in statements if isinstance(s, ast.Return) for e in _entries(s.value)}
    names = {e.id for e in found if isinstance(e, ast.Name)}
    for s in (s for s in statements if isinstance(s, ast.Assign)):
        entries = {e for node in (*s.targets, s.value) for e in _entries(node)}
        held = (e for e in entries if not isinstance(e, ast.Name) and isinstance(getattr(e, "ctx", 0), ast.Store))
        if names & {e.id for e in entries if isinstance(e, ast.Name)} or any(not hasattr(e, "elts") for e in held):
            found |= entries
    return frozenset(found)


def _entries(node: Any) -> Iterator[ast.AST]:
    """An expression, and the entries of a tuple, list or dictionary, and theirs."""
    yield from () if node is None else (node,)
    for entry in getattr(node, "elts", None) or getattr(node, "values", None) or ():
        yield from _entries(entry)


_EDITED = ast.expr | ast.stmt | ast.slice | ast.keyword | ast.comprehension


def places_in(parent: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, Any]]:
    """Every statement and expression of a function's body, in order, but for functions in it, with its place."""
    for name, value in ast.iter_fields(parent):
        if name != "body" and hasattr(parent, "returns"):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(node, _EDITED) and not hasattr(node, "returns"):
                yield parent, name, index, node
                yield from places_in(node)
