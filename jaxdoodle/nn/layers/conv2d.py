"""Conv2D: one small dense layer, applied at every place of the image."""

import jax.numpy as jnp
from jax import lax

from jaxdoodle.nn.base import Rule
from jaxdoodle.nn.layers import dense
from jaxdoodle.nn.layers.windows import fold, unfold

init = dense.init


def forward(layer, params, x, *, key=None):
    """``(batch, height, width, channels) -> (batch, rows, columns, filters)``.

    The kernel slides unflipped (cross-correlation): each output is the dot product of the kernel with the
    patch that it covers, so the whole layer is one matrix product of patches with kernels.
    """
    w, b = params["w"], params["b"]
    return _patches(layer, x) @ w.reshape(-1, layer.filters) + b, (x, w)


def backward(layer, residuals, dy):
    """To a patch, the kernel is a dense layer; so its derivatives are the dense ones.

    dw adds up, over all places and images, the patch times the error it led to. dx gives each patch its
    errors through the kernel, and overlapping patches add up: the same as sliding the kernel, flipped and with
    its channels swapped, over dy.
    """
    x, w = residuals
    patches = _patches(layer, x)
    dw = jnp.tensordot(patches, dy, axes=((0, 1, 2), (0, 1, 2))).reshape(w.shape)
    dpatches = dy @ w.reshape(-1, layer.filters).T

    rows, columns = layer.pads(x.shape[1:3])
    padded = x.shape[1] + sum(rows), x.shape[2] + sum(columns)
    pixels = jnp.split(dpatches, layer.kernel_size[0] * layer.kernel_size[1], axis=-1)
    dx = fold(pixels, layer.kernel_size, layer.stride, padded)
    dx = dx[:, rows[0] : rows[0] + x.shape[1], columns[0] : columns[0] + x.shape[2]]
    return {"w": dw, "b": dy.sum(axis=(0, 1, 2))}, dx


def _patches(layer, x):
    """``(batch, rows, columns, kernel height * kernel width * channels)``: what the kernel sees, place by place.

    The backward pass asks for them again; within one compiled step XLA computes them once.
    """
    rows, columns = layer.pads(x.shape[1:3])
    padded = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (*rows, 0), (*columns, 0), (0, 0, 0)])
    return jnp.concatenate(unfold(padded, layer.kernel_size, layer.stride), axis=-1)


RULE = Rule(forward, backward, init)
