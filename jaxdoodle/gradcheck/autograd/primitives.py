"""Programs of JAX (jaxprs): walking through one, and its primitives in terms of NumPy's functions.

These take arrays of NumPy and traced ones alike: both interpreters share one vocabulary.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

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
