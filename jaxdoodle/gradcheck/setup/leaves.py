"""Names for the arrays inside arguments, and which returned gradient belongs to which of them.

Trees are dicts (in the order they were written), lists, tuples and whatever JAX knows as a tree. Anything that is
not an array (a stride, a layer's description, ``None``) is left where it is.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from itertools import combinations, zip_longest
from typing import Any

import jax
import numpy as np

#: Methods of a dataclass that is more than data.
_DOES = ("forward", "backward", "__call__", "__add__")


def is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic | jax.Array)


def is_floating(x: Any) -> bool:
    return is_array(x) and jax.dtypes.issubdtype(x.dtype, np.floating)


def is_integer(x: Any) -> bool:
    return is_array(x) and jax.dtypes.issubdtype(x.dtype, np.integer)


def is_bool(x: Any) -> bool:
    return is_array(x) and x.dtype == np.bool_


def is_complex(x: Any) -> bool:
    return is_array(x) and jax.dtypes.issubdtype(x.dtype, np.complexfloating)


def is_real(x: Any) -> bool:
    return is_floating(x) or isinstance(x, float)


def named(tree: Any) -> dict[str, Any] | None:
    """The branches of a dictionary, a named tuple or a dataclass of data; ``None`` for any other tree."""
    if isinstance(tree, dict):
        return tree
    if _is_data(tree):
        return dict(children(tree) or ())
    return tree._asdict() if hasattr(tree, "_fields") else None


def _is_data(tree: Any) -> bool:
    """Is it an object of a dataclass that does nothing, with numbers in it?"""
    if not dataclasses.is_dataclass(tree) or isinstance(tree, type) or set(_DOES) & {*dir(tree)}:
        return False
    return any(is_real(getattr(tree, f.name, None)) for f in dataclasses.fields(tree))


def children(tree: Any) -> list[tuple[str, Any]] | None:
    """Name and subtree of each branch; ``None`` for a leaf."""
    if isinstance(tree, dict):
        return [(str(k), v) for k, v in tree.items()]
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return list(zip(tree._fields, tree, strict=True))
    if isinstance(tree, list | tuple):
        return [(str(i), v) for i, v in enumerate(tree)]
    if _is_data(tree):
        return [(f.name, getattr(tree, f.name)) for f in dataclasses.fields(tree) if f.init]
    if tree is None or is_array(tree) or isinstance(tree, int | float | str):
        return None
    branches, treedef = jax.tree.flatten(tree, is_leaf=lambda x: x is not tree)
    if jax.tree_util.treedef_is_leaf(treedef):
        return None
    return [(str(i), v) for i, v in enumerate(branches)]


def rebuild(tree: Any, change: Callable[[str, Any], Any], path: str = "") -> Any:
    """The same tree with every leaf replaced by ``change(name, leaf)``."""

    branches = children(tree)
    if branches is None:
        return change(path, tree)
    new = [rebuild(branch, change, below(path, name)) for name, branch in branches]
    if isinstance(tree, list | tuple):
        return type(tree)(*new) if hasattr(tree, "_fields") else type(tree)(new)
    if isinstance(tree, dict):
        table = copy.copy(tree)  # of any kind
        dict.update(table, zip(tree, new, strict=True))
        return table
    if _is_data(tree):
        made = copy.copy(tree)
        for (name, _), value in zip(branches, new, strict=True):
            object.__setattr__(made, name, value)  # it may be frozen
        return made
    return jax.tree.unflatten(jax.tree.structure(tree, is_leaf=lambda x: x is not tree), new)


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(name, leaf) in order."""
    branches = children(tree)
    if branches is None:
        yield path, tree
        return
    for name, branch in branches:
        yield from leaves(branch, below(path, name))


def below(path: str, name: str) -> str:
    """The name of a branch of the tree at ``path``."""
    return f"{path}.{name}" if path else name


def parameters(function: Callable) -> list[inspect.Parameter]:
    """Its named parameters; none where it has no signature (a built-in function)."""
    with contextlib.suppress(TypeError, ValueError):
        found = inspect.signature(function).parameters.values()
        return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return []


