"""What may have been written instead of what stands in one place, kind by kind: each rule puts what undoes it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from itertools import combinations, permutations
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.diagnosis.catalogue import (
    DOUBLE_MEAN,
    EXTRA_FACTOR,
    MISSING_MEAN,
    OVERWRITTEN,
    REPEATED,
    SWAPPED,
)
from jaxdoodle.gradcheck.diagnosis.repairs.scope import Scope, expr

#: Functions that are taken for each other.
_ALIKE = (
    ("sum", "mean", "max"), ("tanh", "tan", "cosh", "sinh"), ("sin", "cos"), ("maximum", "minimum"),
    ("argmax", "argmin"), ("exp", "expm1", "log", "log1p"), ("var", "std"), ("zeros_like", "ones_like"),
)  # fmt: skip
#: Axes tried for another; None is all.
_AXES = (0, 1, -1, 2, (0, 1), (1, 2), (0, 2), (0, 2, 3), (0, 1, 2), (2, 3), None)
_COMPARISONS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE)

Put = Callable[[str, int, Any], None]


def _binary(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if not isinstance(node, ast.BinOp):
        return
    left, right = node.left, node.right

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
    if isinstance(node.op, ast.Pow):
        put("wrong power", 14, left)
        for sign in "+-" if not isinstance(right, ast.Constant) else ():
            put("wrong power", 14, other(ast.Pow(), left, expr(f"{ast.unparse(right)} {sign} 1")))
        for power in (2, 3, 0.5, -1):
            put("wrong power", 15, other(ast.Pow(), left, ast.Constant(power)))
    if isinstance(node.op, ast.Mult):
        for new in _other_slopes(left, right):
            put("wrong activation derivative", 12, new)
    if isinstance(node.op, ast.MatMult):
        put("operands swapped", 18, other(ast.MatMult(), right, left))
        put("operands swapped", 18, other(ast.MatMult(), _t(right), _t(left)))
    if isinstance(node.op, ast.MatMult) or isinstance(node.op, ast.Mult):
        put("transposed", 13, ast.Attribute(ast.BinOp(left, node.op, right), "T", ast.Load()))


def _other_slopes(left: Any, right: Any) -> Iterator[ast.expr]:
    """``d * a * (1 - a)`` for ``d * (1 - a ** 2)``, and the reverse."""
    text = ast.unparse(right)
    if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mult) and text == f"1 - {ast.unparse(left.right)}":
        yield ast.BinOp(left.left, ast.Mult(), expr(f"{text} ** 2"))
    for name in {n.id for n in ast.walk(right) if isinstance(n, ast.Name)}:
        if text in (f"1 - {name} ** 2", f"1 - {name} * {name}"):
            yield ast.BinOp(left, ast.Mult(), expr(f"({name} * (1 - {name}))"))


def _without_number(node: Any) -> Any:
    """A product without its number; None where it has none."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return None
    for number, rest in ((node.left, node.right), (node.right, node.left)):
        if isinstance(number, ast.Constant):
            return rest
    left = _without_number(node.left)
    return None if left is None else ast.BinOp(left, ast.Mult(), node.right)


def _t(node: Any) -> Any:
    transposed = isinstance(node, ast.Attribute) and node.attr == "T"
    return node.value if transposed else ast.Attribute(node, "T", ast.Load())


