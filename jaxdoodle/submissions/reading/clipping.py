"""Functions without what cuts their gradients off: a loss is checked with its gradients as they are before."""

from __future__ import annotations

import ast
import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxdoodle.submissions.reading.source import source_tree

#: What a gradient is called where it is cut off.
_GRADIENT_NAME = re.compile(r"d(?!ata)\w*|\w*grad\w*|g|delta\w*", re.I)


def limits_of(function: Any) -> tuple[str, ...]:
    """What its gradients are cut off at."""
    clips, tree = _Unclipped(()), source_tree(function)
    if tree is None or not isinstance(function, types.FunctionType) or function.__code__.co_freevars:
        return ()
    clips.visit(tree)
    return tuple(sorted(clips.limits))


def without_limits(cls: type, methods: Mapping[str, Callable]) -> tuple[type, set[str]]:
    """A class of whose methods these cut no gradients off, and what they cut them off at."""
    own, found = dict[str, Any](), set[str]()
    for n, f in methods.items():
        if limits := limits_of(f):
            (plain,) = versions_of(f, limits, [()])
            own[n] = staticmethod(plain) if isinstance(inspect.getattr_static(cls, n), staticmethod) else plain
            found.update(limits)
    return type(cls.__name__, (cls,), {**own, "__module__": cls.__module__}), found


def versions_of(
    function: Any, limits: Sequence[str], kept: Sequence[Sequence[str]], names: Sequence[str] = ()
) -> list[Callable]:
    """The function without what cuts its gradients off, but for the limits that are kept, once for each of these.

    ``names``: what it finds in its module, and takes as its first parameters.
    """
    return [_unclipped(function, left, names) if names or left != limits else function for left in kept]


def _unclipped(function: Any, kept: Sequence[str], names: Sequence[str]) -> Callable:
    tree: Any = source_tree(function)
    if not isinstance(function, types.FunctionType) or function.__code__.co_freevars or tree is None:
        return function
    _Unclipped(kept).visit(tree)
    tree.body[0].decorator_list = []
    tree.body[0].args.args[:0] = [ast.arg(n) for n in names]
    ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
    owner = function.__qualname__.rpartition(".")[0].rpartition(".")[2]
    if owner.isidentifier():  # private names are those of a class
        (body := ast.parse(f"class {owner}: pass")).body[0].body = tree.body  # type: ignore[attr-defined]
        tree = body
    code = compile(ast.fix_missing_locations(tree), function.__code__.co_filename, "exec")
    while code.co_name != function.__code__.co_name:
        code = next(c for c in code.co_consts if isinstance(c, types.CodeType))
    made = types.FunctionType(code, function.__globals__, function.__name__, function.__defaults__)
    made.__kwdefaults__ = function.__kwdefaults__
    made.altered = _Unclipped(kept).visit  # type: ignore[attr-defined]  # a repair stands in what is run
    return made


class _Unclipped(ast.NodeTransformer):
    """Gradients in place of what they are as cut off on both sides alike; what is forward's, as a mask, stays."""

    def __init__(self, kept: Sequence[str]) -> None:
        self.limits, self.kept = set[str](), kept

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        node.value = self._whole(node.value, node.targets[0])
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return self._whole(node, *node.args[:1])

    def _whole(self, node: ast.expr, called: ast.AST | None = None) -> ast.expr:
        """What ``clip(x, -c, c)`` cuts off, where it is ``called`` as a gradient is."""
        while isinstance(called, ast.Subscript | ast.Attribute):
            called = called.value
        given = [*getattr(node, "args", ()), *(k.value for k in getattr(node, "keywords", ()) if k.arg != "out")]
        if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] != "clip" or len(given) != 3:
            return node
        low, high = map(ast.unparse, given[1:])
        if low != f"-{high}" or not _GRADIENT_NAME.fullmatch(getattr(called, "id", "")):
            return node
        self.limits.add(high)
        return node if high in self.kept else given[0]
