"""The plain program of a JAX function: its jaxpr without hand-written derivative rules and casts to lower precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from jaxdoodle.gradcheck.autograd.primitives import bind, called, equations, walk
from jaxdoodle.gradcheck.autograd.tape import LIBRARIES

_RULES = ("custom_jvp_call", "custom_vjp_call")


@dataclass(frozen=True)
class PlainProgram:
    """``call(*args)`` gives the outputs; ``rules`` are the functions whose rule was left out, ``casts`` the dtypes.

    ``detached``: ``stop_gradient`` occurs, which central differences cannot know of.
    """

    call: Callable[..., list[Any]]
    rules: tuple[str, ...]
    casts: tuple[str, ...]
    detached: bool


def plain_program(closed: Any, *example: Any) -> PlainProgram:
    """The program of a closed jaxpr, whose arguments come in trees like ``example``."""
    rules: dict[str, None] = {}
    detached = False
    casts: dict[str, None] = {}
    for eqn in equations(closed.jaxpr):
        name, file = _source(eqn) if eqn.primitive.name.startswith(_RULES) else ("", "")
        if name and not file.startswith(LIBRARIES):
            rules.setdefault(name)
        if eqn.primitive.name == "convert_element_type" and _narrows(eqn):
            casts.setdefault(str(eqn.params["new_dtype"]))
        detached = detached or eqn.primitive.name == "stop_gradient"
    if not rules and not casts:
        return PlainProgram(lambda *args: core.jaxpr_as_fun(closed)(*jax.tree.leaves(args)), (), (), detached)
    run = partial(_run, closed, bool(casts))
    return PlainProgram(lambda *args: run(*jax.tree.leaves(args)), tuple(rules), tuple(casts), detached)


def _source(eqn: Any) -> tuple[str, str]:
    """Name and file of the function that a rule belongs to, as far as JAX keeps them."""
    inner = eqn.params.get("call_jaxpr") or eqn.params.get("fun_jaxpr")
    info = getattr(getattr(inner, "jaxpr", inner), "debug_info", None)
    name, _, place = str(getattr(info, "func_src_info", "a function")).partition(" at ")
    return name, place


def _narrows(eqn: Any) -> bool:
    new, old = eqn.params["new_dtype"], eqn.invars[0].aval.dtype
    return all(jnp.issubdtype(d, jnp.floating) for d in (new, old)) and new.itemsize < old.itemsize


def _run(closed: Any, widen: bool, *args: Any) -> list[Any]:
    """Evaluate a jaxpr; ``widen`` computes in float64 throughout."""

    def wide(x: Any) -> Any:
        low = widen and jnp.issubdtype(jnp.result_type(x), jnp.floating)
        return jnp.asarray(x, jnp.float64) if low else x

    def step(eqn: Any, inputs: list[Any]) -> list[Any]:
        name, inner, params = eqn.primitive.name, called(eqn), dict(eqn.params)
        inputs = [wide(x) for x in inputs]
        if inner is not None and (widen or not name.startswith(_RULES) or not _source(eqn)[1].startswith(LIBRARIES)):
            return _run(inner, widen, *inputs)
        if inner is None and widen:
            if name == "convert_element_type" and jnp.issubdtype(params["new_dtype"], jnp.floating):
                params["new_dtype"] = jnp.dtype(jnp.float64)
            if params.get("preferred_element_type") is not None:
                params["preferred_element_type"] = None
        if inner is None:
            params = {k: _plain_inside(v, widen) for k, v in params.items()}
        return bind(eqn, inputs, params)

    return [wide(y) for y in walk(closed, args, step)]


def _plain_inside(value: Any, widen: bool) -> Any:
    """The jaxprs of loops and branches, made plain too."""
    if isinstance(value, core.ClosedJaxpr):
        shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in value.in_avals]
        if widen:
            shapes = [jax.ShapeDtypeStruct(s.shape, jnp.float64 if jnp.issubdtype(s.dtype, jnp.floating) else s.dtype)
                      for s in shapes]  # fmt: skip
        return jax.make_jaxpr(partial(_run, value, widen))(*shapes)
    if isinstance(value, tuple) and any(isinstance(v, core.ClosedJaxpr) for v in value):
        return tuple(_plain_inside(v, widen) for v in value)
    return value
