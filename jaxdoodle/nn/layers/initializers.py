"""Initializers of weights, by name. Every function draws float32."""

from __future__ import annotations

import math
import re

from jaxdoodle.core.lazy import jax, jnp
from jaxdoodle.core.types import Array, Params, Shape
from jaxdoodle.nn.base import SpecError

_NORMAL = re.compile(r"normal\((\d+(?:\.\d*)?(?:e-?\d+)?)\)")


def draw(kernel_init: str, key: Array, shape: Shape) -> Array:
    """Weights by the initializer of that name.

    Args:
      kernel_init: ``"glorot_uniform"`` (Glorot and Bengio 2010, equation 16), ``"he_normal"`` (He et al. 2015,
        equation 10) or ``"normal(STDDEV)"``.
      key: A key of ``jax.random``.
      shape: The last two axes are inputs and outputs; those before them, a kernel's height and width, multiply both
        fans.

    Returns:
      float32 of that shape.
    """
    *window, inputs, outputs = shape
    fan_in, fan_out = math.prod(window) * inputs, math.prod(window) * outputs
    if kernel_init == "glorot_uniform":
        limit = math.sqrt(6 / (fan_in + fan_out))
        return jax.random.uniform(key, shape, jnp.float32, -limit, limit)
    stddev = math.sqrt(2 / fan_in) if kernel_init == "he_normal" else _stddev(kernel_init)
    assert stddev is not None  # the layer admits no other name
    return stddev * jax.random.normal(key, shape, jnp.float32)


def draw_weights(kernel_init: str, key: Array, shapes: dict[str, Shape]) -> Params:
    """``w`` by the initializer of that name, and ``b`` of zeros."""
    return {"w": draw(kernel_init, key, shapes["w"]), "b": jnp.zeros(shapes["b"], jnp.float32)}


def require_initializer(kernel_init: str) -> None:
    """Raise ``SpecError`` at a name that ``draw`` does not know."""
    known = ("glorot_uniform", "he_normal")
    if not isinstance(kernel_init, str) or (kernel_init not in known and _stddev(kernel_init) is None):
        raise SpecError(f'kernel_init is {", ".join(known)} or "normal(STDDEV)"; got {kernel_init!r}.')


def _stddev(kernel_init: str) -> float | None:
    """The standard deviation in ``"normal(0.001)"``, or ``None`` for another initializer."""
    match = _NORMAL.fullmatch(kernel_init)
    return float(match[1]) if match and math.isfinite(float(match[1])) else None
