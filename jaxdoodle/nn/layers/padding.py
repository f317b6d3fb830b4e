"""Pad2D: a border of one value around an image."""

from __future__ import annotations

from typing import Any

from jaxdoodle.core.lazy import jnp, lax, np
from jaxdoodle.core.types import Array, NDArray, Params, Residuals, Shape
from jaxdoodle.nn.base import Layer, SpecError, layer, require_number
from jaxdoodle.nn.layers.windows import image_shape


@layer
class Pad2D(Layer):
    """Rows and columns of one value around an image; before a ``"VALID"`` convolution any padding can be had so.

    >>> Pad2D(((1, 0), (2, 2))).output_shape((5, 5, 3))
    (6, 9, 3)

    Args:
      pads: Rows before and after, then columns before and after: ``((top, bottom), (left, right))``.
      value: What they hold. Before a maximum over values that may be negative, a number below all of them.

    Shapes: ``x`` is ``(batch, height, width, channels)``.

    Raises:
      SpecError: ``pads`` is not two pairs of integers from 0, or ``value`` no finite number.
    """

    pads: tuple[tuple[int, int], tuple[int, int]] = ((1, 1), (1, 1))
    value: float = 0.0

    def __post_init__(self) -> None:
        require_number(self, "value")
        pads = self.pads
        if not _is_pair(pads) or not all(_is_pair(pair) and all(map(_is_size, pair)) for pair in pads):
            raise SpecError(f"pads of Pad2D is ((top, bottom), (left, right)) in integers from 0; got {pads!r}.")
        object.__setattr__(self, "pads", tuple(map(tuple, pads)))

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = image_shape(self, input_shape)
        rows, columns = self.pads
        return height + sum(rows), width + sum(columns), channels

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``y[n, top + i, left + j, c] = x[n, i, j, c]``, ``value`` elsewhere."""
        rows, columns = self.pads
        return lax.pad(x, jnp.asarray(self.value, x.dtype), [(0, 0, 0), (*rows, 0), (*columns, 0), (0, 0, 0)]), x

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx[n, i, j, c] = dy[n, top + i, left + j, c]``."""
        (top, _), (left, _) = self.pads
        _, height, width, _ = residuals.shape
        return {}, dy[:, top : top + height, left : left + width]

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return np.pad(x, ((0, 0), *self.pads, (0, 0)), constant_values=x.dtype.type(self.value))

    @classmethod
    def examples(cls) -> tuple[tuple[Pad2D, Shape], ...]:
        return (cls(), (3, 4, 2)), (cls(((0, 2), (1, 0)), -1.5), (3, 4, 2))


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
