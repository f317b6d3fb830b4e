"""Activations: one function applied to every number (Softmax: to every row). Nothing to learn.

A derivative is taken at the input ``x``, or expressed by the output ``y`` where that is the simpler formula.
Inputs and outputs have any shape ``(batch, ...)``.
"""

from __future__ import annotations

from typing import Any

from jaxdoodle.core.lazy import jax, jnp, lax, np
from jaxdoodle.core.types import Array, NDArray, Params, Residuals
from jaxdoodle.nn.base import Layer, SpecError, layer, require_number


@layer
class ReLU(Layer):
    """``y = max(0, x)``; its derivative at 0 is 0."""

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``max(0, x)``, written as a choice so that autodiff, too, takes the derivative 0 at 0; NaN stays NaN."""
        return jnp.where(x <= 0, jnp.zeros_like(x), x), x

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx = dy`` where ``x > 0``, else 0."""
        x = residuals
        return {}, jnp.where(x > 0, dy, jnp.zeros_like(dy))

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return np.maximum(x, x.dtype.type(0))


@layer
class LeakyReLU(Layer):
    """``y = x`` above zero, ``slope * x`` elsewhere; its derivative at 0 is ``slope``.

    Args:
      slope: Derivative at and below zero.

    Raises:
      SpecError: ``slope`` is no finite number.
    """

    slope: float = 0.1

    def __post_init__(self) -> None:
        require_number(self, "slope")

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``x`` where ``x > 0``, else ``slope * x``."""
        return jnp.where(x > 0, x, self.slope * x), x

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx = dy`` where ``x > 0``, else ``slope * dy``."""
        x = residuals
        return {}, jnp.where(x > 0, dy, self.slope * dy)

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return np.where(x > 0, x, x.dtype.type(self.slope) * x)


@layer
class Clip(Layer):
    """``y = min(max(x, low), high)``; its derivative at ``low`` and ``high`` is 0. ReLU6 is ``Clip(0, 6)``.

    Args:
      low: Least output.
      high: Largest output, above ``low``.

    Raises:
      SpecError: A bound is no finite number, or ``high`` is not above ``low``.
    """

    low: float = 0.0
    high: float = 6.0

    def __post_init__(self) -> None:
        require_number(self, "low")
        require_number(self, "high")
        if not self.low < self.high:
            raise SpecError(f"low of Clip is below high; got {self.low} and {self.high}.")

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``x`` between the bounds, else the nearer bound: choices, so that autodiff takes the derivative 0 at both."""
        low, high = jnp.full_like(x, self.low), jnp.full_like(x, self.high)
        return jnp.where(x <= self.low, low, jnp.where(x >= self.high, high, x)), x

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx = dy`` where ``low < x < high``, else 0."""
        x = residuals
        return {}, jnp.where((x > self.low) & (x < self.high), dy, jnp.zeros_like(dy))

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return np.clip(x, x.dtype.type(self.low), x.dtype.type(self.high))


@layer
class Sigmoid(Layer):
    """``y = 1 / (1 + exp(-x))``."""

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``1 / (1 + exp(-x))``."""
        y = jax.nn.sigmoid(x)
        return y, y

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx = dy * y (1 - y)``."""
        y = residuals
        return {}, dy * y * (1 - y)

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return np.exp(-np.logaddexp(0, -x, dtype=x.dtype))


@layer
class Tanh(Layer):
    """``y = tanh(x)``."""

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``tanh(x)``."""
        y = jnp.tanh(x)
        return y, y

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx = dy * (1 - y^2)``."""
        y = residuals
        return {}, dy * (1 - y * y)

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return np.tanh(x)


@layer
class Softmax(Layer):
    """``y = exp(x) / sum exp(x)`` over the last axis. The losses want logits: leave it out when training on them."""

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``exp(x - max x) / sum exp(x - max x)``: the shift changes nothing but overflow."""
        e = jnp.exp(x - lax.stop_gradient(x.max(axis=-1, keepdims=True)))
        y = e / e.sum(axis=-1, keepdims=True)
        return y, y

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx = y * (dy - sum(dy * y))``, the sum over the last axis."""
        y = residuals
        return {}, y * (dy - (dy * y).sum(axis=-1, keepdims=True))

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)
