"""Which wrong gradients hang on a place of a backward; where a right one does, the mistake is elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.diagnosis.repairs.rule import Edit

#: What a value is multiplied by to see what hangs on it.
_MOVED = 1.37
#: What hangs on a place: a right gradient, or no wrong one; some of the wrong ones alone; all of these alone.
NONE, SOME, ALL = range(3)
#: Changes below it, as a part of the largest gradient, are rounding: all that a bias before a normalization has.
_ROUNDING = 1e-10


def influence(
    function: ast.FunctionDef, run: Callable[[], dict[str, Any]], wrong: Sequence[str], right: Sequence[str]
) -> dict[int, int]:
    """For nodes of the tree, by their id, what hangs on the value there.

    ``run`` gives the gradients that the tree as it is now gives; where that fails, nothing is known of the place.
    """
    before, found = run(), {}
    sizes = (np.abs(np.nan_to_num(g, posinf=0, neginf=0)).max(initial=0) for g in before.values())
    rounding = _ROUNDING * max(sizes, default=0)
    for parent, name, index, node in list(_values(function)):
        moving = Edit("", 0, parent, name, index, node, ast.BinOp(node, ast.Mult(), ast.Constant(_MOVED)))
        moving.apply()
        after = run()
        moving.undo()
        if before.keys() == after.keys() and all(np.shape(after[n]) == np.shape(g) for n, g in before.items()):
            moved = {n for n, g in before.items() if not np.allclose(after[n], g, _ROUNDING, rounding, equal_nan=True)}
            alone = moved & {*wrong} if not moved & {*right} else set()
            found[id(node)] = ALL if alone == {*wrong} else SOME if alone else NONE
    known: dict[int, int] = {}
    _spread(function, None, found, known)
    return known


def _values(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.expr]]:
    """What is assigned, returned or given to a call that stands alone, entry by entry, with its place."""
    for statement in ast.walk(node):
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.Return) and statement.value is not None:
            yield from _entries(statement, "value", None, statement.value)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and statement.value.args:
            yield from _entries(statement.value, "args", len(statement.value.args) - 1, statement.value.args[-1])


def _entries(
    parent: ast.AST, name: str, index: int | None, node: ast.expr
) -> Iterator[tuple[ast.AST, str, int | None, ast.expr]]:
    several = isinstance(node, ast.Tuple | ast.List | ast.Dict)
    if isinstance(node, ast.ListComp):
        yield from _entries(node, "elt", None, node.elt)
    elif not several:
        yield parent, name, index, node
    inner = node.args if isinstance(node, ast.Call) else []  # np.concatenate([a, b])
    for each in [node] if several else [a for a in inner if isinstance(a, ast.Tuple | ast.List)]:
        field = "values" if isinstance(each, ast.Dict) else "elts"
        for k, entry in enumerate(getattr(each, field)):
            yield from _entries(each, field, k, entry)


def _spread(node: ast.AST, here: int | None, found: dict[int, int], known: dict[int, int]) -> int | None:
    """A node is as the value that it is part of; what holds several of them, as the best."""
    here = found.get(id(node), here)
    below = [_spread(child, here, found, known) for child in ast.iter_child_nodes(node)]
    if here is None:
        told = [b for b in below if b is not None]
        here = max(told, default=None)
        if here is not None and not hasattr(node, "body"):
            known.update({id(n): here for n in ast.walk(node) if id(n) not in known})
    if here is not None:
        known[id(node)] = here
    return here
