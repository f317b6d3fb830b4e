"""The jaxpr interpreter: runs a JAX function once on concrete NumPy values and writes every operation on a tape.

Common primitives become their NumPy counterparts (so both front ends share one vocabulary); any other is run by
JAX and differentiated by ``jax.vjp`` of that primitive alone. Loops are unrolled, branches taken.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src import source_info_util  # no public function gives an equation's line
from jax.extend import core

from jaxdoodle.gradcheck.autograd import traced_array
from jaxdoodle.gradcheck.autograd.derivatives import elementwise_pull
from jaxdoodle.gradcheck.autograd.tape import Tape, Untraceable, Where
from jaxdoodle.gradcheck.autograd.traced_array import TracedArray, contraction, elementwise, movement, plain

_SAME = {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "exp": np.exp, "exp2": np.exp2, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "tanh": np.tanh,
    "sqrt": np.sqrt, "cbrt": np.cbrt, "abs": np.absolute, "max": np.maximum, "min": np.minimum, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "square": np.square,
    "pow": np.power,
}  # fmt: skip
#: The jaxpr that a call primitive runs is under one of these names.
_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_ZERO_SLOPE = {"stop_gradient", "sign", "floor", "ceil", "round", "is_finite"}


def interpret(closed: Any, arguments: list[Any], tape: Tape) -> list[Any]:
    """Run a closed jaxpr on ``Array``s and plain values. Call it with 64-bit types enabled."""
    return _run(tape, closed.jaxpr, closed.consts, arguments, None)


def _run(tape: Tape, jaxpr: Any, consts: list[Any], arguments: list[Any], outer: Where | None) -> list[Any]:
    values: dict[Any, Any] = {}

    def read(atom):
        return atom.val if isinstance(atom, core.Literal) else values[atom]

    values.update(zip(jaxpr.constvars, consts, strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))
    for eqn in jaxpr.eqns:
        line = _line(eqn) or outer
        inputs = [read(atom) for atom in eqn.invars]
        if any(type(x) is TracedArray and tape.alive(x._node) for x in inputs):
            tape.locate = partial(_same, line)
            outputs = _apply(tape, eqn, inputs, line)
        else:
            outputs = _constant(eqn, [plain(x) for x in inputs])
        values.update(zip(eqn.outvars, outputs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _same(line: Where | None) -> Where | None:
    return line


def _constant(eqn: Any, inputs: list[Any]) -> list[Any]:
    result = eqn.primitive.bind(*inputs, **eqn.params) if not _inner(eqn) else core.jaxpr_as_fun(_inner(eqn))(*inputs)
    return list(result) if eqn.primitive.multiple_results else [result]


def _inner(eqn: Any) -> Any:
    if eqn.primitive.name in ("scan", "while", "cond"):
        return None
    return next((eqn.params[name] for name in _INNER if name in eqn.params), None)


def _line(eqn: Any) -> Where | None:
    """The line of the user's program that an equation came from."""
    frame = source_info_util.user_frame(eqn.source_info.traceback)
    if frame is None:
        return None
    return Where(frame.file_name, frame.start_line, linecache.getline(frame.file_name, frame.start_line).strip())


def _apply(tape: Tape, eqn: Any, inputs: list[Any], line: Where | None) -> list[Any]:
    name, params = eqn.primitive.name, eqn.params
    inner = _inner(eqn)
    if inner is not None:
        closed = inner if hasattr(inner, "consts") else core.ClosedJaxpr(inner, [])
        return _run(tape, closed.jaxpr, closed.consts, inputs, line)
    if name in CONTROL:
        return CONTROL[name](tape, params, inputs, line)
    if name in _SAME:
        return [elementwise(tape, _SAME[name], *inputs)]
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
    result = eqn.primitive.bind(*values, **eqn.params)
    results = list(result) if eqn.primitive.multiple_results else [result]
    floating = [i for i, v in enumerate(values) if jnp.issubdtype(v.dtype, jnp.floating)]

    def node(k, value):
        def pull(dy, y, *given):
            def one(*moving):
                full = list(values)
                for i, v in zip(floating, moving, strict=True):
                    full[i] = v
                out = eqn.primitive.bind(*map(jnp.asarray, full), **eqn.params)
                return out[k] if eqn.primitive.multiple_results else out

            _, back = jax.vjp(one, *(jnp.asarray(given[i]) for i in floating))
            parts: list[Any] = [None] * len(given)
            for i, part in zip(floating, back(jnp.asarray(dy, value.dtype)), strict=True):
                parts[i] = np.asarray(part)
            return tuple(parts)

        return traced_array.append(tape, eqn.primitive.name, value, tuple(inputs), pull, params=eqn.params)

    return [node(k, v) if jnp.issubdtype(v.dtype, jnp.floating) else np.asarray(v) for k, v in enumerate(results)]


