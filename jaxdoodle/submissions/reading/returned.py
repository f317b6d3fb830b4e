"""What a function returns last, as it is written."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from jaxdoodle.gradcheck.setup.binding import parameters
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.reading.source import source_tree

#: What a loss that returns its gradient, too, calls it, or makes one vector of.
CALLED_GRADIENT = re.compile(r"\b(d_?[a-z]\w*|\w*grad\w*|g|(?-i:g_?[A-Z]\w*))\b", re.I)
JOINED = re.compile(rf"{CALLED_GRADIENT.pattern}|\b(concatenate|hstack|r_|ravel|flatten)\b", re.I)


def entries_returned(function: Callable) -> list[str]:
    """The entries of the tuple that a function returns last, as they are written."""
    nodes = ast.walk(source_tree(function) or ast.Module([], []))
    given = sorted((n for n in nodes if isinstance(n, ast.Return)), key=lambda n: n.lineno)
    return [ast.unparse(e) for e in getattr(given[-1].value, "elts", ())] if given else []


def unpacking(function: Callable) -> tuple[list[str], Callable[[Callable], Callable]]:
    """What it returns, as it is written, and what makes it return ``grads = (dw, db)`` entry by entry."""
    texts = entries_returned(function)
    held = {
        ast.unparse(n.targets[0]): [ast.unparse(e) for e in n.value.elts]
        for n in ast.walk(source_tree(function) or ast.Module([], []))
        if isinstance(n, ast.Assign) and isinstance(n.value, ast.Tuple)
    }
    trees = {text: ast.parse(text, mode="eval").body for text in texts}
    are_own = are_of_arguments(function)
    held |= {text: [ast.unparse(e) for e in tree.elts] for text, tree in trees.items()  # type: ignore[attr-defined]
             if _is_unpacked(tree) or are_own(text)}  # fmt: skip

    def unpacked(function: Callable) -> Callable:
        @functools.wraps(function)
        def run(*args: Any) -> Any:
            returned = function(*args)
            if len(returned) != len(texts):
                raise CheckError(f"{function.__name__} returns {len(returned)} values, and {len(texts)} elsewhere")
            parts = [
                v if t in held and isinstance(v, tuple | list) else (v,) for t, v in zip(texts, returned, strict=True)
            ]
            return tuple(value for part in parts for value in part)

        return run if any(text in held for text in texts) else function

    return [entry for text in texts for entry in held.get(text, [text])], unpacked


def _is_unpacked(tree: ast.expr) -> TypeGuard[ast.List | ast.Tuple]:
    """A list, or a tuple of expressions: one of names may be a state."""
    of_names = isinstance(tree, ast.Tuple) and any(isinstance(e, ast.Name) for e in tree.elts)
    return isinstance(tree, ast.List | ast.Tuple) and not of_names


def returned_names(function: Callable) -> list[str]:
    """The names in the tuple that a function returns last."""
    return identifiers(entries_returned(function))


def identifiers(texts: Sequence[str]) -> list[str]:
    return [text if text.isidentifier() else "" for text in texts]


def are_of_arguments(function: Callable) -> Callable[[str], bool]:
    """Is it a tuple or list of gradients of parameters of the function alone, by their names?"""
    own = {p.name for p in parameters(function)}
    called = {form.format(n) for n in own for form in ("d{}", "d_{}", "grad_{}", "g{}", "g_{}")} - own

    def gradients(text: str) -> bool:
        entries = [ast.unparse(e) for e in getattr(ast.parse(text, mode="eval").body, "elts", ())]
        return len(entries) > 1 and {*entries} <= called

    return gradients
