"""Sliding windows over images, and the way back: what convolution and pooling share.

``unfold`` copies and ``fold`` adds; as linear maps they are each other's transpose, which is all that the
derivative of either one says.
"""

from __future__ import annotations

from itertools import product

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxdoodle.nn.spec import Conv2D

#: The places in a 2x2 window in reading order, as a new first axis of four.
PLACE = np.arange(4, dtype=np.int32)[:, None, None, None, None]


def unfold(x: Array, window: tuple[int, int], stride: tuple[int, int]) -> list[Array]:
    """``(batch, height, width, channels)`` -> one ``(batch, rows, columns, channels)`` per place in the window.

    Entry k holds, for every window, the pixel at its k-th place in reading order. Batch and channels may change places:
    windows slide over the two axes in the middle.
    """
    spans = [_span(n, k, step) for n, k, step in zip(x.shape[1:3], window, stride, strict=True)]
    return [
        x[:, i : i + spans[0] : stride[0], j : j + spans[1] : stride[1]]
        for i, j in product(range(window[0]), range(window[1]))
    ]


def fold(pixels: list[Array], window: tuple[int, int], stride: tuple[int, int], size: tuple[int, int]) -> Array:
    """Add every pixel of every window back to the place of an image of ``size`` that ``unfold`` took it from."""
    spans = [_span(n, k, step) for n, k, step in zip(size, window, stride, strict=True)]
    padded = []
    for place, pixel in zip(product(range(window[0]), range(window[1])), pixels, strict=True):
        spread = [
            (before, n - before - span, step - 1)
            for before, n, span, step in zip(place, size, spans, stride, strict=True)
        ]
        padded.append(lax.pad(pixel, jnp.zeros((), pixel.dtype), [(0, 0, 0), *spread, (0, 0, 0)]))
    return sum(padded[1:], start=padded[0])


def pooled_size(layer: Conv2D, x: Array) -> tuple[int, int]:
    """Rows and columns of 2x2 windows on what ``layer`` makes of ``x``, ``(channels, height, width, batch)``.

    What is left over, an odd row or column, is dropped.
    """
    rows, columns, _ = layer.output_shape((*x.shape[1:3], x.shape[0]))
    return rows // 2, columns // 2


def tiles_seen(kernel_size: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of 2x2 tiles that the kernel sees from the four places of a 2x2 window."""
    height, width = kernel_size
    return (height + 2) // 2, (width + 2) // 2


def margins(layer: Conv2D, x: Array) -> list[tuple[int, int, int]]:
    """How to pad ``(channels, height, width, batch)`` to whole tiles; below zero where pixels are never seen."""
    sizes = [2 * (n + s - 1) for n, s in zip(pooled_size(layer, x), tiles_seen(layer.kernel_size), strict=True)]
    pads = layer.pads(x.shape[1:3])
    inner = [(p, size - n - p, 0) for (p, _), n, size in zip(pads, x.shape[1:3], sizes, strict=True)]
    return [(0, 0, 0), *inner, (0, 0, 0)]


def _span(size: int, window: int, stride: int) -> int:
    """From the first window's first pixel to the last window's first pixel, both included."""
    return (size - window) // stride * stride + 1
