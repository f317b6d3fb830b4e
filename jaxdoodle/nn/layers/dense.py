"""Dense: every output is a weighted sum of every input."""

from __future__ import annotations

from typing import Any

from jaxdoodle.core.types import Array, NDArray, Params, Residuals, Shape
from jaxdoodle.nn.base import Layer, SpecError, layer, require_count
from jaxdoodle.nn.layers.initializers import draw_weights, require_initializer


@layer
class Dense(Layer):
    """Fully connected layer: ``y = x @ w + b``.

    >>> Dense(10).param_shapes((128,))
    {'w': (128, 10), 'b': (10,)}

    Args:
      units: Number of outputs.
      kernel_init: ``"glorot_uniform"``, ``"he_normal"`` or ``"normal(STDDEV)"``, for ``w``; ``b`` starts at zero.

    Shapes: ``x`` is ``(batch, inputs)``, ``w`` ``(inputs, units)``, ``b`` ``(units,)``, ``y`` ``(batch, units)``.

    Raises:
      SpecError: ``units`` is no positive integer, or the initializer is not known.
    """

    units: int
    kernel_init: str = "glorot_uniform"

    def __post_init__(self) -> None:
        require_count(self, "units")
        require_initializer(self.kernel_init)

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise SpecError(f"Dense takes flat features; got {input_shape}. Put Flatten() before it.")
        return (self.units,)

    def param_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"w": (input_shape[0], self.units), "b": (self.units,)}

    def init(self, key: Array, input_shape: Shape) -> Params:
        return draw_weights(self.kernel_init, key, self.param_shapes(input_shape))

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``y = x @ w + b``."""
        w, b = params["w"], params["b"]
        return x @ w + b[None], (x, w)

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dw = x.T @ dy``, ``db = sum_batch dy``, ``dx = dy @ w.T``."""
        x, w = residuals
        return {"w": x.T @ dy, "b": dy.sum(axis=0)}, dy @ w.T

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return x @ params["w"] + params["b"]

    @classmethod
    def examples(cls) -> tuple[tuple[Dense, Shape], ...]:
        return (cls(3), (5,)), (cls(7), (7,))  # square: a transposed weight would fit
