"""Programs of JAX (jaxprs) run by NumPy, operation by operation: nothing is compiled, which is most of the time of JAX.

Primitives in terms of NumPy's functions take arrays of NumPy and traced ones alike.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jaxdoodle.gradcheck.autograd.tape import Untraceable

#: Primitives that run another program, which is under one of these names.
_CALLS = ("pjit", "jit", "closed_call", "core_call", "remat", "checkpoint", "custom_jvp_call", "custom_vjp_call",
          "custom_vjp_call_jaxpr")  # fmt: skip
_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")


def walk(closed: Any, args: Sequence[Any], step: Callable[[Any, list[Any]], Sequence[Any]]) -> list[Any]:
    """The outputs of a closed jaxpr: ``step(equation, inputs)`` gives those of each equation."""
    jaxpr = closed.jaxpr
    values = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*closed.consts, *args), strict=True))

    def read(atom: Any) -> Any:
        literal = isinstance(atom, core.Literal)
        return np.asarray(atom.val, np.dtype(atom.aval.dtype)) if literal else values[atom]

    for eqn in jaxpr.eqns:
        values.update(zip(eqn.outvars, step(eqn, [read(atom) for atom in eqn.invars]), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def called(eqn: Any) -> Any:
    """The closed jaxpr that a call runs; None for what is no call."""
    if eqn.primitive.name not in _CALLS:
        return None
    inner = next((eqn.params[name] for name in _INNER if name in eqn.params), None)
    return inner if inner is None or hasattr(inner, "consts") else core.ClosedJaxpr(inner, ())


def bind(eqn: Any, inputs: Sequence[Any], params: dict[str, Any] | None = None) -> list[Any]:
    """What JAX gives for an equation, or for it with other parameters."""
    given = eqn.primitive.get_bind_params(eqn.params if params is None else params)
    subfuns, params = given if isinstance(given, tuple) else ((), given)  # functions of a rule, in some versions
    result = eqn.primitive.bind(*subfuns, *inputs, **params)
    return list(result) if eqn.primitive.multiple_results else [result]


def by_numpy_functions(eqn: Any, inputs: Sequence[Any]) -> list[Any]:
    """What NumPy's functions give for an equation. Raises ``Untraceable`` where they have no counterpart."""
    try:
        result = PRIMITIVES[eqn.primitive.name](eqn.params, *inputs)
    except (KeyError, TypeError) as error:
        raise Untraceable(eqn.primitive.name) from error
    return list(result) if isinstance(result, list) else [result]


def _of(function: Callable) -> Callable:
    return lambda params, *inputs: function(*inputs)


def _reduced(function: Callable) -> Callable:
    return lambda params, x: function(x, axis=tuple(params["axes"]))


def _dot(params: dict, a: Any, b: Any) -> Any:
    a, b = (x.astype(params["preferred_element_type"] or x.dtype) if x.dtype.kind in "iu" else x for x in (a, b))
    (summed_a, summed_b), (stack_a, stack_b) = params["dimension_numbers"]
    left, right = "abcdefgh"[: a.ndim], list("pqrstuvw"[: b.ndim])
    for i, j in zip((*summed_a, *stack_a), (*summed_b, *stack_b), strict=True):
        right[j] = left[i]
    stack = "".join(left[i] for i in stack_a)
    kept = [c for c in (*left, *right) if c not in stack and c not in {left[i] for i in summed_a}]
    return np.einsum(f"{left},{''.join(right)}->{stack}{''.join(kept)}", a, b, optimize=True)


def _power(params: dict, x: Any) -> Any:
    n = params["y"]
    return np.square(x) if n == 2 else np.power(x, n) if n >= 0 else 1 / np.power(x, -n)


