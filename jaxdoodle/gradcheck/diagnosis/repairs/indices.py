"""Indices, slices and windows that are one off, of the other end, a stride apart or of another step."""

from __future__ import annotations

import ast
import copy
from itertools import combinations
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.diagnosis.repairs.scope import Put, Scope, expr, loaded, replaced


def subscripts(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if not isinstance(node, ast.Subscript) or isinstance(getattr(node.slice, "value", None), str):
        return
    text = ast.unparse(node)

    def at(*index: Any) -> ast.Subscript:
        return ast.Subscript(node.value, ast.Tuple([*index], ast.Load()) if len(index) > 1 else index[0], node.ctx)

    if loaded(node) and any(isinstance(n, ast.Slice) for n in ast.walk(node.slice)):
        title, cost = ("values flipped", 5) if _reverses(node.slice) else ("superfluous slice", 15)
        put(title, cost, node.value)
    names = sorted({n.id for n in ast.walk(node.slice) if isinstance(n, ast.Name)})
    for name in names:
        if not isinstance(scope.values.get(name), int | np.integer):
            continue
        forms = [("stride left out", 14, f"{k} * {name}") for k in (2, 3)]
        forms += [("stride left out", 14, f"({name} * {s})") for s in scope.scalars if s != name]
        forms += [("index off by one", 12, f"({name} {sign} 1)") for sign in "+-"]
        for title, cost, other in forms:
            new = at(replaced(node.slice, {name: other}))
            put(title, cost, new)
            if title == "index off by one" and loaded(node):
                bound = f"{name} - 1 >= 0" if "-" in other else f"{name} + 1 < len({ast.unparse(node.value)})"
                guarded = f"({ast.unparse(new)} if {bound} else 0 * {text})"
                put("wrong time step", 12, guarded)
    loops = [n for n in names if n in scope.loops]
    for pair in combinations(loops, 2):
        for s in dict.fromkeys((*(s for s in scope.scalars if s not in loops), "2")):
            strided = replaced(node.slice, {name: f"({name} * {s})" for name in pair})
            put("stride left out", 10 if "strid" in s else 14, at(strided))
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    cuts = [p for p in parts if isinstance(p, ast.Slice) and p.lower is None and p.upper is not None]
    for pad in scope.scalars if len(cuts) > 1 and loaded(node) else ():
        put("border not cut off", 12, at(*(_moved(p, pad) if p in cuts else p for p in parts)))
    for a, b in combinations(range(len(parts)), 2):
        order = list(parts)
        order[a], order[b] = parts[b], parts[a]
        put("indices swapped", 7, at(*order))
    for k, part in enumerate(parts):
        for name in names if isinstance(part, ast.BinOp) else ():
            title = "values flipped" if _counts_down(part, name) else "wrong index"
            put(title, 14, at(*parts[:k], expr(name), *parts[k + 1 :]))
    if not isinstance(node.slice, ast.Slice | ast.Tuple):
        for sign in "+-" if not names and loaded(node) else ():
            put("index off by one", 14, f"{ast.unparse(node.value)}[{ast.unparse(node.slice)} {sign} 1]")


def _counts_down(index: Any, name: str) -> bool:
    """Is it an index like ``n - 1 - name``?"""
    return isinstance(index, ast.BinOp) and isinstance(index.op, ast.Sub) and ast.unparse(index.right) == name


def _moved(cut: ast.Slice, pad: str) -> ast.Slice:
    """The slice of as many entries behind a border."""
    assert cut.upper is not None
    return ast.Slice(expr(pad), expr(f"{pad} + {ast.unparse(cut.upper)}"), cut.step)


def _reverses(index: ast.expr) -> bool:
    """Are whole axes read backwards, and nothing else?"""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    cuts = [p for p in parts if isinstance(p, ast.Slice) and (p.lower or p.upper or p.step)]
    return bool(cuts) and all(not p.lower and not p.upper and isinstance(p.step, ast.UnaryOp) for p in cuts)


def slices(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if isinstance(node, ast.Slice):
        for other in scope.slices:
            if ast.unparse(other) != ast.unparse(node):
                put("wrong slice", 14, other)
        lower, upper = node.lower, node.upper
        if lower is None and upper is not None and not isinstance(upper, ast.UnaryOp):
            put("slice of the other end", 12, ast.Slice(ast.UnaryOp(ast.USub(), upper), None))
        if upper is None and isinstance(lower, ast.UnaryOp):
            put("slice of the other end", 12, ast.Slice(None, lower.operand))
        if lower is None and upper is not None:
            for pad in scope.scalars:
                put("border not cut off", 13, _moved(node, pad))
        for bound in ("lower", "upper"):
            at = getattr(node, bound)
            for sign in "+-" if at is not None else ():
                moved = copy.copy(node)
                setattr(moved, bound, expr(f"{ast.unparse(at)} {sign} 1"))
                put("slice off by one", 13, moved)
