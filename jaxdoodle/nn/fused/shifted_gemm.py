"""The four candidates of every 2x2 window by one matrix product: for kernels of any size.

The image is cut into tiles of 2x2 pixels, like the windows of the pool. What the kernel sees from the four offsets of a
window lies in the same few tiles, so one product with the kernel, shifted to each offset, gives the four candidates
side by side.
"""

from __future__ import annotations

from itertools import product

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxdoodle.nn.fused.tiles import OFFSETS, margins, pooled_size, tiles_seen
from jaxdoodle.nn.layers.conv2d import Conv2D
from jaxdoodle.nn.layers.windows import unfold

SHIFTS = tuple(product(range(2), range(2)))  # the offsets in a window, in row-major order


def forward(conv: Conv2D, w: Array, x: Array) -> Array:
    """``(channels, height, width, batch)`` to the candidates ``(4, filters, rows, columns, batch)``."""
    return (_at_each_offset(w) @ _patches(conv, x)).reshape(4, conv.filters, *pooled_size(conv, x), -1)


def backward(conv: Conv2D, w: Array, x: Array, argmax: Array, dmax: Array) -> tuple[Array, Array]:
    """dw like ``w``, dx like ``x``."""
    dcandidates = jnp.where(argmax[None] == OFFSETS, dmax[None], jnp.zeros_like(dmax)[None]).reshape(
        4 * conv.filters, -1
    )
    dw = _from_each_offset(dcandidates @ _patches(conv, x).T, w.shape)
    return dw, _from_patches(conv, _at_each_offset(w).T @ dcandidates, x)


def _patches(conv: Conv2D, x: Array) -> Array:
    """``(span * span * 2 * 2 * channels, rows * columns * batch)``: all that the four kernels of a window see."""
    padded = lax.pad(x, jnp.zeros((), x.dtype), margins(conv, x))
    channels, height, width, batch = padded.shape
    tiles = padded.reshape(channels, height // 2, 2, width // 2, 2, batch).transpose(2, 4, 0, 1, 3, 5)
    tiles = tiles.reshape(4 * channels, height // 2, width // 2, batch)
    patches = jnp.concatenate(unfold(tiles, tiles_seen(conv.kernel_size), (1, 1)))
    return patches.reshape(-1, patches[0].size)


def _from_patches(conv: Conv2D, dpatches: Array, x: Array) -> Array:
    """The transpose of ``_patches``: every number back to its pixel, where overlapping ones add up.

    A loop, because its result is computed once; a sum of padded arrays would be fused into each reader and
    computed again by every one.
    """
    channels, _, _, batch = x.shape
    (down, across), (rows, columns) = tiles_seen(conv.kernel_size), pooled_size(conv, x)
    tiles = dpatches.reshape(down * across, 2, 2, channels, rows, columns, batch).transpose(0, 3, 4, 1, 5, 2, 6)

    def add(image, one):
        tile, corner = one
        return lax.dynamic_update_slice(image, lax.dynamic_slice(image, corner, tile.shape) + tile, corner), None

    blank = jnp.zeros((channels, rows + down - 1, 2, columns + across - 1, 2, batch), x.dtype)
    corners = np.array([(0, i, 0, j, 0, 0) for i, j in product(range(down), range(across))], np.int32)
    image, _ = lax.scan(add, blank, (tiles, corners))
    padded = image.reshape(channels, 2 * image.shape[1], 2 * image.shape[3], batch)
    crop = [(-before, -after, 0) for before, after, _ in margins(conv, x)]
    return lax.pad(padded, jnp.zeros((), x.dtype), crop)


def _at_each_offset(w: Array) -> Array:
    """``(4 * filters, span * span * 2 * 2 * channels)``: the kernel, shifted to each offset and zero elsewhere."""
    height, width, channels, filters = w.shape
    rows, columns = tiles_seen((height, width))
    shifted = [
        jnp.pad(w, ((i, 2 * rows - height - i), (j, 2 * columns - width - j), (0, 0), (0, 0))) for i, j in SHIFTS
    ]
    tiles = jnp.stack(shifted).reshape(4, rows, 2, columns, 2, channels, filters)
    return tiles.transpose(0, 6, 1, 3, 2, 4, 5).reshape(4 * filters, -1)


def _from_each_offset(dshifted: Array, shape: tuple[int, ...]) -> Array:
    """The transpose of ``_at_each_offset``: the four shifted kernels are one and the same."""
    height, width, channels, filters = shape
    rows, columns = tiles_seen((height, width))
    tiles = dshifted.reshape(4, filters, rows, columns, 2, 2, channels).transpose(0, 2, 4, 3, 5, 6, 1)
    shifted = tiles.reshape(4, 2 * rows, 2 * columns, channels, filters)
    return sum(one[i : i + height, j : j + width] for one, (i, j) in zip(shifted, SHIFTS, strict=True))
