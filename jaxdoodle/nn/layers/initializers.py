"""Initializers of weights, by name. Every function draws float32."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from jaxdoodle.core.lazy import jax, jnp
from jaxdoodle.core.types import Array, Params, Shape
from jaxdoodle.nn.base import SpecError

#: Numbers that a program draws at least; the next ones draw four times as many.
DRAWN = 2**16

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
        return _first(lambda shape: jax.random.uniform(key, shape, jnp.float32, -limit, limit), key, shape)
    stddev = math.sqrt(2 / fan_in) if kernel_init == "he_normal" else _stddev(kernel_init)
    assert stddev is not None  # the layer admits no other name
    return stddev * _first(lambda shape: jax.random.normal(key, shape, jnp.float32), key, shape)


def draw_weights(kernel_init: str, key: Array, shapes: dict[str, Shape]) -> Params:
    """``w`` by the initializer of that name, and ``b`` of zeros."""
    return {"w": draw(kernel_init, key, shapes["w"]), "b": jnp.zeros(shapes["b"], jnp.float32)}


def _first(draw: Callable[[Shape], Array], key: Array, shape: Shape) -> Array:
    """``draw(shape)``, by a program that draws more, and so for many shapes: each takes half a second to compile.

    Number ``i`` of a threefry key does not depend on how many are drawn, where JAX draws them so.
    """
    traced, size = isinstance(key, jax.core.Tracer), math.prod(shape)
    typed = not traced and jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    threefry = typed and str(jax.random.key_impl(key)) == "threefry2x32"
    if not threefry or not jax.threefry_partitionable.value:
        return draw(shape)
    count = DRAWN
    while count < size:
        count *= 4
    return jnp.asarray(jax.device_get(draw((count,)))[:size].reshape(shape))  # sliced by NumPy, which compiles nothing


def require_initializer(kernel_init: str) -> None:
    """Raise ``SpecError`` at a name that ``draw`` does not know."""
    known = ("glorot_uniform", "he_normal")
    if not isinstance(kernel_init, str) or (kernel_init not in known and _stddev(kernel_init) is None):
        raise SpecError(f'kernel_init is {", ".join(known)} or "normal(STDDEV)"; got {kernel_init!r}.')


def _stddev(kernel_init: str) -> float | None:
    """The standard deviation in ``"normal(0.001)"``, or ``None`` for another initializer."""
    match = _NORMAL.fullmatch(kernel_init)
    return float(match[1]) if match and math.isfinite(float(match[1])) else None
