"""Dropout: in training, each number is zeroed with probability ``drop_rate`` (Srivastava et al. 2014)."""

import jax
import jax.numpy as jnp

from jaxdoodle.nn.base import Rule


def forward(layer, params, x, *, key=None):
    """The survivors are divided by ``1 - drop_rate``, so that the mean stays and evaluation is the identity."""
    if key is None:
        return x, jnp.ones((), x.dtype)
    kept = jax.random.bernoulli(key, 1 - layer.drop_rate, x.shape)
    mask = kept.astype(x.dtype) / (1 - layer.drop_rate)
    return x * mask, mask


def backward(layer, residuals, dy):
    """The same mask, with the same rescaling: what was not heard is not blamed."""
    mask = residuals
    return {}, dy * mask


RULE = Rule(forward, backward)
