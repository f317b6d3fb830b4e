"""Flatten: an image as one row of features."""

from __future__ import annotations

import math
from typing import Any

from jaxdoodle.core.types import Array, NDArray, Params, Residuals, Shape
from jaxdoodle.nn.base import Layer, layer


@layer
class Flatten(Layer):
    """``(batch, ...)`` to ``(batch, features)`` in row-major order: channels vary fastest."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``y = x.reshape(batch, -1)``. Of the residual only the shape is used: XLA keeps no copy of it."""
        return x.reshape(x.shape[0], -1), x

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx = dy.reshape(x.shape)``."""
        return {}, dy.reshape(residuals.shape)

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return x.reshape(len(x), math.prod(x.shape[1:]))
