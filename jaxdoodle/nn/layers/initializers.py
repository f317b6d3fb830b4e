"""Where weights start. Every function draws float32."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxdoodle.nn.spec import Shape, normal_stddev


def draw(init: str, key: jax.Array, shape: Shape) -> jax.Array:
    """Weights of ``shape`` by the initializer named in a spec.

    The last two axes are inputs and outputs; those before them, a kernel's height and width, multiply both fans.
    """
    *window, inputs, outputs = shape
    fan_in, fan_out = math.prod(window) * inputs, math.prod(window) * outputs
    if init == "glorot_uniform":  # Glorot and Bengio 2010, equation 16
        limit = math.sqrt(6 / (fan_in + fan_out))
        return jax.random.uniform(key, shape, jnp.float32, -limit, limit)
    if init == "he_normal":  # He et al. 2015, equation 10
        return math.sqrt(2 / fan_in) * jax.random.normal(key, shape, jnp.float32)
    stddev = normal_stddev(init)
    assert stddev is not None  # the spec admits no other name
    return stddev * jax.random.normal(key, shape, jnp.float32)
