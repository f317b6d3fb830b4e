"""The four candidates of every 2x2 window with 16 multiplications instead of 36: for 3x3 kernels.

Where a kernel w of three slides over four pixels x, two outputs y take six multiplications; or four, after Winograd::

    m0 = (x0 - x2) w0    m1 = (x1 + x2) (w0 + w1 + w2) / 2    m2 = (x2 - x1) (w0 - w1 + w2) / 2    m3 = (x1 - x3) w2
    y0 = m0 + m1 + m2    y1 = m1 - m2 - m3

In two directions, one after the other, 4x4 pixels x and a 3x3 kernel w meet in 4x4 products, and their outputs are a
window of the pool. With the tables P = ``PIXELS``, K = ``KERNEL`` and O = ``OUTPUTS``, ' for transposed and * for
entry by entry::

    products  m  = (K w K') * (P x P')          outputs  y  = O m O'
    backward  dm = O' dy O                      dw = K' (dm * (P x P')) K         dx = P' (dm * (K w K')) P

Products are summed over channels, dw over windows, dx over filters: that makes them matrix products. (Lavin and Gray,
"Fast Algorithms for Convolutional Neural Networks", 2015: there this is F(2x2, 3x3), and P, K, O are B', G, A'.)
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxdoodle.nn.fused.tiles import margins, pooled_size
from jaxdoodle.nn.layers.conv2d import Conv2D
from jaxdoodle.nn.layers.windows import unfold

KERNEL_SIZE = (3, 3)
PIXELS = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
OUTPUTS = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])

Grid = list[list[Array]]


def forward(conv: Conv2D, w: Array, x: Array) -> Array:
    """``(channels, height, width, batch)`` to the candidates ``(4, filters, rows, columns, batch)``."""
    products = _transformed_kernel(w).swapaxes(1, 2) @ _transformed_pixels(conv, x)
    candidates = _stack(_transform(OUTPUTS, _grid(products, 4)))
    return candidates.reshape(4, conv.filters, *pooled_size(conv, x), -1)


def backward(conv: Conv2D, w: Array, x: Array, argmax: Array, dmax: Array) -> tuple[Array, Array]:
    """dw like ``w``, dx like ``x``.

    The errors of the candidates come out of a loop, because its result is computed once; else they would be fused into
    each of the 16 sums that are made of them, and computed again by every one.
    """
    dcandidates = lax.map(
        lambda offset: jnp.where(argmax == offset, dmax, jnp.zeros_like(dmax)), np.arange(4, dtype=np.int32)
    )
    dproducts = _stack(_transform(OUTPUTS.T, _grid(dcandidates.reshape(4, conv.filters, -1), 2)))
    dkernel = _transformed_pixels(conv, x) @ dproducts.swapaxes(1, 2)
    dw = _stack(_transform(KERNEL.T, _grid(dkernel, 4))).reshape(w.shape)
    return dw, _from_pixels(conv, _transformed_kernel(w) @ dproducts, x)


def _transformed_kernel(w: Array) -> Array:
    """``(16, channels, filters)``."""
    return _stack(_transform(KERNEL, [list(row) for row in w]))


def _transformed_pixels(conv: Conv2D, x: Array) -> Array:
    """``(16, channels, rows * columns * batch)``: of the 4x4 pixels that a window's four kernels see."""
    padded = lax.pad(x, jnp.zeros((), x.dtype), margins(conv, x))
    tiles = unfold(padded, (4, 4), (2, 2))
    transformed = _stack(_transform(PIXELS, [tiles[i : i + 4] for i in range(0, 16, 4)]))
    return transformed.reshape(16, len(x), -1)


def _from_pixels(conv: Conv2D, dtransformed: Array, x: Array) -> Array:
    """The transpose of ``_transformed_pixels``: every number to its pixel; tiles, two apart, overlap and add up."""
    grid = _grid(dtransformed.reshape(16, len(x), *pooled_size(conv, x), -1), 4)
    rows = [_overlapping(_along(PIXELS.T, row), 2) for row in grid]
    padded = _overlapping(_along(PIXELS.T, rows), 1)
    crop = [(-before, -after, 0) for before, after, _ in margins(conv, x)]
    return lax.pad(padded, jnp.zeros((), x.dtype), crop)


def _overlapping(pixels: list[Array], axis: int) -> Array:
    """Tiles of four along ``axis``, given pixel by pixel, as one line: the third and fourth of each fall on the first
    and second of the next.
    """

    def shifted(one: Array, before: int) -> Array:
        pads = [(before, 1 - before, 0) if axis == at else (0, 0, 0) for at in range(one.ndim)]
        return lax.pad(one, jnp.zeros((), one.dtype), pads)

    pairs = jnp.stack([shifted(pixels[at], 0) + shifted(pixels[at + 2], 1) for at in (0, 1)], axis + 1)
    return pairs.reshape(*pairs.shape[:axis], -1, *pairs.shape[axis + 2 :])


def _transform(table: np.ndarray, grid: Grid) -> Grid:
    """``table @ grid @ table.T`` for a grid of arrays."""
    columns = zip(*[_along(table, row) for row in grid], strict=True)
    return [list(row) for row in zip(*[_along(table, column) for column in columns], strict=True)]


def _along(table: np.ndarray, parts: Sequence[Array]) -> list[Array]:
    """``table @ parts``, written out: zeros and ones cost nothing that way."""
    return [reduce(operator.add, [c * part for c, part in zip(row, parts, strict=True) if c]) for row in table.tolist()]


def _grid(stacked: Array, side: int) -> Grid:
    return [[stacked[side * i + j] for j in range(side)] for i in range(side)]


def _stack(grid: Grid) -> Array:
    """Row by row: of 16 arrays at once XLA compiles each by itself, for a quarter more time and memory."""
    rows = jnp.stack([jnp.stack(row) for row in grid])
    return rows.reshape(-1, *rows.shape[2:])