def argument_names(function: Callable, count: int) -> list[str]:
    """The names of the positional parameters, as far as the signature has them."""
    names = [p.name for p in parameters(function) if p.kind != p.KEYWORD_ONLY]
    return [names[i] if i < len(names) else f"arg{i}" for i in range(count)]


# -- which gradient belongs to which argument ------------------------------------------------------------------------


def bare(name: str) -> str:
    """A name without what Python puts before that of a private attribute: ``w`` of ``_Net__w``."""
    return re.sub(r"^_[A-Za-z]\w*?__(?=[A-Za-z])", "", name)


@functools.cache
def _plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", bare(name).lower())


def gradient_of(name: str, returned: dict[str, Any]) -> Any | None:
    """The entry that holds the gradient of ``name``: ``dW1``, ``d_w1``, ``grad_w1``, ``w1_grad`` or ``w1``."""
    # of da and dA that of its own case, which comes last
    keys = sorted(returned, key=lambda key: str(key).startswith(name) or str(key).endswith(name))
    plain = {_plain_name(str(key)): returned[key] for key in keys}
    want = _plain_name(name)
    forms = ("d" + want, "grad" + want, "gradient" + want, "delta" + want, "g" + want, "dl" + want, "dj" + want,
             "dld" + want, "djd" + want, "ded" + want, "dcd" + want, "dlossd" + want,
             want + "grad", want + "gradient", "nabla" + want, want)  # fmt: skip
    return next((plain[form] for form in forms if form in plain), None)


def _by_name(got: Any, by_name: dict[str, Any], wanted: list[tuple[str, Any]]) -> bool:
    """Are gradients told by their names? Those in a named tuple may have others."""
    if isinstance(got, dict) or any(gradient_of(n, by_name) is not None for n, _ in wanted):
        return True
    return any(named(b) and any(gradient_of(n, by_name) is not None for n in named(b) or ()) for _, b in wanted)


def align(want: Any, got: Any, path: str = "") -> tuple[dict[str, Any], list[str]]:
    """Pair the leaves of ``want`` with what was returned. Gives {leaf name: returned or None} and remarks."""
    branches = children(want)
    if branches is None:
        return {path: got} if is_array(want) or isinstance(want, float) else {}, []
    wanted = [(n, b) for n, b in branches if any(is_real(x) for _, x in leaves(b))]
    odd: list[str] = []
    values: list[Any]
    if got is None:
        values = [None] * len(wanted)
    elif (by_name := named(got)) is not None and named(want) is not None and _by_name(got, by_name, wanted):
        values = [gradient_of(n, by_name) for n, _ in wanted]
        values = [got if v is None and named(b) else v for v, (_, b) in zip(values, wanted, strict=True)]
        absent = [n for (n, _), v in zip(wanted, values, strict=True) if v is None]
        odd += [f"no gradient of {below(path, n)} is in what came back" for n in absent]
    else:
        given = children(got)
        values = [got] if given is None else [v for _, v in given]
        if len(values) == len(branches):
            keep = {n for n, _ in wanted}
            values = [v for (n, _), v in zip(branches, values, strict=True) if n in keep]
        elif len(values) != len(wanted):
            names = [below(path, n) for n, x in leaves(want) if is_floating(x)]
            if len(values) == len(names) and all(is_array(v) for v in values):
                return dict(zip(names, values, strict=True)), []
            shapes, given_shapes = ([np.shape(x) if is_array(x) else None for x in each] for each in
                                    ((b for _, b in wanted), values))  # fmt: skip
            fewer = combinations(range(len(wanted)), len(values))
            of = next((p for p in fewer if [shapes[i] for i in p] == given_shapes), None)
            place = f" for {path}" if path else ""
            odd.append(f"{len(values)} gradients came back{place} where {len(wanted)} were expected")
            if of is not None:  # those whose shapes fit, the first ones before others
                values = [values[of.index(i)] if i in of else None for i in range(len(wanted))]
    paired: dict[str, Any] = {}
    for (name, branch), value in zip_longest(wanted, values[: len(wanted)]):
        found, more = align(branch, value, below(path, name))
        paired |= found
        odd += more
    return paired, odd
