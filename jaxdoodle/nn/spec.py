"""What a network is: a sequence of layers that fits together, from an input shape to one score per class.

A spec prints, compares, hashes (so it can be a static argument of ``jax.jit``) and saves as JSON.
It knows every shape and holds no numbers: initialization, training, NumPy inference and the exports all
read the same spec. Images are NHWC, kernels HWIO, dense weights ``(inputs, units)``; shapes here leave out the batch.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from jaxdoodle.core.errors import did_you_mean
from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import Shape
from jaxdoodle.core.validation import is_count, unique_keys
from jaxdoodle.nn import layers as builtin
from jaxdoodle.nn.base import Layer, LayerLike, SpecError

#: Blocks that hold layers may hold such blocks, but no deeper than this.
MAX_DEPTH = 8


@frozen
class ModelSpec:
    """A network: its layers, the shape of its inputs and the names of its outputs.

    >>> ModelSpec((Flatten(), Dense(10)), input_shape=(28, 28, 1)).param_count
    7850

    Args:
      layers: In order; a tuple or list.
      input_shape: Without the batch, e.g. ``(28, 28, 1)``.
      classes: Names of the outputs in order, or ``()`` where they have no names.

    Raises:
      SpecError: The composition cannot work: the message names the layer.
    """

    layers: tuple[Layer, ...]
    input_shape: Shape
    classes: tuple[str, ...] = ()

    if TYPE_CHECKING:

        def __init__(
            self, layers: Sequence[LayerLike], input_shape: Sequence[int], classes: Sequence[str] = ()
        ) -> None: ...

    def __post_init__(self) -> None:
        for name in ("layers", "input_shape", "classes"):
            value = getattr(self, name)
            if not isinstance(value, tuple | list):
                raise SpecError(f"{name} is a tuple; got {value!r}.")
            object.__setattr__(self, name, tuple(value))
        if not self.input_shape or not all(is_count(n) for n in self.input_shape):
            raise SpecError(f"input_shape holds positive integers, without the batch; got {self.input_shape}.")
        object.__setattr__(self, "input_shape", tuple(map(int, self.input_shape)))
        for index, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise SpecError(f"layers[{index}] is {layer!r}; expected an instance of a class marked @nn.layer.")
            try:
                hash(layer)
            except TypeError:
                fault = f"layers[{index}]: fields hold numbers, names, tuples and layers; got {layer!r}."
                raise SpecError(fault) from None
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
            except ValueError as error:
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
        return bool(self.layers) and type(self.layers[-1]) is builtin.Softmax

    @property
    def layer_classes(self) -> set[type]:
        """The classes of the layers, and of those that blocks hold."""

        def of(layers: Sequence[Any]) -> set[type]:
            held = [value for layer in layers for value in vars(layer).values() if isinstance(value, tuple)]
            inner = [one for value in held for one in value if isinstance(one, Layer)]
            return {type(layer) for layer in layers} | (of(inner) if inner else set())

        return of(self.layers)

    def walk(self) -> Iterator[tuple[Layer, Shape, Shape]]:
        """Every layer with the shapes of its input and output; of a block that holds layers, these instead of it."""
        stack = [zip(self.layers, self.shapes[:-1], self.shapes[1:], strict=True)]
        while stack:
            for layer, before, after in stack[-1]:
                if hasattr(layer, "inner"):
                    stack.append(layer.inner(before))
                    break
                yield layer, before, after
            else:
                stack.pop()

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON types; ``from_dict`` reads it back."""
        return {
            "input_shape": list(self.input_shape),
            "layers": [_to_dict(layer) for layer in self.layers],
            "classes": list(self.classes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], layers: Sequence[type] = ()) -> ModelSpec:
        """Read what ``to_dict`` wrote.

        Args:
          data: JSON types.
          layers: Classes marked ``@nn.layer`` that are known by their names, beside the built-in ones.

        Raises:
          SpecError: It is no spec, or names an unknown layer.
        """
        if not isinstance(data, Mapping) or not {"input_shape", "layers"} <= set(data) <= {f.name for f in fields(cls)}:
            raise SpecError('a spec is {"input_shape": [...], "layers": [...], "classes": [...]}.')
        for name, value in data.items():
            if not isinstance(value, list | tuple):
                raise SpecError(f"{name} is a list; got {value!r}.")
        known = {each.__name__: each for each in layers}
        made = tuple(_from_dict(f"layers[{index}]", entry, known) for index, entry in enumerate(data["layers"]))
        return cls(made, data["input_shape"], data.get("classes", ()))

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str, layers: Sequence[type] = ()) -> ModelSpec:
        """``from_dict`` of a JSON text."""
        try:
            data = json.loads(text, object_pairs_hook=unique_keys)
        except (ValueError, RecursionError) as error:
            raise SpecError(f"a spec is JSON; {error}.") from None
        return cls.from_dict(data, layers)

    def summary(self) -> str:
        """A table of layers, output shapes and parameter counts, in the manner of Keras."""
        header, *rows = self._rows()
        statistics = sum(
            math.prod(params[name])
            for layer, params in zip(self.layers, self.param_shapes, strict=True)
            for name in layer.statistics
        )
        totals = {"Total": self.param_count, "Trainable": self.param_count - statistics, "Non-trainable": statistics}
        lines = _table(header, rows)
        lines += [f"{name} params: {count:,} ({_bytes(4 * count)})" for name, count in totals.items()]
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        yield "Layer (type)", "Output Shape", "Param #"
        seen: Counter[str] = Counter()
        for layer, shape, params in zip(self.layers, self.shapes[1:], self.param_shapes, strict=True):
            kind = type(layer).__name__
            name = _snake_case(kind) + (f"_{seen[kind]}" if seen[kind] else "")
            seen[kind] += 1
            count = sum(math.prod(p) for p in params.values())
            yield f"{name} ({kind})", f"({', '.join(map(str, (None, *shape)))})", f"{count:,}"

    def __repr__(self) -> str:
        classes = f", classes={self.classes!r}" if self.classes else ""
        return f"ModelSpec({self.layers!r}, input_shape={self.input_shape!r}{classes})"

    def _repr_html_(self) -> str:
        rows = ["".join(f"<td>{cell}</td>" for cell in row) for row in self._rows()]  # class names are identifiers
        return f"<table><tr>{'</tr><tr>'.join(rows)}</tr></table><p>{self.param_count:,} parameters</p>"


