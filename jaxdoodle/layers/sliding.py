"""The four candidates of every 2x2 window by sliding the kernel over every place: for small kernels.

Backward, too, is a kernel that slides: flipped, over the errors. Copying patches is cheaper than adding them up.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from jaxdoodle.inference.spec import Conv2D
from jaxdoodle.layers.windows import pooled_size, unfold

Pads = list[tuple[int, int]]


def forward(layer: Conv2D, w: Array, x: Array) -> Array:
    """``(channels, height, width, batch)`` to the candidates ``(4, filters, rows, columns, batch)``."""
    rows, columns = pooled_size(layer, x)
    y = w.reshape(-1, layer.filters).T @ _patches(x, layer.kernel_size, _pads(layer, x))
    y = y.reshape(layer.filters, rows, 2, columns, 2, -1)
    return y.transpose(2, 4, 0, 1, 3, 5).reshape(4, layer.filters, rows, columns, -1)


def backward(layer: Conv2D, w: Array, x: Array, dcandidates: Array) -> tuple[Array, Array]:
    """dw like ``w``, dx like ``x``."""
    rows, columns = pooled_size(layer, x)
    dy = dcandidates.reshape(2, 2, layer.filters, rows, columns, -1).transpose(2, 3, 0, 4, 1, 5)
    dy = dy.reshape(layer.filters, 2 * rows, 2 * columns, -1)
    pads = _pads(layer, x)
    dw = (dy.reshape(layer.filters, -1) @ _patches(x, layer.kernel_size, pads).T).T.reshape(w.shape)
    flipped = w[::-1, ::-1].transpose(2, 0, 1, 3).reshape(w.shape[2], -1)
    around = [(k - 1 - before, k - 1 - after) for k, (before, after) in zip(layer.kernel_size, pads, strict=True)]
    return dw, (flipped @ _patches(dy, layer.kernel_size, around)).reshape(x.shape)


def _pads(layer: Conv2D, x: Array) -> Pads:
    """Before and after each of height and width; below zero where pixels are never seen."""
    sizes = [2 * n + k - 1 for n, k in zip(pooled_size(layer, x), layer.kernel_size, strict=True)]
    pads = layer.pads(x.shape[1:3])
    return [(p, size - n - p) for (p, _), n, size in zip(pads, x.shape[1:3], sizes, strict=True)]


def _patches(x: Array, kernel_size: tuple[int, int], pads: Pads) -> Array:
    """``(kernel height * kernel width * channels, places * batch)``: what the kernel sees, place by place."""
    padded = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*pad, 0) for pad in pads), (0, 0, 0)])
    patches = jnp.concatenate(unfold(padded, kernel_size, (1, 1)))
    return patches.reshape(patches.shape[0], -1)
