"""The jaxpr interpreter: runs a JAX function once on concrete NumPy values and writes every operation on a tape.

Common primitives become their NumPy counterparts (so both front ends share one vocabulary); any other is run by
JAX and differentiated by ``jax.vjp`` of that primitive alone. Loops are unrolled, branches taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src import source_info_util  # no public function gives an equation's line
from jax.extend import core

from jaxdoodle.gradcheck.autograd import traced_array
from jaxdoodle.gradcheck.autograd.derivatives import elementwise_pull
from jaxdoodle.gradcheck.autograd.tape import Tape, Untraceable, Where
from jaxdoodle.gradcheck.autograd.traced_array import TracedArray, elementwise, movement, over_axes, plain, reduce

SAME = {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "exp": np.exp, "exp2": np.exp2, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "tanh": np.tanh,
    "sqrt": np.sqrt, "cbrt": np.cbrt, "abs": np.absolute, "max": np.maximum, "min": np.minimum, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "square": np.square,
    "pow": np.power, "atan2": np.arctan2,
}  # fmt: skip
#: The jaxpr that a call primitive runs is under one of these names.
_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_ZERO_SLOPE = {"stop_gradient", "sign", "floor", "ceil", "round", "is_finite"}


def interpret(closed: Any, arguments: list[Any], tape: Tape, outer: Where | None = None) -> list[Any]:
    """Run a closed jaxpr on ``TracedArray``s and plain values. Call it with 64-bit types enabled.

    ``outer`` is the line that called it, for equations that have none.
    """
    jaxpr = closed.jaxpr
    values = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*closed.consts, *arguments), strict=True))

    def read(atom):
        return atom.val if isinstance(atom, core.Literal) else values[atom]

    for eqn in jaxpr.eqns:
        line = _line(eqn) or outer
        inputs = [read(atom) for atom in eqn.invars]
        if any(type(x) is TracedArray and tape.alive(x._node) for x in inputs):
            outputs = _apply(tape, eqn, inputs, line)
        else:
            outputs = _constant(eqn, [plain(x) for x in inputs])
        values.update(zip(eqn.outvars, outputs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _constant(eqn: Any, inputs: list[Any]) -> list[Any]:
    return list(core.jaxpr_as_fun(_inner(eqn))(*inputs)) if _inner(eqn) else bind(eqn, inputs)


def bind(eqn: Any, inputs: Iterable[Any]) -> list[Any]:
    result = eqn.primitive.bind(*inputs, **eqn.params)
    return list(result) if eqn.primitive.multiple_results else [result]


def _inner(eqn: Any) -> Any:
    if eqn.primitive.name in ("scan", "while", "cond"):
        return None
    return next((eqn.params[name] for name in _INNER if name in eqn.params), None)


def _line(eqn: Any) -> Where | None:
    """The line of the user's program that an equation came from."""
    frame = source_info_util.user_frame(eqn.source_info.traceback)
    return None if frame is None else Where.at(frame.file_name, frame.start_line)


def _apply(tape: Tape, eqn: Any, inputs: list[Any], line: Where | None) -> list[Any]:
    tape.locate = lambda: line
    name, params = eqn.primitive.name, eqn.params
    inner = _inner(eqn)
    if inner is not None:
        closed = inner if hasattr(inner, "consts") else core.ClosedJaxpr(inner, [])
        return interpret(closed, inputs, tape, line)
    if name in CONTROL:
        return CONTROL[name](tape, params, inputs, line)
    if name in SAME:
        return [elementwise(tape, SAME[name], *inputs)]
    if name in HANDLERS:
        return [HANDLERS[name](tape, params, *inputs)]
    if name in MOVES:
        return [movement(tape, name, lambda *a: MOVES[name](params, *a), *inputs)]
    if name in _ZERO_SLOPE:
        return _constant(eqn, [plain(x) for x in inputs])
    return _by_jax(tape, eqn, inputs)


def _by_jax(tape: Tape, eqn: Any, inputs: list[Any]) -> list[Any]:
    """One node for each output, differentiated by JAX with respect to the floating inputs."""
    values = [jnp.asarray(plain(x)) for x in inputs]
    floating = [i for i, v in enumerate(values) if jnp.issubdtype(v.dtype, jnp.floating)]

    def node(k, value):
        def pull(dy, y, *given):
            def one(*moving):
                full = dict(enumerate(values)) | dict(zip(floating, moving, strict=True))
                return bind(eqn, full.values())[k]

            _, back = jax.vjp(one, *(jnp.asarray(given[i]) for i in floating))
            parts = dict(zip(floating, map(np.asarray, back(jnp.asarray(dy, value.dtype))), strict=True))
            return tuple(map(parts.get, range(len(given))))

        return traced_array.append(tape, eqn.primitive.name, value, tuple(inputs), pull, params=eqn.params)

    results = enumerate(bind(eqn, values))
    return [node(k, v) if jnp.issubdtype(v.dtype, jnp.floating) else np.asarray(v) for k, v in results]


# -- primitives that are not elementwise ---------------------------------------------------------------------------


def _custom(kind: str, value: Callable) -> Callable:
    """An elementwise function that has no ufunc."""

    def run(tape, params, x):
        return traced_array.append(tape, kind, value(plain(x)), (x,), elementwise_pull(kind))

    return run


