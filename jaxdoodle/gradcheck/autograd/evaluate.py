"""A JAX program run by NumPy, operation by operation: nothing is compiled, which is most of the time that JAX takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck.autograd.primitives import bind, by_numpy_functions, called, walk
from jaxdoodle.gradcheck.autograd.tape import Untraceable


def by_numpy(function: Callable, *args: Any) -> Any:
    """What the function gives, traced by JAX and run by NumPy."""
    program, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    return jax.tree.unflatten(jax.tree.structure(shapes), evaluate(program, jax.tree.leaves(args)))


def evaluate(closed: Any, args: Sequence[Any]) -> list[np.ndarray]:
    """The outputs of a closed jaxpr, in its dtypes. What NumPy has no counterpart of, JAX runs."""
    return walk(closed, args, outputs_of)


def outputs_of(eqn: Any, inputs: Sequence[Any]) -> list[Any]:
    """The outputs of one equation, in its dtypes."""
    closed = called(eqn)
    if closed is not None:
        return evaluate(closed, inputs)
    if any(map(_is_opaque, eqn.invars)):
        outputs = _of_keys(eqn, inputs)
    else:
        try:
            outputs = by_numpy_functions(eqn, [np.asarray(x) for x in inputs])
        except Untraceable:
            outputs = bind(eqn, inputs)
    pairs = zip(eqn.outvars, outputs, strict=True)
    return [y if _is_opaque(variable) else np.asarray(y, variable.aval.dtype) for variable, y in pairs]


def _is_opaque(atom: Any) -> bool:
    """Whether these are values that NumPy has no dtype for: random keys."""
    return bool(jnp.issubdtype(atom.aval.dtype, jax.dtypes.extended))


# -- random numbers: JAX would compile a program for each shape -------------------------------------------------------


def _of_keys(eqn: Any, inputs: Sequence[Any]) -> list[Any]:
    """The outputs of an equation that takes keys."""
    name, first = eqn.primitive.name, inputs[0]
    if name == "split":
        words, ends = np.asarray(jax.random.key_data(first)), np.cumsum(eqn.params["sizes"])[:-1]
        return [_as_key(part, first) for part in np.split(words, ends, eqn.params["axis"])]
    if name in _RANDOM and _is_plain_key(eqn, first):
        return [_RANDOM[name](eqn.params, *inputs)]
    return bind(eqn, inputs)


def _as_key(words: Any, like: Any) -> Any:
    return jax.random.wrap_key_data(words, impl=jax.random.key_impl(like))


def _is_plain_key(eqn: Any, key: Any) -> bool:
    """One key of JAX's default generator, whose bits depend on their place alone."""
    by_place = jax.config.values.get("jax_threefry_partitionable", False)
    return bool(by_place) and np.shape(key) == () and "fry" in str(jax.random.key_impl(key))


def _threefry(key: Any, high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")."""
    first, second = (np.uint32(k) for k in np.asarray(jax.random.key_data(key)))
    keys = (first, second, first ^ second ^ np.uint32(0x1BD11BDA))
    with np.errstate(over="ignore"):  # sums are meant to wrap around
        x, y = high + first, low + second
        for i in range(5):
            for r in ((13, 15, 26, 6), (17, 29, 16, 24))[i % 2]:
                x = x + y
                y = x ^ (y << np.uint32(r) | y >> np.uint32(32 - r))
            x, y = x + keys[(i + 1) % 3], y + keys[(i + 2) % 3] + np.uint32(i + 1)
    return x, y


def _at_places(key: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    places = np.arange(math.prod(shape), dtype=np.uint64).reshape(shape)
    return _threefry(key, (places >> np.uint64(32)).astype(np.uint32), places.astype(np.uint32))


def _bits(params: dict, key: Any) -> np.ndarray:
    x, y = _at_places(key, tuple(params["shape"]))
    if params["bit_width"] == 64:
        return x.astype(np.uint64) << np.uint64(32) | y
    return (x ^ y).astype(f"uint{params['bit_width']}")


def _split(params: dict, key: Any) -> Any:
    return _as_key(np.stack(_at_places(key, tuple(params["shape"])), axis=-1), key)


def _fold_in(params: dict, key: Any, data: Any) -> Any:
    data = np.asarray(data, np.uint32)
    return _as_key(np.stack(_threefry(key, np.zeros_like(data), data), axis=-1), key)


_RANDOM: dict[str, Callable[..., Any]] = {"random_bits": _bits, "random_split": _split, "random_fold_in": _fold_in}
