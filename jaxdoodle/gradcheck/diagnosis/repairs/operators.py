"""What may have been written instead of an operator, a call, a transpose or a number: each rule puts what undoes it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import combinations, permutations
from typing import Any

from jaxdoodle.gradcheck.diagnosis.catalogue import DOUBLE_MEAN, EXTRA_FACTOR, OF_SCORES
from jaxdoodle.gradcheck.diagnosis.repairs.scope import Put, Scope, expr, loaded, replaced

#: Functions that are taken for each other.
_ALIKE = (
    ("sum", "mean", "max"), ("tanh", "tan", "cosh", "sinh"), ("sin", "cos"), ("maximum", "minimum"),
    ("argmax", "argmin"), ("exp", "expm1", "log", "log1p"), ("var", "std"), ("zeros_like", "ones_like"),
)  # fmt: skip
#: Functions that move values and compute nothing: of no use where they do not belong.
_MOVES = dict.fromkeys(("roll", "flip", "fliplr", "flipud"), "values moved") | dict.fromkeys(
    ("transpose", "swapaxes", "moveaxis"), "transposed"
)
_COMPARISONS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE)


def binary(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if not isinstance(node, ast.BinOp):
        return
    left: Any = node.left
    right: Any = node.right

    def other(op: ast.operator, a: Any = left, b: Any = right) -> ast.BinOp:
        return ast.BinOp(a, op, b)

    if isinstance(node.op, ast.Mult | ast.Div):
        counted = isinstance(node.op, ast.Div) and scope.is_count(ast.unparse(right))
        put(DOUBLE_MEAN if counted else EXTRA_FACTOR, 12, left)
        bare = _without_number(left) if counted else None
        for count in scope.counts() if bare is not None else ():  # sum / size of it all, where the rows were to count
            put("divided by the wrong count", 14, other(ast.Div(), bare, expr(count)))
        if isinstance(node.op, ast.Mult):
            put(EXTRA_FACTOR, 12, right)
        put("multiplied instead of divided" if isinstance(node.op, ast.Mult) else "divided instead of multiplied", 14,
            other(ast.Div() if isinstance(node.op, ast.Mult) else ast.Mult()))  # fmt: skip
    if isinstance(node.op, ast.Add | ast.Sub):
        flipped = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        put("sign flipped", 10, other(flipped))
        put("extra term", 16, left)
        put("extra term", 16, right)
        if isinstance(node.op, ast.Sub):
            put("sign flipped", 11, other(ast.Sub(), right, left))
            if ast.unparse(left) in ("1", "1.0"):
                put("1 - p for p", 12, right)
            p, y, logs = ast.unparse(left), ast.unparse(right), any("log" in name for name in scope.functions)
            for slope in (f"-({y}) / {p}", f"({p} - {y}) / ({p} * (1 - {p}))") if logs and loaded(left) else ():
                put(OF_SCORES, 13, slope)
    if isinstance(node.op, ast.Pow):
        put("wrong power", 14, left)
        for sign in "+-" if not isinstance(right, ast.Constant) else ():
            put("wrong power", 14, other(ast.Pow(), left, expr(f"{ast.unparse(right)} {sign} 1")))
        for power in (2, 3, 0.5, -1):
            put("wrong power", 15, other(ast.Pow(), left, ast.Constant(power)))
    if isinstance(node.op, ast.Mult):
        for new in _other_slopes(left, right):
            put("wrong activation derivative", 12, new)
        if _is_product(left) and ast.unparse(right) == f"1 - {ast.unparse(left.right)}":  # d * a * (1 - a)
            put("derivative applied twice" if scope.functions else EXTRA_FACTOR, 13, left.left)
    if isinstance(node.op, ast.MatMult):
        put("operands swapped", 18, other(ast.MatMult(), right, left))
        put("operands swapped", 18, other(ast.MatMult(), _t(right), _t(left)))
    if isinstance(node.op, ast.MatMult) or isinstance(node.op, ast.Mult):
        put("transposed", 13, ast.Attribute(ast.BinOp(left, node.op, right), "T", ast.Load()))


def _other_slopes(left: Any, right: Any) -> Iterator[ast.expr]:
    """``d * a * (1 - a)`` for ``d * (1 - a ** 2)``, and the reverse."""
    text = ast.unparse(right)
    if _is_product(left) and text == f"1 - {ast.unparse(left.right)}":
        yield ast.BinOp(left.left, ast.Mult(), expr(f"{text} ** 2"))
    for name in {ast.unparse(n) for n in ast.walk(right) if loaded(n)}:
        if text in (f"1 - {name} ** 2", f"1 - {name} * {name}"):
            yield ast.BinOp(left, ast.Mult(), expr(f"({name} * (1 - {name}))"))


def _is_product(node: Any) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def _without_number(node: Any) -> Any:
    """A product without its number; None where it has none."""
    if not _is_product(node):
        return None
    for number, rest in ((node.left, node.right), (node.right, node.left)):
        if isinstance(number, ast.Constant):
            return rest
    left = _without_number(node.left)
    return None if left is None else ast.BinOp(left, ast.Mult(), node.right)


def _t(node: Any) -> Any:
    transposed = isinstance(node, ast.Attribute) and node.attr == "T"
    return node.value if transposed else ast.Attribute(node, "T", ast.Load())


def unary(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        axis = isinstance(parent, ast.keyword) and parent.arg in ("axis", "dim")
        title = "wrong axis" if axis else "sign flipped"
        if isinstance(parent, ast.Slice):
            title = "values flipped" if parent.step is node else "slice of the other end"
        put(title, 9, node.operand)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.Not):
        put("mask inverted" if isinstance(node.op, ast.Invert) else "wrong case", 9, node.operand)
    if isinstance(node, ast.IfExp):
        put("wrong case", 9, node.body)
        put("wrong case", 9, node.orelse)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for op in _COMPARISONS:
            put("wrong comparison", 12, ast.Compare(node.left, [op()], node.comparators))


#: How an array of so many axes is turned: a kernel that slides over a row, or over a picture.
_TURNED = {1: ("::-1",), 3: ("::-1", "..., ::-1"), 4: ("::-1, ::-1", "..., ::-1, ::-1")}


def transposes(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if isinstance(node, ast.Attribute) and node.attr == "T":
        put("transposed", 8, node.value)
    elif loaded(node):
        text = ast.unparse(node)
        axes = len(scope.shape(text) or ())
        if axes > 1:
            reshaped = getattr(parent, "attr", "") == "reshape"
            for pair in combinations(range(axes), 2) if reshaped and axes > 2 else [(-1, -2)]:
                put("transposed", 13, _t(node) if axes == 2 else f"{text}.swapaxes{pair}")
        if scope.numpy and scope.is_complex(node):
            put("conjugate left out", 12, f"{scope.numpy}.conj({text})")
        kernel = axes > 1 or isinstance(parent, ast.Call) and _has_kernel(parent)
        for turned in _TURNED.get(axes, ()) if kernel else ():
            put("kernel not flipped", 11 if axes == 4 else 16, f"{text}[{turned}]")
    elif isinstance(parent, ast.Call) and isinstance(node, ast.Tuple):
        pairs: list[Any] = [ast.Tuple(e.elts[::-1], e.ctx) for e in node.elts if isinstance(e, ast.Tuple)]
        if pairs and len(pairs) == len(node.elts):
            pads = _has_kernel(parent) or "pad" in ast.unparse(parent.func).lower()
            put("padding on the wrong side" if pads else "wrong axis", 12, ast.Tuple(pairs, node.ctx))
    elif isinstance(node, ast.BinOp) and isinstance(parent, ast.BinOp | ast.Call) and isinstance(node.op, ast.Sub):
        put("transposed", 14, _t(node))


def _has_kernel(call: ast.Call) -> bool:
    return re.search("conv|correlate", ast.unparse(call.func), re.I) is not None


def calls(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    method = isinstance(node.func, ast.Attribute) and ast.unparse(node).partition(".")[0] not in scope.modules
    for other in next(([f for f in group if f != name] for group in _ALIKE if name in group), ()):
        title = f"{name} instead of {other}" if name in ("sum", "mean", "var", "std") else f"{name} for {other}"
        func = ast.Attribute(node.func.value, other, ast.Load()) if isinstance(node.func, ast.Attribute) else None
        if func is not None:
            put(title, 8, ast.Call(func, node.args, node.keywords))
    title, cost = (_MOVES[name], 12) if name in _MOVES else (f"superfluous {name}", 15)
    if method and isinstance(node.func, ast.Attribute):
        put(title, cost, node.func.value)
    elif node.args:
        put(title, cost, node.args[0])
    divides = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Div) and parent.right is node
    for count in scope.counts() if divides and name == "sum" else ():  # of those that count, instead of all
        put("divided by the wrong count", 12, count)
    for a, b in combinations(range(len(node.args)), 2):
        args = list(node.args)
        args[a], args[b] = args[b], args[a]
        title, cost = ("operands swapped", 14) if name in ("dot", "matmul") else ("arguments swapped", 17)
        put(title, cost, ast.Call(node.func, args, node.keywords))
    if name == "transpose" and len(node.args) in (3, 4):
        for order in permutations(node.args):
            put("transposed", 16, ast.Call(node.func, list(order), node.keywords))
    for loop in scope.loops if name == "slice" else ():
        for stride in scope.scalars:
            args = [replaced(arg, {loop: f"{loop} * {stride}"}) for arg in node.args]
            put("stride left out", 12, ast.Call(node.func, args, node.keywords))
    for k, keyword in enumerate(node.keywords):
        before, after = node.keywords[:k], node.keywords[k + 1 :]
        put(f"superfluous {keyword.arg}", 18, ast.Call(node.func, node.args, before + after))
        for axis in scope.axes if keyword.arg in ("axis", "dim") else ():
            new = ast.keyword(keyword.arg, expr(repr(axis)))
            put("wrong axis", 10, ast.Call(node.func, node.args, [*before, new, *after]))
    if name in ("sum", "mean", "max"):
        over = len(node.args) > (not method)  # an axis is among the arguments
        for axis in scope.axes if over or not any(k.arg in ("axis", "dim") for k in node.keywords) else ():
            args = [*node.args[: len(node.args) - over], expr(repr(axis))]
            put("wrong axis", 10, ast.Call(node.func, args, node.keywords))
            if not over and not node.keywords:
                put("wrong axis", 11, ast.Call(node.func, args, [ast.keyword("keepdims", ast.Constant(True))]))


def constants(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
        return
    if isinstance(node.value, str) and isinstance(parent, ast.Call):
        for word in scope.words - {node.value}:
            put("wrong case", 13, ast.Constant(word))
    if not isinstance(node.value, int | float):
        return
    if isinstance(parent, ast.keyword):
        return
    value = node.value
    forward = [x for x in scope.numbers if x != value]
    power = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and parent.right is node
    for other in dict.fromkeys([1, *forward, 2 * value, value / 2, value + 1, value - 1]):
        title = "wrong power" if power else "wrong constant"
        if other != value and (other or not isinstance(parent, ast.BinOp)):  # x + 0, x * 0
            told = title if power or other not in forward else "constant other than the forward's"
            put(told, 12 if power else 13, ast.Constant(other))
    for name in (*scope.scalars, *scope.counts()):
        put("wrong constant", 15, name)
    chosen = isinstance(parent, ast.Call) and ast.unparse(parent.func).endswith("where")
    stands = chosen or isinstance(parent, ast.AugAssign | ast.BinOp | ast.UnaryOp) and not power
    for name in scope.texts if stands else ():
        put("number instead of an array", 16, name)
        for axis in (0, 1) if len(scope.shape(name) or ()) == 2 and not isinstance(parent, ast.BinOp) else ():
            put("number instead of an array", 17, f"{name}.sum(axis={axis})")