# -- primitives that are not elementwise ---------------------------------------------------------------------------


def _dot_general(tape: Tape, params: dict, a: Any, b: Any) -> TracedArray:
    (ca, cb), (ba, bb) = params["dimension_numbers"]
    left, right = list("abcdefgh"[: np.ndim(a)]), list("pqrstuvw"[: np.ndim(b)])
    for i, j in zip((*ca, *ba), (*cb, *bb), strict=True):
        right[j] = left[i]
    out = [left[i] for i in ba]
    out += [c for i, c in enumerate(left) if i not in (*ca, *ba)] + [
        c for j, c in enumerate(right) if j not in (*cb, *bb)
    ]
    return contraction(tape, "".join(left), "".join(right), "".join(out), a, b)


def _custom(kind: str, value: Callable) -> Callable:
    """An elementwise function that has no ufunc."""

    def run(tape, params, x):
        return traced_array.append(tape, kind, value(plain(x)), (x,), elementwise_pull(kind))

    return run


def _logistic(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def _erf(x):
    return np.asarray(jax.scipy.special.erf(x))


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
    return lambda tape, params, x: traced_array.reduce(tape, name, x, tuple(params["axes"]))


def _clamp(tape: Tape, params: dict, low: Any, x: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


HANDLERS: dict[str, Callable] = {
    "dot_general": _dot_general, "logistic": _custom("logistic", _logistic), "erf": _custom("erf", _erf),
    "integer_pow": _integer_pow, "select_n": _select, "convert_element_type": _convert, "clamp": _clamp,
    "reduce_sum": _reduce("sum"), "reduce_max": _reduce("max"), "reduce_min": _reduce("min"),
    "rsqrt": lambda tape, params, x: 1.0 / np.sqrt(x),
    "erfc": lambda tape, params, x: 1.0 - _custom("erf", _erf)(tape, params, x),
}  # fmt: skip


def _broadcast(params: dict, x: np.ndarray) -> np.ndarray:
    shape = [1] * len(params["shape"])
    for i, n in zip(params["broadcast_dimensions"], x.shape, strict=True):
        shape[i] = n
    return np.broadcast_to(x.reshape(shape), params["shape"])


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
    stacks: list[list[Any]] = [[] for _ in body.jaxpr.outvars[n_carry:]]
    order = range(length - 1, -1, -1) if params["reverse"] else range(length)
    for i in order:
        rows = [x[i] if type(x) is TracedArray else np.asarray(x)[i] for x in xs]
        out = _run(tape, body.jaxpr, body.consts, [*consts, *carry, *rows], line)
        carry = out[:n_carry]
        for stack, y in zip(stacks, out[n_carry:], strict=True):
            stack.append(y)
    if params["reverse"]:
        stacks = [stack[::-1] for stack in stacks]
    return [*carry, *(traced_array.array(tape, stack) for stack in stacks)]


def _cond(tape: Tape, params: dict, inputs: list[Any], line: Where | None) -> list[Any]:
    branch = params["branches"][int(np.clip(plain(inputs[0]), 0, len(params["branches"]) - 1))]
    return _run(tape, branch.jaxpr, branch.consts, inputs[1:], line)


def _while(tape: Tape, params: dict, inputs: list[Any], line: Where | None) -> list[Any]:
    nc, nb = params["cond_nconsts"], params["body_nconsts"]
    test, body = params["cond_jaxpr"], params["body_jaxpr"]
    state = inputs[nc + nb :]
    while bool(plain(_run(tape, test.jaxpr, test.consts, [*inputs[:nc], *state], line)[0])):
        state = _run(tape, body.jaxpr, body.consts, [*inputs[nc : nc + nb], *state], line)
    return state


CONTROL: dict[str, Callable] = {"scan": _scan, "cond": _cond, "while": _while}
