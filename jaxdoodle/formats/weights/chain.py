"""A network that is put together layer by layer, out of what another program says of it.

Shapes are without the batch and have the channels last. Constants added to and multiplied with the input, or with what
a layer gives, are taken into the preprocessing or the layer before; groups and dilations of convolutions become zeros
in larger kernels.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray, Shape

Pads = tuple[tuple[int, int], tuple[int, int]]
NO_PADS: Pads = ((0, 0), (0, 0))
#: Below every number that a float32 network computes: what a maximum never takes.
LOWEST = -3.0e38
#: Layers of a network, and numbers in one kernel.
MAX_LAYERS, MAX_KERNEL = 500, 1 << 24


class Chain:
    """Layers and their parameters, and what is done to the input before the first.

    Attributes:
      input_shape: Of the first layer's input.
      shape: Of the last layer's output.
      layers: In order.
      params: One dict per layer.
      scale: The first layer gets ``scale * input + offset``.
      offset: See ``scale``.
    """

    def __init__(self, input_shape: Shape):
        self.input_shape = self.shape = tuple(input_shape)
        self.layers: list[nn.Layer] = []
        self.params: list[dict[str, NDArray[Any]]] = []
        self.scale, self.offset = 1.0, 0.0
        if not all(n > 0 for n in self.shape) or math.prod(self.shape) > 1 << 22:
            raise InputError(f"takes inputs of shape {self.shape}.")

    def add(self, layer: nn.Layer, **params: NDArray[Any]) -> None:
        """Append a layer. Raises ``InputError`` where it does not fit."""
        if len(self.layers) >= MAX_LAYERS:
            raise InputError(f"has more than {MAX_LAYERS} layers.")
        arrays = {name: np.asarray(value, np.float32) for name, value in params.items()}
        shape = layer.output_shape(self.shape)
        expected = layer.param_shapes(self.shape)
        if (found := {name: value.shape for name, value in arrays.items()}) != expected:
            raise InputError(f"{layer} has weights of shapes {found}; expected {expected}.")
        self.layers.append(layer)
        self.params.append(arrays)
        self.shape = shape

    def affine(self, scale: Any, offset: Any) -> None:
        """``scale * x + offset``; each a number, or one per channel."""
        channels = self.shape[-1]
        scale, offset = (np.broadcast_to(np.asarray(v, np.float64).reshape(-1), channels) for v in (scale, offset))
        same = np.ptp(scale) == np.ptp(offset) == 0
        last = self.layers[-1] if self.layers else None
        if last is None and same:
            self.scale, self.offset = self.scale * float(scale[0]), self.offset * float(scale[0]) + float(offset[0])
        elif isinstance(last, nn.Dense | nn.Conv2D):
            p = self.params[-1]
            w, b = p["w"] * scale.astype(np.float32), p["b"] * scale + offset
            self.params[-1] = {"w": w, "b": b.astype(np.float32)}
        elif isinstance(last, nn.BatchNorm):
            p = self.params[-1]
            for name, value in (("scale", p["scale"] * scale), ("shift", p["shift"] * scale + offset)):
                p[name] = value.astype(np.float32)
        else:
            layer = nn.BatchNorm()
            var = np.full(channels, 1 - layer.epsilon)
            self.add(layer, scale=scale, shift=offset, mean=np.zeros(channels), var=var)

    def batch_norm(self, scale: Any, shift: Any, mean: Any, var: Any, epsilon: float) -> None:
        """Batch normalization over the channels; ``None`` for a scale of 1 or a shift of 0."""
        channels = self.shape[-1]
        scale = np.ones(channels) if scale is None else scale
        shift = np.zeros(channels) if shift is None else shift
        self.add(nn.BatchNorm(epsilon=epsilon), scale=scale, shift=shift, mean=mean, var=var)

    def conv(
        self, w: Any, b: Any, stride: Any = 1, pads: Pads | str = NO_PADS, dilation: Any = (1, 1), groups: int = 1
    ) -> None:
        """A convolution; ``w`` is (height, width, inputs of a group, filters), ``pads`` may be "SAME" or "VALID"."""
        w = _ungrouped(_dilated(np.asarray(w, np.float32), tuple(dilation)), groups)
        filters = w.shape[-1]
        layer = nn.Conv2D(filters, w.shape[:2], stride=stride, padding="SAME" if pads == "SAME" else "VALID")
        if isinstance(pads, tuple) and pads != NO_PADS:
            same = replace(layer, padding="SAME")
            if len(self.shape) == 3 and same.pads(self.shape[:2]) == pads:
                layer = same
            else:
                self.add(nn.Pad2D(pads))
        self.add(layer, w=w, b=np.zeros(filters) if b is None else np.asarray(b).reshape(-1))

    def dense(self, w: Any, b: Any) -> None:
        """A dense layer, on flat features or on each pixel; ``w`` is (inputs, outputs)."""
        w = np.asarray(w, np.float32)
        if len(self.shape) == 3:
            return self.conv(w[None, None], b)
        self.add(nn.Dense(w.shape[1]), w=w, b=np.zeros(w.shape[1]) if b is None else np.asarray(b).reshape(-1))

    def max_pool(self, window: Any, stride: Any, pads: Pads | str = NO_PADS) -> None:
        """Maximum over windows; padding never wins."""
        self._pad_for(nn.MaxPool2D(window, stride), pads, LOWEST)

    def average_pool(self, window: Any, stride: Any, pads: Pads | str = NO_PADS, counts_padding: bool = True) -> None:
        """Mean over windows. Raises ``InputError`` where padding is left out of the mean."""
        layer = nn.AvgPool2D(window, stride)
        if not counts_padding and _pads_of(layer, pads, self.shape) != NO_PADS:
            raise InputError("has an average pool that leaves the padding out of the mean, which no layer does here.")
        self._pad_for(layer, pads, 0.0)

    def _pad_for(self, layer: Any, pads: Pads | str, value: float) -> None:
        if (pads := _pads_of(layer, pads, self.shape)) != NO_PADS:
            self.add(nn.Pad2D(pads, value))
        self.add(layer)

    def flatten(self) -> None:
        """The image as features, channels fastest; nothing where it is flat."""
        if len(self.shape) > 1:
            self.add(nn.Flatten())

    def as_image(self, shape: Shape) -> None:
        """Take the input as an image of this shape, before any layer."""
        if self.layers or math.prod(shape) != math.prod(self.input_shape):
            raise InputError(f"reshapes {self.shape} to {shape} between layers.")
        self.input_shape = self.shape = tuple(shape)


def _pads_of(layer: Any, pads: Pads | str, shape: Shape) -> Pads:
    """Explicit padding of a pool."""
    if isinstance(pads, tuple):
        return pads
    if pads == "VALID" or len(shape) != 3:
        return NO_PADS
    return nn.Conv2D(1, layer.window, layer.stride, padding="SAME").pads(shape[:2])  # type: ignore[return-value]


def _dilated(w: NDArray[Any], dilation: tuple[int, ...]) -> NDArray[Any]:
    """The kernel with zeros between its numbers."""
    if w.ndim != 4 or dilation == (1, 1):
        return w
    height, width = ((n - 1) * step + 1 for n, step in zip(w.shape[:2], dilation, strict=True))
    if height * width * w.shape[2] * w.shape[3] > MAX_KERNEL:
        raise InputError(f"has a kernel of {height}x{width}.")
    larger = np.zeros((height, width, *w.shape[2:]), np.float32)
    larger[:: dilation[0], :: dilation[1]] = w
    return larger


def _ungrouped(w: NDArray[Any], groups: int) -> NDArray[Any]:
    """One kernel for all groups, with zeros between channels of different groups."""
    if w.ndim != 4 or groups == 1:
        return w
    height, width, inputs, filters = w.shape
    if groups < 1 or filters % groups or height * width * inputs * groups * filters > MAX_KERNEL:
        raise InputError(f"has a convolution of {filters} filters in {groups} groups.")
    full, each = np.zeros((height, width, inputs * groups, filters), np.float32), filters // groups
    for g in range(groups):
        full[:, :, g * inputs : (g + 1) * inputs, g * each : (g + 1) * each] = w[..., g * each : (g + 1) * each]
    return full
