"""Pooling: fewer pixels, by the largest or the mean of each window. Nothing to learn."""

from __future__ import annotations

import math
from typing import Any

from jaxdoodle.core.lazy import jnp
from jaxdoodle.core.types import Array, NDArray, Params, Residuals, Shape
from jaxdoodle.nn.base import Layer, layer, set_pair
from jaxdoodle.nn.layers.windows import fold, image_shape, numpy_windows, unfold, window_counts


class _Pool2D(Layer):
    window: int | tuple[int, int]
    stride: int | tuple[int, int] | None

    def __post_init__(self) -> None:
        set_pair(self, "window")
        if self.stride is None:
            object.__setattr__(self, "stride", self.window)
        set_pair(self, "stride")

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = image_shape(self, input_shape)
        return (*window_counts(self, "window", (height, width)), channels)


@layer
class MaxPool2D(_Pool2D):
    """Maximum of each window. On a tie the gradient goes to the first maximum in row-major order.

    >>> MaxPool2D(2).output_shape((7, 5, 3))
    (3, 2, 3)

    Args:
      window: Height and width of a window, one integer or two.
      stride: Step between windows; ``None``: side by side. What is left over at the end is dropped.

    Shapes: ``x`` is ``(batch, height, width, channels)``, ``y`` ``(batch, rows, columns, channels)``.

    Raises:
      SpecError: A size is no positive integer.
    """

    window: int | tuple[int, int] = 2
    stride: int | tuple[int, int] | None = None

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``y[n, i, j, c] = max_{p, q} x[n, i s + p, j t + q, c]``."""
        best, *others = unfold(x, self.window, self.stride)
        argmax = jnp.zeros(best.shape, jnp.int32)
        for offset, pixel in enumerate(others, start=1):
            # A running choice, not jnp.max: autodiff would share a tie out evenly. NaN is the maximum, as NumPy has it.
            larger = (pixel > best) | jnp.isnan(pixel)
            best = jnp.where(larger, pixel, best)
            argmax = jnp.where(larger, jnp.int32(offset), argmax)
        return best, (x, argmax)

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """Subgradient: ``dy`` to the argmax of each window, 0 elsewhere; windows that overlap add up."""
        x, argmax = residuals
        offsets = range(math.prod(self.window))  # type: ignore[arg-type]
        pixels = [jnp.where(argmax == offset, dy, jnp.zeros_like(dy)) for offset in offsets]
        return {}, fold(pixels, self.window, self.stride, x.shape[1:3])

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return numpy_windows(x, self.window, self.stride).max(axis=(-2, -1))

    @classmethod
    def examples(cls) -> tuple[tuple[MaxPool2D, Shape], ...]:
        return (cls(2), (6, 5, 2)), (cls((3, 2), stride=(2, 1)), (7, 5, 2))


@layer
class AvgPool2D(_Pool2D):
    """Mean of each window.

    Args:
      window: Height and width of a window, one integer or two.
      stride: Step between windows; ``None``: side by side. What is left over at the end is dropped.

    Shapes and errors are those of ``MaxPool2D``.
    """

    window: int | tuple[int, int] = 2
    stride: int | tuple[int, int] | None = None

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``y[n, i, j, c] = mean_{p, q} x[n, i s + p, j t + q, c]``."""
        return sum(unfold(x, self.window, self.stride)) / math.prod(self.window), x  # type: ignore

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dy / size`` to each pixel of the window; windows that overlap add up."""
        x, size = residuals, math.prod(self.window)  # type: ignore[arg-type]
        return {}, fold([dy / size] * size, self.window, self.stride, x.shape[1:3])

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return numpy_windows(x, self.window, self.stride).mean(axis=(-2, -1))

    @classmethod
    def examples(cls) -> tuple[tuple[AvgPool2D, Shape], ...]:
        return (cls((2, 3)), (5, 7, 2)), (cls(3, stride=2), (7, 8, 2))


@layer
class GlobalAvgPool2D(Layer):
    """Mean of each channel over the whole image: ``(batch, height, width, channels)`` to ``(batch, channels)``."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (image_shape(self, input_shape)[2],)

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``y[n, c] = mean_{i, j} x[n, i, j, c]``."""
        return x.mean(axis=(1, 2)), x

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx[n, i, j, c] = dy[n, c] / (height * width)``."""
        x = residuals
        return {}, jnp.broadcast_to(dy[:, None, None, :] / (x.shape[1] * x.shape[2]), x.shape)

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return x.mean(axis=(1, 2))
