"""The jaxpr interpreter: runs a JAX function once on concrete NumPy values and writes every operation on a tape.

Primitives become NumPy's functions, as far as these know traced arrays; any other is run by JAX and differentiated by
``jax.vjp`` of that primitive alone. Loops are unrolled, branches taken, derivative rules written by hand passed by, and
casts to a lower precision noted and left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src import source_info_util  # no public function gives an equation's line

from jaxdoodle.gradcheck.autograd import traced_array
from jaxdoodle.gradcheck.autograd.evaluate import bind, by_numpy_functions, called, outputs_of, walk
from jaxdoodle.gradcheck.autograd.tape import LIBRARIES, Tape, Untraceable, Where
from jaxdoodle.gradcheck.autograd.traced_array import TracedArray, plain


def interpret(closed: Any, arguments: list[Any], tape: Tape, outer: Where | None = None) -> list[Any]:
    """Run a closed jaxpr on ``TracedArray``s and plain values. Call it with 64-bit types enabled.

    ``outer`` is the line that called it, for equations that have none.
    """

    def step(eqn: Any, inputs: list[Any]) -> list[Any]:
        if not any(type(x) is TracedArray and tape.alive(x._node) for x in inputs):
            return outputs_of(eqn, [plain(x) for x in inputs])
        line = _line(eqn) or outer
        tape.locate = lambda: line
        inner, name = called(eqn), eqn.primitive.name
        tape.detached = tape.detached or name == "stop_gradient"
        if inner is not None:
            about = getattr(inner.jaxpr, "debug_info", None)
            function, _, file = str(getattr(about, "func_src_info", "a function")).partition(" at ")
            if name.startswith(("custom_jvp_call", "custom_vjp_call")) and not file.startswith(LIBRARIES):
                tape.rules.setdefault(function)
            return interpret(inner, inputs, tape, line)
        if name in CONTROL:
            return CONTROL[name](tape, eqn.params, inputs, line)
        if any(jnp.issubdtype(v.aval.dtype, jnp.complexfloating) for v in (*eqn.invars, *eqn.outvars)):
            return _by_jax(tape, eqn, inputs)  # NumPy's derivatives are those of real numbers
        try:
            return by_numpy_functions(eqn, inputs)
        except Untraceable:
            return _by_jax(tape, eqn, inputs)

    return walk(closed, arguments, step)


def _line(eqn: Any) -> Where | None:
    """The line of the user's program that an equation came from."""
    frame = source_info_util.user_frame(eqn.source_info.traceback)
    return None if frame is None else Where.at(frame.file_name, frame.start_line)


def _by_jax(tape: Tape, eqn: Any, inputs: list[Any]) -> list[Any]:
    """One node for each output, differentiated by JAX with respect to the floating inputs, in their precision."""
    values = [jnp.asarray(plain(x)) for x in inputs]
    floating = [i for i, v in enumerate(values) if jnp.issubdtype(v.dtype, jnp.inexact)]
    params = {k: None if k == "preferred_element_type" else v for k, v in eqn.params.items()}

    def node(k, value):
        def pull(dy, y, *given):
            def one(*moving):
                full = dict(enumerate(values)) | dict(zip(floating, moving, strict=True))
                return bind(eqn, list(full.values()), params)[k]

            _, back = jax.vjp(one, *(jnp.asarray(given[i]) for i in floating))
            parts = dict(zip(floating, map(np.asarray, back(jnp.asarray(dy, value.dtype))), strict=True))
            return tuple(map(parts.get, range(len(given))))

        return traced_array.append(tape, eqn.primitive.name, value, tuple(inputs), pull, params=eqn.params)

    results = enumerate(bind(eqn, values, params))
    return [node(k, v) if jnp.issubdtype(v.dtype, jnp.inexact) else np.asarray(v) for k, v in results]


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