def _pad(params: dict, x: Any, value: Any) -> Any:
    low, high, inside = zip(*params["padding_config"], strict=True)
    if any(inside):
        raise Untraceable("lax.pad between entries")
    wide = np.pad(x, [(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True)], constant_values=value)
    return wide[tuple(slice(-min(a, 0), n + min(b, 0)) for a, b, n in zip(low, high, wide.shape, strict=True))]


def _broadcast(params: dict, x: Any) -> Any:
    new = set(range(len(params["shape"]))) - set(params["broadcast_dimensions"])
    return np.broadcast_to(np.expand_dims(x, tuple(new)), params["shape"])


def _slice(params: dict, x: Any) -> Any:
    return x[tuple(map(slice, params["start_indices"], params["limit_indices"], params["strides"] or [1] * x.ndim))]


def _iota(params: dict) -> Any:
    along = [-1 if k == params["dimension"] else 1 for k in range(len(params["shape"]))]
    values = np.arange(params["shape"][params["dimension"]], dtype=params["dtype"])
    return np.broadcast_to(values.reshape(along), params["shape"])


def _cumsum(params: dict, x: Any) -> Any:
    axis = params["axis"]
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis) if params["reverse"] else np.cumsum(x, axis)


#: Those that have no parameters.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "exp": np.exp, "exp2": np.exp2, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "tanh": np.tanh,
    "sqrt": np.sqrt, "cbrt": np.cbrt, "abs": np.absolute, "max": np.maximum, "min": np.minimum, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "square": np.square,
    "pow": np.power, "atan2": np.arctan2, "rem": np.fmod, "sign": np.sign, "floor": np.floor, "ceil": np.ceil,
    "is_finite": np.isfinite, "stop_gradient": np.asarray, "copy": lambda x: x,
    "rsqrt": lambda x: 1 / np.sqrt(x), "logistic": lambda x: np.exp(-np.logaddexp(0, -x)),
    "clamp": lambda low, x, high: np.minimum(np.maximum(x, low), high),
    "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le, "eq": operator.eq,
    "ne": operator.ne, "and": operator.and_, "or": operator.or_, "xor": operator.xor, "not": operator.invert,
    "shift_left": operator.lshift, "shift_right_logical":  # without a sign, zeros come in
    lambda x, n: (x.view(f"u{x.dtype.itemsize}") >> np.asarray(n, f"u{x.dtype.itemsize}")).view(x.dtype),
}  # fmt: skip
#: Name of a primitive -> a function of its parameters and inputs, which gives its output, or a list of them.
PRIMITIVES: dict[str, Callable[..., Any]] = {name: _of(function) for name, function in _FUNCTIONS.items()} | {
    "dot_general": _dot, "pad": _pad, "integer_pow": _power, "iota": _iota, "cumsum": _cumsum,
    "broadcast_in_dim": _broadcast, "slice": _slice,
    "reduce_sum": _reduced(np.sum), "reduce_max": _reduced(np.max), "reduce_min": _reduced(np.min),
    "reduce_prod": _reduced(np.prod), "reduce_and": _reduced(np.all), "reduce_or": _reduced(np.any),
    "argmax": lambda p, x: np.argmax(x, axis=p["axes"][0]), "argmin": lambda p, x: np.argmin(x, axis=p["axes"][0]),
    "convert_element_type": lambda p, x: x.astype(p["new_dtype"]),
    "reshape": lambda p, x: np.reshape(x, p["new_sizes"]),
    "transpose": lambda p, x: np.transpose(x, p["permutation"]),
    "squeeze": lambda p, x: np.squeeze(x, tuple(p["dimensions"])),
    "concatenate": lambda p, *xs: np.concatenate(xs, p["dimension"]),
    "select_n": lambda p, x, *cases: np.where(x, *cases[::-1]) if x.dtype == bool else np.choose(x, cases),
    "rev": lambda p, x: np.flip(x, tuple(p["dimensions"])),
    "split": lambda p, x: np.split(x, np.cumsum(p["sizes"])[:-1], p["axis"]),
}  # fmt: skip


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