def _to_dict(value: Any) -> Any:
    """A field of a layer as JSON types; a layer as a dict with its type."""
    if isinstance(value, Layer):
        return {"type": type(value).__name__} | {f.name: _to_dict(getattr(value, f.name)) for f in fields(value)}  # type: ignore[arg-type]
    if isinstance(value, tuple):
        return [_to_dict(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise SpecError(f"fields of a layer hold numbers, names, tuples and layers; got {value!r}.")


def _from_dict(place: str, entry: Any, known: Mapping[str, type], depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise SpecError(f"{place}: blocks are nested more than {MAX_DEPTH} deep.")
    if not isinstance(entry, Mapping) or not isinstance(name := entry.get("type"), str):
        raise SpecError(f'{place} is {{"type": ..., ...}}; got {entry!r}.')
    cls = known.get(name) or (getattr(builtin, name) if name in builtin.__all__ else None)
    if cls is None:
        raise SpecError(
            f"{place} has type {name!r}, which is not built in ({', '.join(builtin.__all__)}); "
            f"its class is given by Model.load(path, layers=[{name if name.isidentifier() else '...'}]) "
            f"or --layers FILE.py{did_you_mean(name, builtin.__all__)}"
        )

    def read(value: Any) -> Any:
        if isinstance(value, Mapping):
            return _from_dict(place, value, known, depth + 1)
        return tuple(map(read, value)) if isinstance(value, list) else value

    arguments = {key: read(value) for key, value in entry.items() if key != "type"}
    try:
        return cls(**arguments)
    except (TypeError, ValueError) as error:
        raise SpecError(f"{place} ({name}): {error}") from None


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
