"""What a network is: frozen descriptions of layers, and the sequence they form.

A spec prints, compares, hashes (so it can be a static argument of ``jax.jit``) and saves as JSON.
It knows every shape and holds no numbers: initialization, training, NumPy inference and the exports all
read the same spec. Images are NHWC, kernels HWIO, dense weights ``(in, units)``; shapes here leave out the batch.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.frozen import frozen

Shape = tuple[int, ...]
Pair = Any  # given as one integer or two (vertical, horizontal); always read as two


class SpecError(InputError):
    """A description that no network can have: what was found and what to do instead."""


@frozen
class Layer:
    """Base of all layers: by default the shape stays and there is nothing to learn."""

    #: Parameters that are observed during training and not descended on (running statistics).
    statistics: ClassVar[tuple[str, ...]] = ()

    def output_shape(self, input_shape: Shape) -> Shape:
        """Shape of one output, without the batch. Raises ``SpecError`` where the layer cannot take the input."""
        return input_shape

    def param_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Name and shape of each parameter."""
        return {}


@frozen
class Dense(Layer):
    """Every output sees every input: ``y = x @ w + b``."""

    units: int
    init: str = "glorot_uniform"

    def __post_init__(self):
        _require_count(self, "units")
        _require_initializer(self.init)

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise SpecError(f"Dense takes flat features; got {input_shape}. Put Flatten() before it.")
        return (self.units,)

    def param_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"w": (input_shape[0], self.units), "b": (self.units,)}


