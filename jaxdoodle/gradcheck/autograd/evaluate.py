"""A JAX program run by NumPy, operation by operation: nothing is compiled, which is most of the time that JAX takes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jaxdoodle.gradcheck.autograd.jaxpr import MOVES, SAME, bind, logistic

_CALLS = ("pjit", "jit", "closed_call", "core_call", "remat", "checkpoint", "custom_jvp_call", "custom_vjp_call",
          "custom_vjp_call_jaxpr")  # fmt: skip


def by_numpy(function: Callable, *args: Any) -> Any:
    """What the function gives, traced by JAX and run by NumPy."""
    program, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    return jax.tree.unflatten(jax.tree.structure(shapes), evaluate(program, jax.tree.leaves(args)))


def evaluate(closed: Any, args: Sequence[Any]) -> list[np.ndarray]:
    """The outputs of a closed jaxpr, in its dtypes. What NumPy has no counterpart of, JAX runs."""
    jaxpr = closed.jaxpr
    values = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*closed.consts, *args), strict=True))

    def read(atom: Any) -> Any:
        return np.asarray(atom.val, atom.aval.dtype) if hasattr(atom, "val") else values[atom]

    for eqn in jaxpr.eqns:
        inputs, name = [read(atom) for atom in eqn.invars], eqn.primitive.name
        if name in _CALLS and (inner := _inner(eqn)) is not None:
            outputs = evaluate(inner, inputs)
        elif name == "split":
            outputs = _parts(eqn, inputs[0])
        elif name in _RANDOM and _is_plain_key(eqn, inputs[0]):
            outputs = [_RANDOM[name](eqn.params, *inputs)]
        elif any(map(_is_opaque, eqn.invars)):
            outputs = bind(eqn, inputs)
        elif name in SAME:
            outputs = [SAME[name](*inputs)]
        elif name in MOVES:
            outputs = [MOVES[name](eqn.params, *map(np.asarray, inputs))]
        elif name in _VALUES and all(isinstance(x, np.ndarray | np.generic) for x in inputs):
            outputs = [_VALUES[name](eqn.params, *inputs)]
        else:
            outputs = bind(eqn, inputs)
        for variable, y in zip(eqn.outvars, outputs, strict=True):
            values[variable] = y if _is_opaque(variable) else np.asarray(y, variable.aval.dtype)
    return [read(atom) for atom in jaxpr.outvars]


def _is_opaque(atom: Any) -> bool:
    """Whether these are values that NumPy has no dtype for: random keys."""
    return bool(jnp.issubdtype(atom.aval.dtype, jax.dtypes.extended))


def _parts(eqn: Any, x: Any) -> list[Any]:
    keys = _is_opaque(eqn.invars[0])
    whole = np.asarray(jax.random.key_data(x) if keys else x)
    parts = np.split(whole, np.cumsum(eqn.params["sizes"])[:-1], eqn.params["axis"])
    return [_as_key(part, x) for part in parts] if keys else parts


def _as_key(words: Any, like: Any) -> Any:
    return jax.random.wrap_key_data(words, impl=jax.random.key_impl(like))


# -- random numbers: JAX would compile a program for each shape -------------------------------------------------------


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


def _inner(eqn: Any) -> Any:
    inner = next((eqn.params[k] for k in ("jaxpr", "call_jaxpr", "fun_jaxpr") if k in eqn.params), None)
    return inner if inner is None or hasattr(inner, "consts") else core.ClosedJaxpr(inner, ())


def _dot(params: dict, a: Any, b: Any) -> Any:
    (summed_a, summed_b), (stack_a, stack_b) = params["dimension_numbers"]
    left, right = "abcdefgh"[: a.ndim], list("pqrstuvw"[: b.ndim])
    for i, j in zip((*summed_a, *stack_a), (*summed_b, *stack_b), strict=True):
        right[j] = left[i]
    stack = "".join(left[i] for i in stack_a)
    kept = [c for c in (*left, *right) if c not in stack and c not in {left[i] for i in summed_a}]
    return np.einsum(f"{left},{''.join(right)}->{stack}{''.join(kept)}", a, b, optimize=True)


def _select(params: dict, which: Any, *cases: Any) -> Any:
    return np.where(which, cases[1], cases[0]) if which.dtype == bool and len(cases) == 2 else np.choose(which, cases)


def _padded(params: dict, x: Any, value: Any) -> Any:
    low, high, inside = zip(*params["padding_config"], strict=True)
    shape = [a + b + n + max(n - 1, 0) * k for a, b, n, k in zip(low, high, x.shape, inside, strict=True)]
    wide = [max(s, 0) - min(a, 0) - min(b, 0) for s, a, b in zip(shape, low, high, strict=True)]
    out = np.full(wide, value, x.dtype)
    starts = [max(a, 0) for a in low]
    out[tuple(slice(s, s + (n - 1) * (k + 1) + 1 if n else s, k + 1)
              for s, n, k in zip(starts, x.shape, inside, strict=True))] = x  # fmt: skip
    return out[tuple(slice(-min(a, 0), w + min(b, 0)) for a, b, w in zip(low, high, wide, strict=True))]


def _reduced(function: Callable) -> Callable:
    return lambda params, x: function(x, axis=tuple(params["axes"]))


def _of(function: Callable) -> Callable:
    return lambda params, *inputs: function(*inputs)


_VALUES: dict[str, Callable[..., Any]] = {
    "dot_general": _dot, "select_n": _select, "pad": _padded,
    "reduce_sum": _reduced(np.sum), "reduce_max": _reduced(np.max), "reduce_min": _reduced(np.min),
    "reduce_prod": _reduced(np.prod), "reduce_and": _reduced(np.all), "reduce_or": _reduced(np.any),
    "argmax": lambda p, x: np.argmax(x, axis=p["axes"][0]), "argmin": lambda p, x: np.argmin(x, axis=p["axes"][0]),
    "convert_element_type": lambda p, x: np.asarray(x).astype(p["new_dtype"]),
    "integer_pow": lambda p, x: np.power(x, p["y"]) if p["y"] >= 0 else 1 / np.power(x, -p["y"]),
    "logistic": lambda p, x: logistic(x), "rsqrt": lambda p, x: 1 / np.sqrt(x),
    "clamp": lambda p, low, x, high: np.minimum(np.maximum(x, low), high),
    "iota": lambda p: np.broadcast_to(np.arange(p["shape"][p["dimension"]], dtype=p["dtype"]).reshape(
        [-1 if k == p["dimension"] else 1 for k in range(len(p["shape"]))]), p["shape"]),
    "gt": _of(operator.gt), "ge": _of(operator.ge), "lt": _of(operator.lt), "le": _of(operator.le),
    "eq": _of(operator.eq), "ne": _of(operator.ne), "and": _of(operator.and_), "or": _of(operator.or_),
    "xor": _of(operator.xor), "not": _of(operator.invert), "sign": _of(np.sign), "floor": _of(np.floor),
    "ceil": _of(np.ceil), "is_finite": _of(np.isfinite), "rem": _of(np.fmod), "stop_gradient": _of(np.asarray),
    "shift_right_logical": _of(operator.rshift), "shift_left": _of(operator.lshift),
    "cumsum": lambda p, x: np.flip(np.cumsum(np.flip(x, p["axis"]), p["axis"]), p["axis"]) if p["reverse"]
        else np.cumsum(x, p["axis"]),
}  # fmt: skip
