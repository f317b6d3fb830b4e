"""Tiles of 2x2 pixels, on which the fused blocks compute. Images are ``(channels, height, width, batch)``."""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import Array
from jaxdoodle.nn.layers.conv2d import Conv2D

#: The offsets in a 2x2 window in row-major order, as a new first axis of four.
OFFSETS = np.arange(4, dtype=np.int32)[:, None, None, None, None]


def pooled_size(conv: Conv2D, x: Array) -> tuple[int, int]:
    """Rows and columns of 2x2 windows on the outputs of ``conv`` for ``x``; an odd row or column is dropped."""
    rows, columns, _ = conv.output_shape((*x.shape[1:3], x.shape[0]))
    return rows // 2, columns // 2


def tiles_seen(kernel_size: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of 2x2 tiles that the kernel covers from the four offsets of a 2x2 window."""
    height, width = kernel_size
    return (height + 2) // 2, (width + 2) // 2


def margins(conv: Conv2D, x: Array) -> list[tuple[int, int, int]]:
    """How to pad ``x`` to whole tiles, for ``lax.pad``; below zero where pixels are in no window."""
    sizes = [2 * (n + s - 1) for n, s in zip(pooled_size(conv, x), tiles_seen(conv.kernel_size), strict=True)]
    pads = conv.pads(x.shape[1:3])
    inner = [(p, size - n - p, 0) for (p, _), n, size in zip(pads, x.shape[1:3], sizes, strict=True)]
    return [(0, 0, 0), *inner, (0, 0, 0)]
