"""Dense: every output sees every input, ``y = x w + b``."""

import jax.numpy as jnp

from jaxdoodle.nn.base import Rule
from jaxdoodle.nn.layers import initializers


def init(layer, key, input_shape):
    shapes = layer.param_shapes(input_shape)
    return {"w": initializers.draw(layer.init, key, shapes["w"]), "b": jnp.zeros(shapes["b"], jnp.float32)}


def forward(layer, params, x, *, key=None):
    """``(batch, in) -> (batch, units)``."""
    w, b = params["w"], params["b"]
    return x @ w + b, (x, w)


def backward(layer, residuals, dy):
    """Each weight is credited with its input times the error it led to, summed over the batch.

    A bias is a weight whose input is always one. An input receives the error of every output that it
    fed, through the weight that fed it.
    """
    x, w = residuals
    return {"w": x.T @ dy, "b": dy.sum(axis=0)}, dy @ w.T


RULE = Rule(forward, backward, init)
