"""What an edit of a syntax tree is, and what a rule is that proposes some: it is called with a node, its parent, the
scope, and what takes (name, cost, new node)."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jaxdoodle.gradcheck.diagnosis.repairs.scope import expr


@dataclass(frozen=True)
class Edit:
    """``new`` (a node, or an expression in words) in the place of ``old``: the child of ``parent`` in ``field`` (and at
    ``index`` in a list).

    ``name`` is the mistake that the edit undoes. ``cost``: of two edits that fit, the cheaper is told; what takes away
    or exchanges what is written comes before what adds, since an added factor fits in more places.
    """

    name: str
    cost: int
    parent: ast.AST
    field: str
    index: int | None
    old: Any
    new: Any

    def apply(self) -> None:
        new = expr(self.new) if isinstance(self.new, str) else self.new
        self._put(ast.fix_missing_locations(ast.copy_location(new, self.old)) if isinstance(new, ast.AST) else new)

    def undo(self) -> None:
        self._put(self.old)

    def _put(self, node: Any) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


Put = Callable[[str, int, Any], None]


def loaded(node: Any) -> bool:
    return isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Load)


def replaced(node: ast.AST, instead: Mapping[str, str]) -> Any:
    """A copy of an expression, with others for those in it that read so."""

    class Replace(ast.NodeTransformer):
        def visit(self, inner: ast.AST) -> Any:
            text = ast.unparse(inner) if isinstance(inner, ast.expr) else ""
            return expr(instead[text]) if text in instead else self.generic_visit(inner)

    return Replace().visit(copy.deepcopy(node))
