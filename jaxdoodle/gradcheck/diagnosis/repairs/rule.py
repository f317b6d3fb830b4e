"""What a rule is: it is called with a node, its parent, the scope, and what takes (name, cost, new node)."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from jaxdoodle.gradcheck.diagnosis.repairs.scope import expr

Put = Callable[[str, int, Any], None]


def loaded(node: Any) -> bool:
    return isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Load)


def renamed(node: Any, name: str, text: str) -> Any:
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
