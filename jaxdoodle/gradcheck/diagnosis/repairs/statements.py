"""Statements that write over what was to be added up, or lack what follows them; indices and slices that are one off,
of the other end, a stride apart or of another step."""

from __future__ import annotations

import ast
import copy
from itertools import combinations
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.diagnosis.catalogue import MISSING_MEAN, OVERWRITTEN, REPEATED, REVERSED, SWAPPED, UPDATED
from jaxdoodle.gradcheck.diagnosis.repairs.scope import Put, Scope, expr, loaded, replaced


def statements(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if isinstance(node, ast.AugAssign | ast.Assign) and isinstance(parent, ast.FunctionDef):
        _later(node, parent.body, put)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
        target: Any = node.targets[0]
        if ast.unparse(target) == ast.unparse(node.value.left):  # g = g + w
            node = ast.AugAssign(target, node.value.op, node.value.right)
    if isinstance(node, ast.ListComp):  # [dw for sw, dw in zip(sums, grads)]
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        for unused in sorted({n.id for n in names} - {n.id for n in names if isinstance(n.ctx, ast.Load)}):
            put(OVERWRITTEN, 7, ast.ListComp(expr(f"{unused} + {ast.unparse(node.elt)}"), node.generators))
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        _added_at(node, node.target, scope, put)
        put("sign flipped", 11, ast.AugAssign(node.target, ast.Sub(), node.value))
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub):
        put("sign flipped", 11, ast.AugAssign(node.target, ast.Add(), node.value))
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        if isinstance(node.targets[0], ast.Subscript | ast.Name | ast.Attribute):
            put(OVERWRITTEN, 7, ast.AugAssign(node.targets[0], ast.Add(), node.value))
            _added_at(node, node.targets[0], scope, put)
    if isinstance(node, ast.AugAssign | ast.Assign):
        _statements_left_out(node, scope, put)
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name | ast.Attribute):
        own = ast.unparse(node.target)
        alike = {n for n in scope.texts if scope.shape(n) == scope.shape(own) and n != own}
        for cut in ("1:", ":-1"):
            put("wrong slice", 15, _sliced(node, cut, alike))
    values = getattr(node, "elts", None) or getattr(node, "values", None)
    together = isinstance(parent, ast.Return | ast.Assign | ast.Tuple | ast.List | ast.For | ast.comprehension)
    if isinstance(node, ast.Tuple | ast.List | ast.Dict) and together and values:
        mirrored, exchanged = (REVERSED, SWAPPED) if node in scope.results else ("values flipped", "values swapped")
        orders = [(mirrored, list(values[::-1]))] if len(values) > 2 else []
        for a, b in combinations(range(min(len(values), 8)), 2):
            orders += [(exchanged, list(values))]
            orders[-1][1][a], orders[-1][1][b] = values[b], values[a]
        for title, order in orders:
            new = copy.copy(node)
            setattr(new, "values" if isinstance(node, ast.Dict) else "elts", order)
            put(title, 11, new)


def _later(node: Any, body: list[ast.stmt], put: Put) -> None:
    """A parameter that steps before what reads it: the step after it, and before the function returns."""
    target = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
    *between, last = body[body.index(node) + 1 :] or [node]
    reads = target in "".join(map(ast.unparse, (*between, last)))
    forms = tuple(f"{target} {op}" for op in ("-=", "+=", f"= {target} -", f"= {target} +"))
    steps = ast.unparse(node).startswith(forms)
    made = (n for s in body[: body.index(node)] if ast.unparse(s).startswith(f"{target} = ") for n in ast.walk(s))
    computed = any(isinstance(n, ast.BinOp | ast.Call) for n in made)  # no parameter
    if isinstance(last, ast.Return) and last.value is not None and reads and steps and not computed:
        dx = ast.Assign([ast.Name("dx", ast.Store())], last.value)
        given = [node, last] if isinstance(last.value, ast.Name) else [dx, node, ast.Return(expr("dx"))]
        put(UPDATED, 9, ast.If(ast.Constant(True), [*between, *given], []))


def _added_at(node: Any, target: Any, scope: Scope, put: Put) -> None:
    """Where an index occurs twice, a statement adds or assigns the last value alone."""
    index = getattr(target, "slice", None)
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    if isinstance(target, ast.Subscript) and scope.numpy and not all(isinstance(p, ast.Slice) for p in parts):
        array, index = ast.unparse(target.value), ", ".join(map(_as_entry, parts))
        put(REPEATED, 9, ast.Expr(expr(f"{scope.numpy}.add.at({array}, ({index}), {ast.unparse(node.value)})")))


def _as_entry(part: Any) -> str:
    """A part of an index as an entry of a tuple: ``slice(1, None)`` for ``1:``."""
    if not isinstance(part, ast.Slice):
        return ast.unparse(part)
    first, end, step = ("None" if b is None else ast.unparse(b) for b in (part.lower, part.upper, part.step))
    return f"slice({', '.join((first, end, step) if step != 'None' else (first, end))})"


def _statements_left_out(node: Any, scope: Scope, put: Put) -> None:
    """After entries of an array are assigned: what all of it was to be divided or multiplied by."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    added: list[tuple[str, str]] = []
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        name = ast.unparse(target.value)
        for n in (*scope.scalars, *scope.counts()):
            added += [(MISSING_MEAN if scope.is_count(n) else "divisor left out", f"{name} = {name} / {n}")]
        added += [("factor left out", f"{name} = {name} * {factor}") for factor in scope.factors]
    elif isinstance(target, ast.Name):
        places = [p.slice for p in scope.parts if isinstance(p, ast.Subscript) and isinstance(p.slice, ast.Tuple)]
        added = [("labels left out of the loss gradient", f"{target.id}[{ast.unparse(p)}] -= 1") for p in places
                 if not any(isinstance(n, ast.Slice | ast.Constant) for n in ast.walk(p))]  # fmt: skip
    for title, text in added:
        # two statements in the place of one
        put(title, 17, ast.If(ast.Constant(True), [node, *ast.parse(text).body], []))


def _sliced(node: ast.AugAssign, cut: str, alike: set[str]) -> ast.AugAssign:
    """The statement for a part of the entries: ``g[1:] += w[1:]`` for ``g += w``."""
    target: Any = expr(f"{ast.unparse(node.target)}[{cut}]")
    target.ctx = ast.Store()
    return ast.AugAssign(target, node.op, replaced(node.value, {n: f"{n}[{cut}]" for n in alike}))


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
