"""Arguments of a function that takes one vector apart into its parameters, as those do that ``scipy`` minimizes.

Its length is found by trial: of those that the function takes, the one whose every entry counts.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations, product
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import parameters
from jaxdoodle.submissions.arguments.by_name import Option, just, kind_of, mask, normal, one_hot, whole
from jaxdoodle.submissions.reading.source import nodes_with, source_tree
from jaxdoodle.submissions.reading.words import PENALTY

#: Sizes of layers, users, classes in the order of the parameters, each another; the number of examples.
_SIZES, _EXAMPLES = (4, 3, 5, 2, 7), 6
#: Sizes that data have, at least: also those that no parameter gives.
_OF_DATA = 3
#: Lengths of the vector that are tried.
_LENGTHS = range(1, 80)
#: Kinds of parameters that are no vector of all weights, though they may be cut or reshaped.
_NO_VECTOR = ("x", "y", "mask", "ids", "h", "lengths", "counts", "size", "number")
_SIZES_OF_LAYERS = re.compile(r"(\w+_)?(sizes|layers|dims|shape|architecture|net_?config)", re.I)


def vector_of(function: Any) -> str | None:
    """The parameter that is cut or reshaped into arrays of sizes that have names: ``theta[: h * (n + 1)]``."""
    names = [p.name for p in parameters(function) if kind_of(p.name) not in _NO_VECTOR]
    return next((n for n in names if any(map(_is_named, _taken_apart(function, n)))), None)


def _is_named(size: ast.AST) -> bool:
    return any(isinstance(node, ast.Name) for node in ast.walk(size))


def _taken_apart(function: Any, name: str) -> Iterator[ast.AST]:
    """The bounds of slices of a parameter, and the shapes that it and its slices get; also in what it is handed to."""
    for nodes, of in nodes_with(function, name, sliced=True):
        for node in nodes:
            if isinstance(node, ast.Subscript) and of(node.value) and isinstance(node.slice, ast.Slice):
                yield from filter(None, (node.slice.lower, node.slice.upper))
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "reshape":
                yield from node.args if of(node.func.value) else node.args[1:] if any(map(of, node.args[:1])) else ()  # type: ignore[attr-defined]


def _sizes_in(node: ast.AST) -> set[str]:
    """The names that are reckoned with as numbers."""
    if isinstance(node, ast.Name):
        return {node.id}
    inner = node.elts if isinstance(node, ast.Tuple | ast.List) else ast.iter_child_nodes(node)
    return set().union(*map(_sizes_in, inner)) if isinstance(node, ast.BinOp | ast.Tuple | ast.List) else set()


def candidates(function: Any, taken: Sequence[inspect.Parameter]) -> Iterator[list[Any]]:
    """Values for these parameters, where one of them is such a vector: its lengths vary fastest, numbers slowest."""
    vector = vector_of(function)
    if vector not in [p.name for p in taken]:
        return
    counted = set().union(*map(_sizes_in, _taken_apart(function, vector or "")))
    sizes = dict(zip([p.name for p in taken if p.name in counted or _counts(function, p.name)], _SIZES, strict=False))
    options = [_options(p, vector, sizes) for p in taken]
    order = sorted(range(len(taken)), key=lambda k: (taken[k].name == vector, kind_of(taken[k].name) == "x"))
    for chosen in product(*(options[k] for k in order)):
        rng = np.random.default_rng(0)
        values = dict(zip(order, (make(rng) for make in chosen), strict=True))
        yield [values[k] for k in range(len(taken))]


def _counts(function: Any, name: str) -> bool:
    """Is a parameter a size by its name, or by its use in shapes of new arrays?"""
    nodes = ast.walk(source_tree(function) or ast.Module([], []))
    made = (n for n in nodes if isinstance(n, ast.Call) and re.search(r"(zeros|ones|eye|range)$", ast.unparse(n.func)))
    by_name = re.search(r"(^|_)(size|num|n|dim)(_|$)", name) and kind_of(name) != "number"
    return bool(by_name) or any(name in _sizes_in(a) for n in made for a in n.args)


def _options(parameter: inspect.Parameter, vector: str | None, sizes: dict[str, int]) -> list[Option]:
    name, kind = parameter.name, kind_of(parameter.name)
    of = (*_SIZES[len(sizes) : _OF_DATA], *sizes.values())
    if parameter.default is not parameter.empty:
        return [just(parameter.default)]
    if name == vector:
        return [normal(length) for length in _LENGTHS]
    if name in sizes:
        return [just(sizes[name])]
    if _SIZES_OF_LAYERS.fullmatch(name):
        return [just([4, 3, 2]), just((4, 3, 2))]
    if kind == "number" or PENALTY.fullmatch(name) or name == "C":
        return [just(0.3)]
    data = [normal(*shape) for size in of for shape in ((_EXAMPLES, size), (size, _EXAMPLES))]
    pairs = [*permutations(of, 2)]
    if kind == "mask" or name == "R":
        return [mask(*shape) for shape in pairs]
    if kind == "y":
        most = sorted(of, reverse=True)  # every class counts
        labels = [whole(size, _EXAMPLES) for size in most] + [whole(size, _EXAMPLES, 1) for size in most]
        labels += [one_hot(_EXAMPLES, size) for size in most] + [_columns(_EXAMPLES, size) for size in most]
        return [*labels, mask(_EXAMPLES), *(normal(*shape) for shape in pairs), normal(_EXAMPLES), *data]
    return [*data, normal(_EXAMPLES)] if kind == "x" else [just(0.3), *data, normal(_EXAMPLES)]


def _columns(rows: int, columns: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: one_hot(rows, columns)(rng).T
