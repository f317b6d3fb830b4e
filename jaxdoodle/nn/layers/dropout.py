"""Dropout: in training mode each number is zeroed at random."""

from __future__ import annotations

from typing import Any

from jaxdoodle.core.lazy import jax, jnp
from jaxdoodle.core.types import Array, NDArray, Params, Residuals, Shape
from jaxdoodle.nn.base import Layer, SpecError, layer, require_number


@layer
class Dropout(Layer):
    """``y = x * mask``, where the mask is 0 with probability ``drop_rate`` and ``1 / (1 - drop_rate)`` else.

    So the mean stays, and in evaluation mode ``y = x``.

    Args:
      drop_rate: Fraction of the inputs that is zeroed, in [0, 1).

    Raises:
      SpecError: ``drop_rate`` is out of its range.

    Reference: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    """

    drop_rate: float

    def __post_init__(self) -> None:
        require_number(self, "drop_rate")
        if not 0 <= self.drop_rate < 1:
            raise SpecError(f"drop_rate is the fraction dropped, at least 0 and below 1; got {self.drop_rate}.")

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``y = x * mask``; ``y = x`` without a key."""
        if key is None:
            return x, jnp.ones((), x.dtype)
        kept = jax.random.bernoulli(key, 1 - self.drop_rate, x.shape)
        mask = kept.astype(x.dtype) / (1 - self.drop_rate)
        return x * mask, mask

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx = dy * mask``, the mask of the forward pass."""
        mask = residuals
        return {}, dy * mask

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return x

    @classmethod
    def examples(cls) -> tuple[tuple[Dropout, Shape], ...]:
        return (cls(0.4), (7,)), (cls(0.5), (3, 4, 2))