def _unary(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        axis = isinstance(parent, ast.keyword) and parent.arg in ("axis", "dim")
        title = "wrong axis" if axis else "values flipped" if isinstance(parent, ast.Slice) else "sign flipped"
        put(title, 9, node.operand)
    if isinstance(node, ast.IfExp):
        put("wrong case", 9, node.body)
        put("wrong case", 9, node.orelse)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for op in _COMPARISONS:
            put("wrong comparison", 12, ast.Compare(node.left, [op()], node.comparators))


def _transposes(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if isinstance(node, ast.Attribute) and node.attr == "T":
        put("transposed", 8, node.value)
    elif isinstance(node, ast.expr) and _loaded(node) and len(scope.shape(ast.unparse(node)) or ()) == 2:
        put("transposed", 13, _t(node))
    elif isinstance(node, ast.expr) and _loaded(node) and len(scope.shape(ast.unparse(node)) or ()) > 2:
        put("transposed", 13, expr(f"{ast.unparse(node)}.swapaxes(-1, -2)"))
    elif isinstance(node, ast.BinOp) and isinstance(parent, ast.BinOp | ast.Call) and isinstance(node.op, ast.Sub):
        put("transposed", 14, _t(node))


def _loaded(node: Any) -> bool:
    return isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Load)


def _calls(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    method = isinstance(node.func, ast.Attribute) and ast.unparse(node).partition(".")[0] not in scope.modules
    for other in next(([f for f in group if f != name] for group in _ALIKE if name in group), ()):
        title = f"{name} instead of {other}" if name in ("sum", "mean", "var", "std") else f"{name} for {other}"
        func = ast.Attribute(node.func.value, other, ast.Load()) if isinstance(node.func, ast.Attribute) else None
        if func is not None:
            put(title, 8, ast.Call(func, node.args, node.keywords))
    if method and isinstance(node.func, ast.Attribute):
        put(f"superfluous {name}", 15, node.func.value)
    elif node.args:
        put(f"superfluous {name}", 15, node.args[0])
    for a, b in combinations(range(len(node.args)), 2):
        args = list(node.args)
        args[a], args[b] = args[b], args[a]
        put("arguments swapped", 17, ast.Call(node.func, args, node.keywords))
    if name == "transpose" and len(node.args) in (3, 4):
        for order in permutations(node.args):
            put("transposed", 16, ast.Call(node.func, list(order), node.keywords))
    for loop in scope.loops if name == "slice" else ():
        for stride in scope.scalars:
            put("stride left out", 12, _renamed(node, loop, f"{loop} * {stride}"))
    for k, keyword in enumerate(node.keywords):
        rest = [w for i, w in enumerate(node.keywords) if i != k]
        put(f"superfluous {keyword.arg}", 18, ast.Call(node.func, node.args, rest))
        for axis in _AXES if keyword.arg in ("axis", "dim") else ():
            put("wrong axis", 10, ast.Call(node.func, node.args, [*rest, ast.keyword(keyword.arg, expr(repr(axis)))]))
    if name in ("sum", "mean", "max") and (method and node.args or len(node.args) > 1):
        for axis in _AXES:
            put("wrong axis", 10, ast.Call(node.func, [*node.args[:-1], expr(repr(axis))], node.keywords))


def _subscripts(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if (
        not isinstance(node, ast.Subscript)
        or isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    ):
        return
    text = ast.unparse(node)
    if _loaded(node) and any(isinstance(n, ast.Slice) for n in ast.walk(node.slice)):
        put("superfluous slice", 15, node.value)
    names = sorted({n.id for n in ast.walk(node.slice) if isinstance(n, ast.Name)})
    for name in names:
        if not isinstance(scope.values.get(name), int | np.integer):
            continue
        forms = [("stride left out", 14, f"{k} * {name}") for k in (2, 3)]
        forms += [("stride left out", 14, f"({name} * {s})") for s in scope.scalars if s != name]
        forms += [("index off by one", 12, f"({name} {sign} 1)") for sign in "+-"]
        for title, cost, other in forms:
            new = _renamed(node, name, other)
            put(title, cost, new)
            if title == "index off by one" and _loaded(node):
                bound = f"{name} - 1 >= 0" if "-" in other else f"{name} + 1 < len({ast.unparse(node.value)})"
                guarded = f"({ast.unparse(new)} if {bound} else 0 * {text})"
                put("wrong time step", 12, expr(guarded))
    loops = [n for n in names if n in scope.loops]
    for pair in combinations(loops, 2):
        for s in dict.fromkeys((*(s for s in scope.scalars if s not in loops), "2")):
            strided = node
            for name in pair:
                strided = _renamed(strided, name, f"({name} * {s})")
            put("stride left out", 10 if "strid" in s else 14, strided)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
    cuts = [k for k, p in enumerate(parts) if isinstance(p, ast.Slice) and p.lower is None and p.upper is not None]
    for pad in scope.scalars if len(cuts) > 1 and _loaded(node) else ():
        moved = copy.deepcopy(node)
        for k in cuts:
            cut = moved.slice.elts[k]  # type: ignore[attr-defined]
            cut.lower, cut.upper = expr(pad), expr(f"{pad} + {ast.unparse(cut.upper)}")
        put("border not cut off", 12, moved)
    for a, b in combinations(range(len(parts)), 2):
        swapped = copy.deepcopy(node)
        places = swapped.slice.elts  # type: ignore[attr-defined]
        places[a], places[b] = places[b], places[a]
        put("indices swapped", 7, swapped)
    for k, part in enumerate(node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]):
        for name in names if isinstance(part, ast.BinOp | ast.Name) else ():
            for text in [name] if isinstance(part, ast.BinOp) else [f"{s} - 1 - {name}" for s in scope.scalars]:
                turned = copy.deepcopy(node)
                if isinstance(turned.slice, ast.Tuple):
                    turned.slice.elts[k] = expr(text)
                else:
                    turned.slice = expr(text)
                put("values flipped", 14, turned)
    if not isinstance(node.slice, ast.Slice | ast.Tuple):
        for sign in "+-" if not names and _loaded(node) else ():
            put("index off by one", 14, expr(f"{ast.unparse(node.value)}[{ast.unparse(node.slice)} {sign} 1]"))


def _renamed(node: Any, name: str, text: str) -> Any:
    """A subscript with another index, or a call with other arguments."""

    class Rename(ast.NodeTransformer):
        def visit_Name(self, inner: ast.Name) -> ast.AST:
            return expr(text) if inner.id == name and isinstance(inner.ctx, ast.Load) else inner

    new = copy.deepcopy(node)
    if isinstance(new, ast.Call):
        new.args = [Rename().visit(arg) for arg in new.args]
    else:
        new.slice = Rename().visit(new.slice)
    return new


def _slices(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
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
                put("border not cut off", 13, ast.Slice(expr(pad), expr(f"{pad} + {ast.unparse(upper)}")))
        for bound in ("lower", "upper"):
            at = getattr(node, bound)
            for sign in "+-" if at is not None else ():
                moved = copy.copy(node)
                setattr(moved, bound, expr(f"{ast.unparse(at)} {sign} 1"))
                put("slice off by one", 13, moved)


def _constants(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if (
        not isinstance(node, ast.Constant)
        or isinstance(node.value, bool | str)
        or not isinstance(node.value, int | float)
    ):
        return
    if isinstance(parent, ast.keyword):
        return
    value = node.value
    forward = [x for x in scope.numbers if x != value]
    power = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and parent.right is node
    for other in dict.fromkeys([1, *forward, 2 * value, value / 2, value + 1, value - 1]):
        title = "wrong power" if power else "wrong constant"
        if other != value:
            put(
                title if power or other not in forward else "constant other than the forward's", 13, ast.Constant(other)
            )
    for name in (*scope.scalars, *scope.counts()):
        put("wrong constant", 15, expr(name))
    for name in scope.texts if isinstance(parent, ast.AugAssign | ast.BinOp | ast.UnaryOp) and not power else ():
        put("number instead of an array", 16, expr(name))
        for axis in (0, 1) if len(scope.shape(name) or ()) == 2 and not isinstance(parent, ast.BinOp) else ():
            put("number instead of an array", 17, expr(f"{name}.sum(axis={axis})"))


def _substitutes(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    """Another array of the same shape, another count for a count, another number for a number."""
    if isinstance(node, ast.BinOp) and isinstance(parent, ast.Call | ast.BinOp) and scope.shape_of(node):
        for other in scope.arrays_for(node, same=True):
            put("wrong array", 17, expr(other))
    if not _loaded(node) and not (isinstance(node, ast.Call) and ast.unparse(node.func) == "len"):
        return
    text = ast.unparse(node)
    shape = scope.shape(text)
    if shape is not None:
        for other, value in scope.texts.items():
            moving = {text, other} & scope.changing and np.ndim(value) == len(shape)
            if other != text and (np.shape(value) == shape or moving) and value is not scope.texts[text]:
                put("wrong array", 12, expr(other))
    elif text in scope.scalars:
        for other in scope.scalars:
            if other != text:
                put("wrong number", 13, expr(other))
    if scope.is_count(text):
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult | ast.Div):
            put("n for n - 1", 11, expr(f"({text} - 1)"))
            put("n - 1 for n", 11, expr(f"({text} + 1)"))
            put("divided by the wrong count", 11, expr(f"{text} ** 2"))
        for other in scope.counts():
            put("divided by the wrong count", 12, expr(other))


def _statements(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        store = copy.deepcopy(node.target)
        put("added instead of assigned", 12, ast.Assign([store], node.value))
        sliced = any(isinstance(n, ast.Slice) for n in ast.walk(node.target))
        if isinstance(node.target, ast.Subscript) and scope.numpy and not sliced:
            target, index = ast.unparse(node.target.value), ast.unparse(node.target.slice)
            call = f"{scope.numpy}.add.at({target}, ({index}), {ast.unparse(node.value)})"
            put(REPEATED, 9, ast.Expr(expr(call)))
        put("sign flipped", 11, ast.AugAssign(node.target, ast.Sub(), node.value))
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub):
        put("sign flipped", 11, ast.AugAssign(node.target, ast.Add(), node.value))
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        if isinstance(node.targets[0], ast.Subscript | ast.Name | ast.Attribute):
            put(OVERWRITTEN, 9, ast.AugAssign(node.targets[0], ast.Add(), node.value))
    if isinstance(node, ast.AugAssign) or isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name):
        put("superfluous line", 16, ast.Pass())
    if isinstance(node, ast.AugAssign | ast.Assign):
        _statements_left_out(node, scope, put)
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name | ast.Attribute):
        target = ast.unparse(node.target)
        alike = {n for n in scope.texts if scope.shape(n) == scope.shape(target) and n != target}
        for cut in ("1:", ":-1"):
            put("wrong slice", 15, _sliced(node, cut, alike))
    values = getattr(node, "elts", None) or getattr(node, "values", None)
    if isinstance(node, ast.Tuple | ast.List | ast.Dict) and isinstance(parent, ast.Return | ast.Assign) and values:
        for a, b in combinations(range(min(len(values), 8)), 2):
            new = copy.copy(node)
            order = list(values)
            order[a], order[b] = order[b], order[a]
            setattr(new, "values" if isinstance(node, ast.Dict) else "elts", order)
            put(SWAPPED, 11, new)


def _statements_left_out(node: Any, scope: Scope, put: Put) -> None:
    """After entries of an array are assigned: what all of it was to be divided or multiplied by."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Name):
        return
    name = ast.unparse(target.value)
    for title, text in (
        *(
            (MISSING_MEAN if scope.is_count(number) else "divisor left out", f"{name} = {name} / {number}")
            for number in (*scope.scalars, *scope.counts())
        ),
        *(("factor left out", f"{name} = {name} * {factor}") for factor in scope.factors),
    ):
        # two statements in the place of one
        put(title, 17, ast.If(ast.Constant(True), [node, *ast.parse(text).body], []))


def _sliced(node: ast.AugAssign, cut: str, alike: set[str]) -> ast.AugAssign:
    """The statement for a part of the entries: ``g[1:] += w[1:]`` for ``g += w``."""

    class Cut(ast.NodeTransformer):
        def visit(self, inner: ast.AST) -> Any:
            named = isinstance(inner, ast.expr) and ast.unparse(inner) in alike
            return expr(f"{ast.unparse(inner)}[{cut}]") if named else self.generic_visit(inner)

    target: Any = expr(f"{ast.unparse(node.target)}[{cut}]")
    target.ctx = ast.Store()
    return ast.AugAssign(target, node.op, Cut().visit(copy.deepcopy(node.value)))


#: Derivatives in terms of the value of an activation, and where such values lie.
_SLOPES = (("1 - {0} ** 2", -1, 1), ("{0} * (1 - {0})", 0, 1), ("{0} > 0", -np.inf, np.inf), ("1 - {0}", 0, 1))


def _additions(node: Any, parent: ast.AST, scope: Scope, put: Put) -> None:
    """A factor or a term that is not there."""
    whole = isinstance(parent, ast.Assign | ast.AugAssign | ast.Return | ast.Tuple | ast.List | ast.Dict | ast.Call)
    term = isinstance(parent, ast.BinOp) or isinstance(parent, ast.Attribute) and isinstance(node, ast.Name)
    if not isinstance(node, ast.expr) or not (whole or term) or isinstance(getattr(node, "ctx", None), ast.Store):
        return
    if isinstance(
        node, ast.Starred | ast.Constant | ast.Tuple | ast.List | ast.Dict | ast.Slice | ast.Attribute
    ) and not _loaded(node):
        return
    text = f"({ast.unparse(node)})"
    if len(text) > 200 or ast.unparse(node) in scope.modules or scope.is_count(ast.unparse(node)):
        return
    bare = isinstance(node, ast.Name) and isinstance(parent, ast.Assign)  # dz = da: what belongs there is left out
    cost = 15 if bare else 20 if whole else 22
    put("sign flipped", cost - 2, expr(f"-{text}"))
    from_one = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Sub) and ast.unparse(parent.left) == "1"
    put("wrong power", 12 if from_one else cost, expr(f"{text} ** 2"))  # 1 - a for 1 - a ** 2
    for factor in ("2", "0.5", *scope.scalars, *map(repr, scope.numbers)):
        counted = scope.is_count(factor)
        put(DOUBLE_MEAN if counted else "factor left out", cost, expr(f"{text} * {factor}"))
        put(MISSING_MEAN if counted else "divisor left out", cost, expr(f"{text} / {factor}"))
    for count in scope.counts() if whole else ():
        put(MISSING_MEAN, cost + 1, expr(f"{text} / {count}"))
        put(DOUBLE_MEAN, cost + 1, expr(f"{text} * {count}"))
    for name in scope.unused if whole else ():
        put("factor left out", 8, expr(f"{text} * {name}"))
    for factor in scope.factors:
        put("factor left out", 13 if whole else 14, expr(f"{text} * {factor}"))
    for divisor in scope.divisors:
        counted = scope.is_count(divisor.strip("()"))
        put(MISSING_MEAN if counted else "divisor left out", 13 if whole else 14, expr(f"{text} / {divisor}"))
    for function in scope.functions if not isinstance(node, ast.Constant) else ():
        put("function left out", 15, expr(f"{function}{text}"))
    for name in scope.arrays_for(node, parent=parent):
        put("factor left out", cost + 2, expr(f"{text} * {name}"))
        if len(scope.shape(name) or ()) == 1:
            put("factor left out", cost + 3, expr(f"{text} * {name}[:, None]"))
        put("divisor left out", cost + 2, expr(f"{text} / {name}"))
        if scope.numpy and whole:
            put("sign left out", cost + 2, expr(f"{text} * {scope.numpy}.sign({name})"))
        for slope, low, high in _SLOPES if whole or isinstance(node, ast.BinOp) else ():
            if scope.lies_between(name, low, high):
                put("activation derivative forgotten", cost + 1, expr(f"{text} * ({slope.format(name)})"))
        for place in scope.loops if np.asarray(scope.texts[name]).dtype.kind == "i" else ():
            put("mask left out", cost, expr(f"{text} * ({name} == {place})"))
        if (
            isinstance(parent, ast.BinOp)
            and isinstance(parent.op, ast.Mult)
            and isinstance(node, ast.Name | ast.Attribute)
        ):
            put("term left out", cost + 2, expr(f"({text} - {name})"))
            put("term left out", cost + 2, expr(f"({text} + {name})"))
    if whole:
        target = ast.unparse(parent.targets[0]) if isinstance(parent, ast.Assign) else ""
        shape = scope.shape(target)
        for name in (n for n in scope.texts if shape is None or scope.shape(n) == shape):
            put("term left out", cost, expr(f"{text} + {name}"))
            put("extra term", cost + 4, expr(f"{text} - {name}"))
            for factor in scope.scalars:
                put("term left out", cost + 4, expr(f"{text} + {factor} * {name}"))
                put("term left out", cost + 4, expr(f"{text} + 2 * {factor} * {name}"))


#: Called with a node, its parent, the scope, and what takes (name, cost, new node).
RULES = (
    _binary, _unary, _transposes, _calls, _subscripts, _slices, _constants, _substitutes, _statements, _additions,
)  # fmt: skip
