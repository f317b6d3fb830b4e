"""Sliding windows over images, and the way back: what convolution and pooling share.

``unfold`` copies and ``fold`` adds; as linear maps they are each other's transpose, so each is the other's derivative.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from jaxdoodle.core.lazy import jnp, lax, np
from jaxdoodle.core.types import Array, NDArray, Shape
from jaxdoodle.nn.base import SpecError

#: Vertical and horizontal.
Pair = tuple[int, int]


def unfold(x: Array, window: Any, stride: Any) -> list[Array]:
    """``(batch, height, width, channels)`` -> one ``(batch, rows, columns, channels)`` per offset in the window.

    Entry k holds, for every window, the pixel at its k-th offset in row-major order. Batch and channels may be
    exchanged: windows slide over the two axes in the middle.
    """
    spans = [_span(n, k, step) for n, k, step in zip(x.shape[1:3], window, stride, strict=True)]
    return [
        x[:, i : i + spans[0] : stride[0], j : j + spans[1] : stride[1]]
        for i, j in product(range(window[0]), range(window[1]))
    ]


def fold(pixels: list[Array], window: Any, stride: Any, size: Shape) -> Array:
    """Add every pixel of every window back to the position in an image of ``size`` that ``unfold`` took it from."""
    spans = [_span(n, k, step) for n, k, step in zip(size, window, stride, strict=True)]
    padded = []
    for offset, pixel in zip(product(range(window[0]), range(window[1])), pixels, strict=True):
        inner = [
            (before, n - before - span, step - 1)
            for before, n, span, step in zip(offset, size, spans, stride, strict=True)
        ]
        padded.append(lax.pad(pixel, jnp.zeros((), pixel.dtype), [(0, 0, 0), *inner, (0, 0, 0)]))
    return sum(padded[1:], start=padded[0])


def numpy_windows(x: NDArray[Any], window: Any, stride: Any) -> NDArray[Any]:
    """A view ``(n, rows, columns, channels, window height, window width)`` of ``(n, height, width, channels)``."""
    every = np.lib.stride_tricks.sliding_window_view(x, window, axis=(1, 2))
    return every[:, :: stride[0], :: stride[1]]


def image_shape(layer: Any, input_shape: Shape) -> Shape:
    """The shape itself; raises ``SpecError`` unless it is that of an image."""
    if len(input_shape) != 3:
        raise SpecError(f"{type(layer).__name__} takes images (height, width, channels); got {input_shape}.")
    return input_shape


def window_counts(layer: Any, name: str, size: Iterable[int]) -> Shape:
    """Rows and columns of windows, of the size in the field ``name``, on an image of ``size``."""
    window, size = getattr(layer, name), tuple(size)
    if any(k > n for k, n in zip(window, size, strict=True)):
        raise SpecError(f"{type(layer).__name__} with {name} {window} is larger than its {size[0]}x{size[1]} image.")
    return tuple((n - k) // step + 1 for n, k, step in zip(size, window, layer.stride, strict=True))


def _span(size: int, window: int, stride: int) -> int:
    """From the first window's first pixel to the last window's first pixel, both included."""
    return (size - window) // stride * stride + 1
