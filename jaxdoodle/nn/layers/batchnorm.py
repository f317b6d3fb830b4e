"""BatchNorm: each channel brought to mean 0 and variance 1, then scaled and shifted (Ioffe and Szegedy 2015)."""

import jax.numpy as jnp
from jax import lax

from jaxdoodle.nn.base import Rule


def init(layer, key, input_shape):
    start = {"scale": jnp.ones, "shift": jnp.zeros, "mean": jnp.zeros, "var": jnp.ones}
    return {name: start[name](shape, jnp.float32) for name, shape in layer.param_shapes(input_shape).items()}


def forward(layer, params, x, *, key=None):
    """Channels are the last axis; the statistics run over all others.

    In training they are the batch's own. In evaluation they are the running ones, which count as constants: no
    error flows into them.
    """
    if key is None:
        batch: tuple = ()
        mean, var = lax.stop_gradient((params["mean"], params["var"]))
    else:
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axis=axes)
        var = jnp.square(x - mean).mean(axis=axes)
        batch = (mean, var)
    inverse = lax.rsqrt(var + layer.epsilon)
    z = (x - mean) * inverse
    return z * params["scale"] + params["shift"], (z, inverse, params["scale"], batch)


def backward(layer, residuals, dy):
    """The batch's mean and variance move with x, so dx loses what they take up.

    Of the error dz, the part that would shift the whole channel (its mean) and the part that would
    stretch it (its projection on z) are undone by the normalization and are taken out.
    """
    z, inverse, scale, batch = residuals
    axes = tuple(range(dy.ndim - 1))
    dz = dy * scale
    if batch:
        dz = dz - dz.mean(axis=axes) - z * (dz * z).mean(axis=axes)
    still = jnp.zeros_like(scale)
    dparams = {"scale": (dy * z).sum(axis=axes), "shift": dy.sum(axis=axes), "mean": still, "var": still}
    return dparams, dz * inverse


def observe(layer, params, residuals):
    """A moving average over the training batches; nothing moves in evaluation."""
    *_, batch = residuals
    names = ("mean", "var") if batch else ()
    return {
        name: layer.momentum * params[name] + (1 - layer.momentum) * value
        for name, value in zip(names, batch, strict=True)
    }


RULE = Rule(forward, backward, init, observe)
