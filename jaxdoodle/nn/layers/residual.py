"""Residual: a block of layers whose input is added to its output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jaxdoodle.core.lazy import jax
from jaxdoodle.core.types import Array, NDArray, Params, Residuals, Shape
from jaxdoodle.nn.base import Layer, LayerLike, SpecError, layer
from jaxdoodle.nn.layers.activations import Tanh
from jaxdoodle.nn.layers.batchnorm import BatchNorm
from jaxdoodle.nn.layers.conv2d import Conv2D
from jaxdoodle.nn.layers.dense import Dense


@layer
class Residual(Layer):
    """``y = x + f(x)``, where f is a sequence of layers that keeps the shape.

    The parameters stay one flat dict: ``"0.w"`` is the ``w`` of the first layer.

    Args:
      layers: The layers of f, a tuple or list.

    Raises:
      SpecError: ``layers`` holds something else, or f changes the shape.

    Reference: He et al. 2016, "Deep Residual Learning for Image Recognition".
    """

    layers: tuple[LayerLike, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.layers, tuple | list) or not all(isinstance(each, Layer) for each in self.layers):
            raise SpecError(f"layers of Residual is a tuple of layers; got {self.layers!r}.")
        object.__setattr__(self, "layers", tuple(self.layers))

    @property
    def statistics(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the parameters without a gradient in all layers of f."""
        return tuple(f"{index}.{name}" for index, each in enumerate(self._layers) for name in each.statistics)

    def output_shape(self, input_shape: Shape) -> Shape:
        *_, (_, _, after) = [(None, None, input_shape), *self.inner(input_shape)]
        if after != input_shape:
            raise SpecError(f"Residual adds its input {input_shape} to outputs of the same shape; got {after}.")
        return input_shape

    def inner(self, input_shape: Shape) -> Iterator[tuple[Layer, Shape, Shape]]:
        """Each layer of f with the shape of its input and of its output."""
        shape = input_shape
        for each in self._layers:
            before, shape = shape, each.output_shape(shape)
            yield each, before, shape

    def param_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return _join([each.param_shapes(before) for each, before, _ in self.inner(input_shape)])

    def init(self, key: Array, input_shape: Shape) -> Params:
        keys = [jax.random.fold_in(key, index) for index in range(len(self.layers))]
        return _join([each.init(k, before) for k, (each, before, _) in zip(keys, self.inner(input_shape), strict=True)])

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``x + f(x)``."""
        y, residuals = x, []
        for index, (each, own) in enumerate(zip(self._layers, self._split(params), strict=True)):
            y, kept = each.forward(own, y, key=None if key is None else jax.random.fold_in(key, index))
            residuals.append(kept)
        return x + y, residuals

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dx = dy + f.backward(dy)``: the gradient takes both paths."""
        dx, grads = dy, []
        for each, kept in zip(reversed(self._layers), reversed(residuals), strict=True):
            dparams, dx = each.backward(kept, dx)
            grads.append(dparams)
        return _join(grads[::-1]), dy + dx

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        y = x
        for each, own in zip(self._layers, self._split(params), strict=True):
            y = each.numpy_forward(own, y)
        return x + y

    def update_statistics(self, params: Params, residuals: Residuals) -> Params:
        pairs = zip(self._layers, self._split(params), residuals, strict=True)
        return _join([each.update_statistics(own, kept) for each, own, kept in pairs])

    @classmethod
    def examples(cls) -> tuple[tuple[Residual, Shape], ...]:
        return (
            (cls((Dense(6), Tanh(), cls((Dense(6),)))), (6,)),
            (cls((BatchNorm(), Conv2D(2, 3, padding="SAME"))), (4, 5, 2)),
        )

    @property
    def _layers(self) -> tuple[Layer, ...]:
        return self.layers  # type: ignore[return-value]

    def _split(self, params: Any) -> list[dict[str, Any]]:
        """The flat dict as one dict per layer."""
        split: list[dict[str, Any]] = [{} for _ in self.layers]
        for name, value in params.items():
            index, _, rest = name.partition(".")
            split[int(index)][rest] = value
        return split


def _join(dicts: list[Any]) -> dict[str, Any]:
    return {f"{index}.{name}": value for index, each in enumerate(dicts) for name, value in each.items()}
