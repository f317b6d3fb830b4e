"""BatchNorm: each channel brought to mean 0 and variance 1, then scaled and shifted."""

from __future__ import annotations

from typing import Any, ClassVar

from jaxdoodle.core.lazy import jnp, lax, np
from jaxdoodle.core.types import Array, NDArray, Params, Residuals, Shape
from jaxdoodle.nn.base import Layer, SpecError, layer, require_number


@layer
class BatchNorm(Layer):
    """``y = z * scale + shift``, ``z = (x - mean) / sqrt(var + epsilon)``, over all axes but the last.

    In training mode mean and variance are those of the batch; in evaluation mode running ones, which are constants.

    Args:
      momentum: Fraction of the running statistics that a step keeps, in [0, 1).
      epsilon: Added to the variance, above 0.

    Shapes: ``x`` and ``y`` are ``(batch, ..., channels)``; ``scale``, ``shift``, ``mean`` and ``var`` ``(channels,)``.
    Variances are divided by n, not n - 1.

    Raises:
      SpecError: A number is out of its range.

    Reference: Ioffe and Szegedy 2015, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
    Covariate Shift".
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    statistics: ClassVar[tuple[str, ...]] = ("mean", "var")

    def __post_init__(self) -> None:
        require_number(self, "momentum")
        require_number(self, "epsilon")
        if not 0 <= self.momentum < 1 or not self.epsilon > 0:
            raise SpecError(f"momentum is in [0, 1) and epsilon above 0; got {self.momentum} and {self.epsilon}.")

    def param_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {name: (input_shape[-1],) for name in ("scale", "shift", "mean", "var")}

    def init(self, key: Array, input_shape: Shape) -> Params:
        start = {"scale": jnp.ones, "shift": jnp.zeros, "mean": jnp.zeros, "var": jnp.ones}
        return {name: start[name](shape, jnp.float32) for name, shape in self.param_shapes(input_shape).items()}

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``y = z * scale + shift``."""
        if key is None:
            batch: tuple[Array, ...] = ()
            mean, var = lax.stop_gradient((params["mean"], params["var"]))
        else:
            axes = tuple(range(x.ndim - 1))
            mean = x.mean(axis=axes)
            var = jnp.square(x - _last(mean, x)).mean(axis=axes)
            batch = (mean, var)
        inverse = lax.rsqrt(var + self.epsilon)
        z = (x - _last(mean, x)) * _last(inverse, x)
        return z * _last(params["scale"], x) + _last(params["shift"], x), (z, inverse, params["scale"], batch)

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx = (dz - mean(dz) - z mean(dz z)) / sqrt(var + epsilon)``, ``dz = dy * scale``.

        The means run over all axes but the last: the paths through the batch's mean and variance. In evaluation mode
        these are constants, and ``dx = dz / sqrt(var + epsilon)``.
        """
        z, inverse, scale, batch = residuals
        axes = tuple(range(dy.ndim - 1))
        dz = dy * _last(scale, dy)
        if batch:
            dz = dz - dz.mean(axis=axes, keepdims=True) - z * (dz * z).mean(axis=axes, keepdims=True)
        zero = jnp.zeros_like(scale)
        dparams = {"scale": (dy * z).sum(axis=axes), "shift": dy.sum(axis=axes), "mean": zero, "var": zero}
        return dparams, dz * _last(inverse, dy)

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        return (x - params["mean"]) / np.sqrt(params["var"] + self.epsilon) * params["scale"] + params["shift"]

    def update_statistics(self, params: Params, residuals: Residuals) -> Params:
        """``momentum * running + (1 - momentum) * batch``, in training mode."""
        *_, batch = residuals
        return {
            name: self.momentum * params[name] + (1 - self.momentum) * value
            for name, value in zip(self.statistics if batch else (), batch, strict=True)
        }

    @classmethod
    def examples(cls) -> tuple[tuple[BatchNorm, Shape], ...]:
        return (cls(), (3, 4, 2)), (cls(0.7, 1e-2), (4,))


def _last(channels: Array, x: Array) -> Array:
    """``(channels,)`` along the last axis of ``x``, with as many axes."""
    return channels.reshape((1,) * (x.ndim - 1) + channels.shape)
