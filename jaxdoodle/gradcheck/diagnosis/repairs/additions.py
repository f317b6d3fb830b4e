"""Factors, terms and functions that are not there, and other arrays and numbers for those that are."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.diagnosis.catalogue import DOUBLE_MEAN, MISSING_MEAN
from jaxdoodle.gradcheck.diagnosis.repairs.scope import Put, Scope, broadcasts, expr, loaded, replaced

#: Derivatives in terms of the value of an activation, and where such values lie.
_SLOPES = (("1 - {0} ** 2", -1, 1), ("{0} * (1 - {0})", 0, 1), ("{0} > 0", -np.inf, np.inf), ("1 - {0}", 0, 1))


def substitutes(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    """Another array of the same shape, another count for a count, another number for a number."""
    of = isinstance(parent, ast.Call | ast.BinOp | ast.Attribute)
    if of and isinstance(node, ast.BinOp) and scope.shape_of(node):
        for other in scope.arrays_for(node, same=True):
            put("wrong array", 17, other)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):  # z * (1 - z) for a * (1 - a), tables as arrays
        texts = [ast.unparse(n) for n in ast.walk(node) if loaded(n)]
        for text in dict.fromkeys(text for text in texts if texts.count(text) > 1):
            for other in scope.arrays_for(expr(text), same=True) if text in scope.texts else scope.alike(text):
                put("wrong array", 10, replaced(node, {text: other}))
    if not loaded(node) and not (isinstance(node, ast.Call) and ast.unparse(node.func) == "len"):
        return
    text = ast.unparse(node)
    for name in scope.unused if loaded(node) else ():
        put("wrong array", 9, name)
    for other in scope.alike(text) if isinstance(parent, ast.Call | ast.Subscript) else ():
        put("wrong argument" if isinstance(parent, ast.Call) else "wrong array", 12, other)
    shape = scope.shape(text)
    if inverted := scope.inverted(text):
        put("mask inverted", 10, inverted)
    elif shape and scope.lies_between(text, 0, 1):
        put("p for 1 - p", 13, f"(1 - {text})")
    for slope, low, high in _SLOPES[:3] if shape else ():
        if scope.lies_between(text, low, high) and isinstance(parent, ast.BinOp):
            put("wrong activation derivative", 15, f"({slope.format(text)})")
    if shape is not None:
        for other, value in scope.texts.items():
            moving = {text, other} & scope.changing and np.ndim(value) == len(shape)
            if other != text and (np.shape(value) == shape or moving) and value is not scope.texts[text]:
                put("wrong array", 12 if np.shape(value) == shape else 15, other)
            elif other != text and np.ndim(value) == len(shape) and not isinstance(parent, ast.BinOp):
                put("wrong array", 18, expr(other))  # in a sum, say
            elif isinstance(parent, ast.BinOp) and np.ndim(value) and broadcasts(np.shape(value), shape):
                put("wrong array", 18, expr(other))
    elif text in scope.scalars:
        for other in scope.scalars:
            if other != text:
                put("wrong number", 13, other)
    if scope.is_count(text):
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult | ast.Div):
            put("n for n - 1", 11, f"({text} - 1)")
            put("divided by the wrong count", 11, f"{text} ** 2")
        for other in scope.counts():
            put("divided by the wrong count", 12, other)


def additions(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    """A factor or a term that is not there."""
    alone = isinstance(parent, ast.Assign | ast.AugAssign | ast.Return | ast.Tuple | ast.List | ast.Dict | ast.Call)
    inner = isinstance(parent, ast.Attribute) and isinstance(node, ast.Name | ast.BinOp | ast.Subscript)
    term = isinstance(parent, ast.BinOp) or inner
    apart = isinstance(node, ast.Starred | ast.Constant | ast.Tuple | ast.List | ast.Dict | ast.Slice | ast.Attribute)
    stored, called = isinstance(getattr(node, "ctx", None), ast.Store), getattr(parent, "func", None) is node
    if not isinstance(node, ast.expr) or not (alone or term) or stored or called or apart and not loaded(node):
        return
    plain = ast.unparse(node)
    text = f"({plain})"
    for call in scope.calls.get(plain, ()) if not isinstance(parent, ast.Call | ast.Attribute) else ():
        put("function left out", 13, call)
    if len(text) > 200 or plain in scope.modules or scope.is_count(plain) and plain not in scope.loops:
        return
    bare = isinstance(node, ast.Name) and isinstance(parent, ast.Assign)  # dz = da: what belongs there is left out
    assigned = isinstance(parent, ast.Assign | ast.AugAssign)  # rather there than where it is returned
    cost, early = 15 if bare else 20 if assigned else 21 if alone else 22, 9 if bare else 13 if assigned else 14
    put("sign flipped", cost - 2, f"-{text}")
    left = parent.left if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Sub) else node
    from_one = ast.unparse(left) in ("1", "1.0")
    derived = from_one and bool(scope.functions)  # 1 - a for 1 - a ** 2, where the forward has an activation
    put("wrong activation derivative" if derived else "wrong power", 12 if from_one else cost, f"{text} ** 2")
    divides = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Div) and parent.right is node
    if divides and loaded(node):
        put("wrong power", 13, f"{text} ** 2")
    for factor in ("2", "0.5", *scope.scalars, *map(repr, scope.numbers)):
        counted = scope.is_count(factor)
        number = factor in ("2", "0.5")  # x * 2 before x + x
        put(DOUBLE_MEAN if counted else "factor left out", min(cost, 16) if number else cost, f"{text} * {factor}")
        if scope.is_small(factor) or factor in scope.scalars and not counted:
            put("term left out", cost + 2, f"({text} + {factor})")
        put(MISSING_MEAN if counted else "divisor left out", cost, f"{text} / {factor}")
        put("divisor left out", cost + 2, f"{text} / {factor} ** 2")
    for count in scope.counts() if alone else ():
        put(MISSING_MEAN, cost + 1, f"{text} / {count}")
        put(DOUBLE_MEAN, cost + 1, f"{text} * {count}")
    # exp(z) - 1 has a slope that is one more than its value
    if isinstance(parent, ast.Call) and ast.unparse(parent.func).endswith("where"):
        put("term left out", 16, f"({text} + 1)")
    shape = scope.shape_of(node)
    unused = [name for name in scope.unused if shape is None or broadcasts(scope.shape(name) or (), shape)]
    for name in unused if alone else ():
        put("factor left out", 9 - assigned, f"{text} * {name}")
    for name in unused if alone or loaded(node) else ():
        for more in (f"+ {name}", f"- {name}", *(f"{sign} {name} / {n}" for sign in "+-" for n in scope.scalars)):
            put("term left out", 9 - assigned, f"({text} {more})")
    for factor in scope.factors:
        put("factor left out", early, f"{text} * {factor}")
    for divisor in scope.divisors:
        counted = scope.is_count(divisor.strip("()"))
        put(MISSING_MEAN if counted else "divisor left out", early, f"{text} / {divisor}")
    for function in scope.functions if not isinstance(node, ast.Constant) else ():
        put("function left out", 15, f"{function}{text}")
    for name in scope.arrays_for(node, parent=parent):
        put("factor left out", cost + 2, f"{text} * {name}")
        put("divisor left out", cost + 2, f"{text} / {name}")
        if scope.numpy and alone:
            put("sign left out", cost + 2, f"{text} * {scope.numpy}.sign({name})")
        for slope, low, high in _SLOPES if alone or isinstance(node, ast.BinOp) else ():
            if scope.lies_between(name, low, high):
                put("activation derivative forgotten", cost + 1, f"{text} * ({slope.format(name)})")
        for place in scope.loops if np.asarray(scope.texts[name]).dtype.kind == "i" else ():
            put("mask left out", cost, f"{text} * ({name} == {place})")
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult) and loaded(node):
            for sign in "-+":
                put("term left out", cost + 2, f"({text} {sign} {name})")
    for name in (n for n in scope.texts if shape and len(shape) > 1 and scope.shape(n) == shape[:1]):
        put("factor left out", cost + 3, f"{text} * {name}[:, None]")
    if alone:
        target = ast.unparse(parent.targets[0]) if isinstance(parent, ast.Assign) else ""
        shape = scope.shape(target)
        for name in (n for n in scope.texts if shape is None or scope.shape(n) == shape):
            put("term left out", cost, f"{text} + {name}")
            put("extra term", cost + 4, f"{text} - {name}")
            for factor in scope.scalars:
                put("term left out", cost + 4, f"{text} + {factor} * {name}")
                put("term left out", cost + 4, f"{text} + 2 * {factor} * {name}")


#: What is left out where an expression stands elsewhere as a part of another, by what joins them there.
_LEFT_OUT = {ast.Mult: "factor left out", ast.Div: "divisor left out", ast.Add: "term left out",
             ast.Sub: "term left out", ast.Pow: "wrong power", ast.Call: "function left out"}  # fmt: skip
#: Expressions that are tried in one place: those that stand nearest.
_NEAREST = 24


def ingredients(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    """What stands elsewhere in the backward or the forward, in this place, or beside what is in this place."""
    if not isinstance(node, ast.expr) or isinstance(getattr(node, "ctx", None), ast.Store):
        return
    if isinstance(node, ast.Tuple | ast.Starred | ast.Slice) or isinstance(node, ast.Attribute) and not loaded(node):
        return
    text, whole, shape = ast.unparse(node), ast.unparse(parent), scope.shape_of(node)
    alone = isinstance(parent, ast.Assign | ast.AugAssign | ast.Return | ast.Call)
    term = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add | ast.Sub)
    for part in sorted(scope.parts, key=lambda p: abs(p.lineno - node.lineno))[:_NEAREST]:
        other, far = ast.unparse(part), 0 if part.lineno == node.lineno else 6
        if other in text or whole in other:  # x + y in the place of x in it
            continue
        size = scope.shape_of(part)
        if shape is None or size is None or shape == size:
            longer = next((n for n in ast.walk(part) if text in map(ast.unparse, ast.iter_child_nodes(n))), None)
            kind = type(getattr(longer, "op", longer))
            title = _LEFT_OUT.get(kind, "wrong array" if shape != () else "wrong number")
            put(title, 14 + far, other)
        if alone or term:
            put("factor left out", 15 + far, f"({text}) * ({other})")
            put("divisor left out", 16 + far, f"({text}) / ({other})")
            for sign in "+-":
                put("term left out", 17 + far, f"({text}) {sign} ({other})")