def logistic(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


_erf = _custom("erf", lambda x: np.asarray(jax.scipy.special.erf(x)))


def _integer_pow(tape: Tape, params: dict, x: Any) -> TracedArray:
    return np.square(x) if params["y"] == 2 else np.power(x, float(params["y"]))


def _select(tape: Tape, params: dict, which: Any, *cases: Any) -> Any:
    if len(cases) != 2:
        raise Untraceable("a select among more than two")
    return traced_array.where(tape, which, cases[1], cases[0])


def _convert(tape: Tape, params: dict, x: Any) -> Any:
    dtype = params["new_dtype"]
    if not jnp.issubdtype(dtype, jnp.floating):
        return plain(x).astype(dtype)
    return traced_array.append(tape, "astype", plain(x).astype(dtype), (x,), lambda dy, y, x: (dy,))


def _reduce(name: str) -> Callable:
    return lambda tape, params, x: reduce(name, tape, x, tuple(params["axes"]))


def _compare(function: Callable) -> Callable:
    return lambda tape, params, a, b: function(a, b)


HANDLERS: dict[str, Callable] = {
    "gt": _compare(np.greater), "ge": _compare(np.greater_equal), "lt": _compare(np.less),
    "le": _compare(np.less_equal),
    "dot_general": lambda tape, params, a, b: over_axes(tape, a, b, *params["dimension_numbers"]),
    "logistic": _custom("logistic", logistic), "erf": _erf,
    "integer_pow": _integer_pow, "select_n": _select, "convert_element_type": _convert,
    "clamp": lambda tape, params, low, x, high: np.minimum(np.maximum(x, low), high),
    "reduce_sum": _reduce("sum"), "reduce_max": _reduce("max"), "reduce_min": _reduce("min"),
    "rsqrt": lambda tape, params, x: 1.0 / np.sqrt(x),
    "erfc": lambda tape, params, x: 1.0 - _erf(tape, params, x),
}  # fmt: skip


def _broadcast(params: dict, x: np.ndarray) -> np.ndarray:
    new = set(range(len(params["shape"]))) - set(params["broadcast_dimensions"])
    return np.broadcast_to(np.expand_dims(x, tuple(new)), params["shape"])


def _slice(params: dict, x: np.ndarray) -> np.ndarray:
    steps = params["strides"] or [1] * x.ndim
    return x[tuple(map(slice, params["start_indices"], params["limit_indices"], steps))]


MOVES: dict[str, Callable] = {
    "reshape": lambda p, x: x.reshape(p["new_sizes"]),
    "transpose": lambda p, x: x.transpose(p["permutation"]),
    "broadcast_in_dim": _broadcast,
    "squeeze": lambda p, x: np.squeeze(x, tuple(p["dimensions"])),
    "expand_dims": lambda p, x: np.expand_dims(x, tuple(p["dimensions"])),
    "slice": _slice,
    "concatenate": lambda p, *xs: np.concatenate(xs, p["dimension"]),
    "rev": lambda p, x: np.flip(x, tuple(p["dimensions"])),
    "copy": lambda p, x: x,
    "copy_p": lambda p, x: x,
}


# -- control flow: as this run takes it -----------------------------------------------------------------------------


def _scan(tape: Tape, params: dict, inputs: list[Any], line: Where | None) -> list[Any]:
    if "ft_in" in params:  # JAX 0.12: three groups of inputs
        n_consts, n_carry, _ = (len(group) for group in params["ft_in"].unpack())
    else:
        n_consts, n_carry = params["num_consts"], params["num_carry"]
    length, body = params["length"], params["jaxpr"]
    consts, carry, xs = inputs[:n_consts], inputs[n_consts : n_consts + n_carry], inputs[n_consts + n_carry :]
    stacks: list[list[Any]] = [[None] * length for _ in body.jaxpr.outvars[n_carry:]]
    for i in reversed(range(length)) if params["reverse"] else range(length):
        rows = [x[i] if type(x) is TracedArray else np.asarray(x)[i] for x in xs]
        out = interpret(body, [*consts, *carry, *rows], tape, line)
        carry = out[:n_carry]
        for stack, y in zip(stacks, out[n_carry:], strict=True):
            stack[i] = y
    return [*carry, *(traced_array.array(tape, stack) for stack in stacks)]


def _cond(tape: Tape, params: dict, inputs: list[Any], line: Where | None) -> list[Any]:
    branch = params["branches"][int(np.clip(plain(inputs[0]), 0, len(params["branches"]) - 1))]
    return interpret(branch, inputs[1:], tape, line)


def _while(tape: Tape, params: dict, inputs: list[Any], line: Where | None) -> list[Any]:
    nc, nb = params["cond_nconsts"], params["body_nconsts"]
    state = inputs[nc + nb :]
    while plain(interpret(params["cond_jaxpr"], [*inputs[:nc], *state], tape, line)[0]):
        state = interpret(params["body_jaxpr"], [*inputs[nc : nc + nb], *state], tape, line)
    return state


CONTROL: dict[str, Callable] = {"scan": _scan, "cond": _cond, "while": _while}