@frozen
class Conv2D(Layer):
    """Cross-correlation, which deep learning calls convolution: the kernel slides unflipped.

    ``padding`` is ``"VALID"`` (none) or ``"SAME"`` (``ceil(size / stride)`` outputs; an odd amount of padding
    puts the extra row at the bottom and the extra column at the right, as TensorFlow and JAX do).
    """

    filters: int
    kernel_size: Pair
    stride: Pair = 1
    padding: str = "VALID"
    init: str = "glorot_uniform"

    def __post_init__(self):
        _require_count(self, "filters")
        _set_pair(self, "kernel_size")
        _set_pair(self, "stride")
        if self.padding not in ("VALID", "SAME"):
            raise SpecError(f'padding is "VALID" or "SAME"; got {self.padding!r}.')
        _require_initializer(self.init)

    def pads(self, size: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows of zeros before and after, then columns, for an image of ``size = (height, width)``."""
        if self.padding == "VALID":
            return (0, 0), (0, 0)
        totals = [
            max((math.ceil(n / step) - 1) * step + k - n, 0)
            for n, k, step in zip(size, self.kernel_size, self.stride, strict=True)
        ]
        rows, columns = ((total // 2, total - total // 2) for total in totals)
        return rows, columns

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, _ = _image_shape(self, input_shape)
        padded = [n + sum(pad) for n, pad in zip((height, width), self.pads((height, width)), strict=True)]
        return (*_window_counts(self, "kernel_size", padded), self.filters)

    def param_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"w": (*self.kernel_size, input_shape[2], self.filters), "b": (self.filters,)}


@frozen
class _Pool(Layer):
    """Windows of ``window`` pixels, ``stride`` apart (by default side by side); what is left over is dropped."""

    window: Pair = 2
    stride: Pair | None = None

    def __post_init__(self):
        _set_pair(self, "window")
        if self.stride is None:
            object.__setattr__(self, "stride", self.window)
        _set_pair(self, "stride")

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = _image_shape(self, input_shape)
        return (*_window_counts(self, "window", (height, width)), channels)


@frozen
class MaxPool2D(_Pool):
    """The largest value of each window; on a tie, the first in reading order."""


@frozen
class AvgPool2D(_Pool):
    """The mean of each window."""


@frozen
class GlobalAvgPool2D(Layer):
    """The mean of each channel over the whole image."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (_image_shape(self, input_shape)[2],)


@frozen
class Flatten(Layer):
    """An image as one row of features, channels varying fastest."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)


@frozen
class ReLU(Layer):
    """``max(0, x)``; its derivative at 0 is 0."""


@frozen
class LeakyReLU(Layer):
    """``x`` above zero, ``slope * x`` elsewhere; its derivative at 0 is ``slope``."""

    slope: float = 0.1

    def __post_init__(self):
        _require_number(self, "slope")


@frozen
class Sigmoid(Layer):
    """``1 / (1 + exp(-x))``."""


@frozen
class Tanh(Layer):
    """Hyperbolic tangent."""


@frozen
class Softmax(Layer):
    """Scores as probabilities over the last axis. The losses want logits: leave it out when training on them."""


@frozen
class Dropout(Layer):
    """In training, zeroes the fraction ``drop_rate`` of its inputs and divides the others by ``1 - drop_rate``."""

    drop_rate: float

    def __post_init__(self):
        _require_number(self, "drop_rate")
        if not 0 <= self.drop_rate < 1:
            raise SpecError(f"drop_rate is the fraction dropped, at least 0 and below 1; got {self.drop_rate}.")


@frozen
class BatchNorm(Layer):
    """Each channel (last axis) brought to mean 0 and variance 1, then scaled and shifted.

    In training by the batch's own statistics, otherwise by running ones, which keep the fraction
    ``momentum`` of their value at every step. Variances are divided by n, not n - 1.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    statistics: ClassVar[tuple[str, ...]] = ("mean", "var")

    def __post_init__(self):
        _require_number(self, "momentum")
        _require_number(self, "epsilon")
        if not 0 <= self.momentum < 1 or not self.epsilon > 0:
            raise SpecError(f"momentum is in [0, 1) and epsilon above 0; got {self.momentum} and {self.epsilon}.")

    def param_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {name: (input_shape[-1],) for name in ("scale", "shift", "mean", "var")}


#: Name in a saved spec -> the class. Every table of rules has exactly these keys.
LAYER_TYPES: dict[str, type[Layer]] = {
    cls.__name__: cls
    for cls in (
        Dense, Conv2D, MaxPool2D, AvgPool2D, GlobalAvgPool2D, Flatten,
        ReLU, LeakyReLU, Sigmoid, Tanh, Softmax, Dropout, BatchNorm,
    )
}  # fmt: skip


@frozen
class ModelSpec:
    """A sequence of layers that fits together, from an input shape to one score per class.

    ``input_shape`` leaves out the batch, e.g. ``(28, 28, 1)``. ``classes`` are the names of the outputs in
    order, or ``()`` where outputs have no names. A composition that cannot work is refused on construction.
    """

    layers: tuple[Layer, ...]
    input_shape: Shape
    classes: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("input_shape", "layers", "classes"):
            value = getattr(self, name)
            if not isinstance(value, tuple | list):
                raise SpecError(f"{name} is a tuple; got {value!r}.")
            object.__setattr__(self, name, tuple(value))
        if not self.input_shape or not all(_is_count(n) for n in self.input_shape):
            raise SpecError(f"input_shape holds positive integers, without the batch; got {self.input_shape}.")
        for index, layer in enumerate(self.layers):
            if type(layer) not in LAYER_TYPES.values():
                raise SpecError(f"layers[{index}] is {layer!r}; layers are {', '.join(LAYER_TYPES)}.")
        if not all(isinstance(name, str) for name in self.classes):
            raise SpecError(f"classes holds names; got {self.classes}.")
        if len(set(self.classes)) != len(self.classes):
            repeated = sorted(name for name, count in Counter(self.classes).items() if count > 1)
            raise SpecError(f"class names differ from each other; {', '.join(repeated[:5])} came more than once.")
        outputs = self.output_shape
        if self.classes and outputs != (len(self.classes),):
            place = f"layers[{len(self.layers) - 1}] ({self.layers[-1]})" if self.layers else "the empty network"
            raise SpecError(f"{place} gives outputs of shape {outputs}, but there are {len(self.classes)} class names.")

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape before the first layer, between each two, and after the last."""
        shapes = [self.input_shape]
        for index, layer in enumerate(self.layers):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except SpecError as error:
                raise SpecError(f"layers[{index}]: {error}") from None
        return tuple(shapes)

    @property
    def output_shape(self) -> Shape:
        return self.shapes[-1]

    @property
    def param_shapes(self) -> tuple[dict[str, Shape], ...]:
        """For each layer, name and shape of each parameter."""
        return tuple(layer.param_shapes(shape) for layer, shape in zip(self.layers, self.shapes[:-1], strict=True))

    @property
    def param_count(self) -> int:
        return sum(math.prod(shape) for shapes in self.param_shapes for shape in shapes.values())

    @property
    def ends_in_softmax(self) -> bool:
        """Whether the outputs are probabilities as they are."""
        return bool(self.layers) and isinstance(self.layers[-1], Softmax)

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON types; ``from_dict`` reads it back."""
        layers = [
            {"type": type(layer).__name__} | {f.name: getattr(layer, f.name) for f in fields(layer)}
            for layer in self.layers
        ]
        return {"input_shape": list(self.input_shape), "layers": layers, "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelSpec:
        """Read what ``to_dict`` wrote. Raises ``SpecError`` at anything else."""
        if not isinstance(data, Mapping) or not {"input_shape", "layers"} <= set(data) <= {f.name for f in fields(cls)}:
            raise SpecError('a spec is {"input_shape": [...], "layers": [...], "classes": [...]}.')
        for name, value in data.items():
            if not isinstance(value, list | tuple):
                raise SpecError(f"{name} is a list; got {value!r}.")
        layers = tuple(_layer_from_dict(index, entry) for index, entry in enumerate(data["layers"]))
        return cls(layers, data["input_shape"], data.get("classes", ()))

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        try:
            data = json.loads(text, object_pairs_hook=_unique)
        except SpecError:
            raise
        except (ValueError, RecursionError) as error:
            raise SpecError(f"a spec is JSON; {error}.") from None
        return cls.from_dict(data)

    def summary(self) -> str:
        """A table of layers, output shapes and parameter counts, in the manner of Keras."""
        seen: dict[str, int] = {}
        rows = []
        for layer, shape, params in zip(self.layers, self.shapes[1:], self.param_shapes, strict=True):
            kind = type(layer).__name__
            seen[kind] = seen.get(kind, 0) + 1
            name = _snake_case(kind) + (f"_{seen[kind] - 1}" if seen[kind] > 1 else "")
            count = sum(math.prod(p) for p in params.values())
            rows.append((f"{name} ({kind})", f"({', '.join(map(str, (None, *shape)))})", f"{count:,}"))
        observed = sum(
            math.prod(params[name])
            for layer, params in zip(self.layers, self.param_shapes, strict=True)
            for name in layer.statistics
        )
        totals = {
            "Total": self.param_count,
            "Trainable": self.param_count - observed,
            "Non-trainable": observed,
        }
        lines = _table(("Layer (type)", "Output Shape", "Param #"), rows)
        lines += [f"{name} params: {count:,} ({_bytes(4 * count)})" for name, count in totals.items()]
        return "\n".join(lines)


def _layer_from_dict(index: int, entry: Any) -> Layer:
    place = f"layers[{index}]"
    if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
        raise SpecError(f'{place} is {{"type": ..., ...}}; got {entry!r}.')
    cls = LAYER_TYPES.get(entry["type"])
    if cls is None:
        raise SpecError(f"{place} has type {entry['type']!r}; known are {', '.join(LAYER_TYPES)}.")
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items() if k != "type"}
    try:
        return cls(**arguments)
    except (TypeError, SpecError) as error:
        raise SpecError(f"{place} ({entry['type']}): {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key that comes twice would hide what the first one said."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise SpecError(f"a spec has each key once; {[key for key, _ in pairs]} came together.")
    return found


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _require_count(layer: Layer, name: str) -> None:
    value = getattr(layer, name)
    if not _is_count(value):
        raise SpecError(f"{name} of {type(layer).__name__} is a positive integer; got {value!r}.")


def _require_number(layer: Layer, name: str) -> None:
    value = getattr(layer, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise SpecError(f"{name} of {type(layer).__name__} is a finite number; got {value!r}.")
    object.__setattr__(layer, name, float(value))


def _set_pair(layer: Layer, name: str) -> None:
    """One number stands for both directions; kept as (vertical, horizontal) so that equal layers compare equal."""
    value = getattr(layer, name)
    pair = (value, value) if isinstance(value, int) else value
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(_is_count(n) for n in pair):
        raise SpecError(f"{name} of {type(layer).__name__} is a positive integer or two; got {value!r}.")
    object.__setattr__(layer, name, tuple(pair))


_NORMAL = re.compile(r"normal\((\d+(?:\.\d*)?(?:e-?\d+)?)\)")


def normal_stddev(init: str) -> float | None:
    """The standard deviation in ``"normal(0.001)"``, or ``None`` for another initializer."""
    match = _NORMAL.fullmatch(init)
    return float(match[1]) if match and math.isfinite(float(match[1])) else None


def _require_initializer(init: str) -> None:
    known = ("glorot_uniform", "he_normal")
    if not isinstance(init, str) or (init not in known and normal_stddev(init) is None):
        raise SpecError(f'init is {", ".join(known)} or "normal(STDDEV)"; got {init!r}.')


def _image_shape(layer: Layer, input_shape: Shape) -> Shape:
    if len(input_shape) != 3:
        raise SpecError(f"{type(layer).__name__} takes images (height, width, channels); got {input_shape}.")
    return input_shape


def _window_counts(layer: Any, name: str, size: Iterable[int]) -> Shape:
    window, size = getattr(layer, name), tuple(size)
    if any(k > n for k, n in zip(window, size, strict=True)):
        raise SpecError(f"{type(layer).__name__} with {name} {window} is larger than its {size[0]}x{size[1]} image.")
    return tuple((n - k) // step + 1 for n, k, step in zip(size, window, layer.stride, strict=True))


def _snake_case(name: str) -> str:
    """``MaxPool2D`` -> ``max_pool2d``, ``ReLU`` -> ``re_lu``, as Keras names its layers."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-zA-Z])", "_", name).lower()


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [
        "  ".join(
            cell.rjust(w) if i == len(row) - 1 else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (header, *rows)
    ]
    rule = "-" * len(lines[0])
    return [lines[0], rule, *lines[1:], rule]


def _bytes(count: int) -> str:
    size, units = float(count), ["B", "KB", "MB", "GB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.2f} {units[0]}"
