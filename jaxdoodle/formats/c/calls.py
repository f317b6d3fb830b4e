"""Which C function computes which layer, in which buffers: numbers as float, or levels of the next quantized layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.types import NDArray, Shape
from jaxdoodle.formats.fold import InferenceLayer, Int8

#: Layers that give levels from levels of the same scale.
KEEP_LEVELS = (nn.ReLU, nn.MaxPool2D, nn.Flatten)
#: The buffers of numbers and of levels; a function reads one and writes the other.
FLOATS, LEVELS = ("a", "b"), ("p", "q")


class Kernel(NamedTuple):
    """The C function of a layer.

    Args:
      name: Of the function and of its section in network.c, which has ``name_int8`` too for layers that take levels; ""
        where nothing is to be computed.
      arguments: Those between the input and the stored arrays.
      in_place: Whether it changes its input instead of writing beside it.
    """

    name: str
    arguments: tuple[int | str, ...] = ()
    in_place: bool = True


class Plan:
    """How a network computes: ``first``, the buffer that takes the image, and ``levels`` of it, the C statements, the
    sections and constants that these use, and how many values each buffer holds."""

    def __init__(self, layers: Sequence[InferenceLayer], pixels: int) -> None:
        self.sizes: dict[str, int] = {}
        self.arrays: dict[str, NDArray[Any]] = {}
        self.sections: dict[str, None] = {}
        self.calls: list[str] = []
        self.levels = _consumer(layers)
        self.first = self._x = self._buffer(LEVELS if self.levels else FLOATS, pixels)
        for index, folded in enumerate(layers):
            self._add(index, folded, layers[index + 1 :])
        if self._x != "logits":
            self.calls += ["for (int i = 0; i < MODEL_CLASSES; i++)", f"    logits[i] = {self._x}[i];"]

    def _buffer(self, pair: tuple[str, str], size: int) -> str:
        name = pair[1] if getattr(self, "_x", "") == f"work->{pair[0]}" else pair[0]
        self.sizes[name] = max(size, self.sizes.get(name, 0))
        return f"work->{name}"

    def _call(self, name: str, *arguments: object) -> None:
        self.sections[name] = None
        self.calls.append(f"{name}({', '.join(map(str, arguments))});")

    def _output(self, folded: InferenceLayer, later: Sequence[InferenceLayer]) -> str:
        """Where a function that does not work in place writes numbers: the last one straight to the logits."""
        if all(not after.int8 and kernel_of(after).in_place for after in later):
            return "logits"
        return self._buffer(FLOATS, math.prod(folded.output_shape))

    def _add(self, index: int, folded: InferenceLayer, later: Sequence[InferenceLayer]) -> None:
        name, arguments, in_place = kernel_of(folded)
        if not name:
            return
        if folded.int8:
            self._add_int8(index, folded, later)
        elif self._x in ("work->p", "work->q"):
            if name == "max_pool":
                y = self._buffer(LEVELS, math.prod(folded.output_shape))
                self._call("max_pool_int8", self._x, *arguments, y)
                self._x = y  # ReLU: none of the levels is below 0
        else:
            stored = [self._constant(f"{key}{index}", folded.params[key]) for key in PARAMS if key in folded.params]
            y = self._x if in_place else self._output(folded, later)
            self._call(name, self._x, *arguments, *stored, *([] if in_place else [y]))
            self._x = y

    def _add_int8(self, index: int, folded: InferenceLayer, later: Sequence[InferenceLayer]) -> None:
        q, name, after = folded.int8, kernel_of(folded), _consumer(later)
        assert q
        if self._x not in ("work->p", "work->q"):
            size = math.prod(folded.input_shape)
            levels = self._buffer(LEVELS, size)
            self._call("to_levels", self._x, size, number(q.x_scale), *map(number, (q.x_low, q.x_high)), levels)
            self._x = levels
        unit = np.float32(after.x_scale if after else 1)
        stored = {
            "w": np.moveaxis(q.w, -1, 0),
            "scale": q.w_scale * np.float32(q.x_scale) / unit,
            "b": folded.params["b"] / unit,
        }
        constants = [self._constant(f"{key}{index}", value) for key, value in stored.items()]
        if after:
            y = self._buffer(LEVELS, math.prod(folded.output_shape))
            output = [0, number(after.x_low), number(after.x_high), y]
        else:
            y = self._output(folded, later)
            output = [y, "0.0f", "0.0f", 0]
        self._call(f"{name.name}_int8", self._x, *name.arguments, *constants, *output)
        self._x = y

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self.arrays[name] = value
        return name


def _consumer(layers: Sequence[InferenceLayer]) -> Int8 | None:
    """How the first quantized layer takes its input, if what comes before it gives levels from levels."""
    for folded in layers:
        if folded.int8:
            return folded.int8
        if not isinstance(folded.layer, KEEP_LEVELS):
            break
    return None


#: The parameters of a layer, in the order in which its function takes them.
PARAMS = ("w", "b", "scale", "shift")


def number(value: float) -> str:
    """A C constant of type float; there are no literals for what is not finite."""
    with np.errstate(over="ignore"):
        single = np.float32(value)
    if not np.isfinite(single):
        return "NAN" if np.isnan(single) else "INFINITY" if single > 0 else "-INFINITY"
    return f"{single!s}f"


def kernel_of(folded: InferenceLayer) -> Kernel:
    """``kernel`` of a layer with its shapes."""
    return kernel(folded.layer, folded.input_shape, folded.output_shape)


@singledispatch
def kernel(layer: nn.Layer, before: Shape, after: Shape) -> Kernel:
    """The C function of a layer whose input has the shape ``before`` and whose output ``after``."""
    raise NotImplementedError(f"there is no C function for {type(layer).__name__}.")


@kernel.register
def _dense(layer: nn.Dense, before: Shape, after: Shape) -> Kernel:
    return Kernel("dense", (*before, *after), in_place=False)


@kernel.register
def _conv2d(layer: nn.Conv2D, before: Shape, after: Shape) -> Kernel:
    (top, _), (left, _) = layer.pads(before[:2])
    sizes = (*before, *layer.kernel_size, *layer.stride, top, left, *after)  # type: ignore[misc]
    return Kernel("conv2d", sizes, in_place=False)


@kernel.register
def _pool(layer: nn.MaxPool2D | nn.AvgPool2D, before: Shape, after: Shape) -> Kernel:
    name = "max_pool" if isinstance(layer, nn.MaxPool2D) else "avg_pool"
    return Kernel(name, (*before[1:], *layer.window, *layer.stride, *after[:2]), in_place=False)  # type: ignore[misc]


@kernel.register
def _global_avg_pool(layer: nn.GlobalAvgPool2D, before: Shape, after: Shape) -> Kernel:
    return Kernel("avg_pool", (*before[1:], *before[:2], 1, 1, 1, 1), in_place=False)


@kernel.register
def _flatten(layer: nn.Flatten, before: Shape, after: Shape) -> Kernel:
    return Kernel("")


@kernel.register
def _activation(layer: nn.ReLU | nn.Sigmoid | nn.Tanh, before: Shape, after: Shape) -> Kernel:
    names = {nn.ReLU: "relu", nn.Sigmoid: "sigmoid", nn.Tanh: "hyperbolic_tangent"}
    return Kernel(names[type(layer)], (math.prod(before),))


@kernel.register
def _leaky_relu(layer: nn.LeakyReLU, before: Shape, after: Shape) -> Kernel:
    return Kernel("leaky_relu", (math.prod(before), number(layer.slope)))


@kernel.register
def _clip(layer: nn.Clip, before: Shape, after: Shape) -> Kernel:
    return Kernel("clip", (math.prod(before), number(layer.low), number(layer.high)))


@kernel.register
def _pad2d(layer: nn.Pad2D, before: Shape, after: Shape) -> Kernel:
    (top, _), (left, _) = layer.pads
    return Kernel("pad2d", (*before, top, left, *after[:2], number(layer.value)), in_place=False)


@kernel.register
def _by_channel(layer: nn.Softmax | nn.BatchNorm, before: Shape, after: Shape) -> Kernel:
    name = "softmax" if isinstance(layer, nn.Softmax) else "batch_norm"
    return Kernel(name, (math.prod(before[:-1]), before[-1]))
