"""C: one C99 file with the weights, ``predict``, and a ``main`` that reads PGM images. It allocates nothing.

``predict`` works in a ``struct workspace`` of the caller's, so it may run in several threads. Images are bitmaps as
the preprocessing says, uint8 in rows, white ink (255) on black. ``model --self-test`` recomputes the logits of the
reference examples. Compiled with ``-DNO_MAIN`` the file is a library. The functions are those of ``kernels.c``.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.types import NDArray, Shape
from jaxdoodle.formats.fold import InferenceLayer, fold_for_inference
from jaxdoodle.formats.reference_examples import examples_of
from jaxdoodle.inference.model_file import ModelFile, metadata_of

#: The C functions, in sections.
KERNELS = Path(__file__).with_name("kernels.c")
#: Type of an array -> its type in C, and what follows each number.
C_TYPES = {"int8": ("int8_t", ""), "uint8": ("uint8_t", ""), "float32": ("float", "f")}


class Kernel(NamedTuple):
    """The C function of a layer.

    Args:
      name: Of the function and of its section in kernels.c, which has ``name_int8`` too for layers with weights; ""
        where nothing is to be computed.
      arguments: Those between the input and the stored arrays.
      in_place: Whether it changes its input instead of writing beside it.
    """

    name: str
    arguments: tuple[int | str, ...] = ()
    in_place: bool = True


def write(model: ModelFile, path: Path, layers: Sequence[InferenceLayer] | None = None) -> None:
    """Write a model as C source; ``layers`` from ``int8_layers`` computes in 8 bits."""
    layers = fold_for_inference(model) if layers is None else layers
    path.write_text("\n".join(_parts(model, layers)), encoding="ascii")


def _parts(model: ModelFile, layers: Sequence[InferenceLayer]) -> list[str]:
    sections, examples = _sections(), examples_of(model, layers)
    answer = "best"
    if model.abstain_below is not None:
        answer = f"energy < exponential({float(model.abstain_below)!r} - scores[best]) ? -1 : best"
    divisor, mean, std = map(_number, model.preprocessing.scaling)
    pixel = f"(float)image[i] / {divisor}"
    if model.preprocessing.scaling[1:] != (0, 1):
        pixel = f"({pixel} - {mean}) / {std}"
    probability = "scores[i]" if model.spec.ends_in_softmax else "(float)(probabilities[i] / sum)"
    names = ", ".join(map(_string, model.spec.classes))
    height, width, _ = model.preprocessing.image_shape
    floats = max([height * width, *(math.prod(folded.output_shape) for folded in layers)])
    levels = max([0, *(math.prod(folded.input_shape) for folded in layers if folded.int8)])
    return [
        _header(model),
        "#include <stdint.h>\n",
        f"enum {{ HEIGHT = {height}, WIDTH = {width}, CLASSES = {len(model.spec.classes)} }};\n",
        f"#define TEMPERATURE {float(model.temperature)!r}\n",
        f"const char *const class_names[CLASSES] = {{{names}}};\n",
        "struct workspace {",
        f"    float a[{floats}], b[{floats}];",
        *([f"    int16_t levels[{levels}];"] if levels else []),
        "};\n",
        *(_array(f"{name}{i}", values) for i, folded in enumerate(layers) for name, values in _stored(folded).items()),
        *(sections[name] for name in _functions(layers)),
        sections["logits"].replace("PIXEL", pixel).replace("    LAYERS;", "\n".join(_calls(layers))),
        sections["predict"].replace("PROBABILITY", probability).replace("ANSWER", answer),
        "#ifndef NO_MAIN",
        f"enum {{ EXAMPLES = {len(examples.images)} }};",
        f"#define ALLOWED_ERROR {examples.allowed!r}",
        _array("example_images", examples.images),
        _array("example_logits", examples.logits),
        sections["main"] + "#endif\n",
    ]


def _sections() -> dict[str, str]:
    """The sections of kernels.c by name, without what lets the file compile by itself."""
    _, *sections = KERNELS.read_text(encoding="ascii").split("\n/* section: ")
    return {name: source for name, _, source in (section.partition(" */\n") for section in sections)}


def _header(model: ModelFile) -> str:
    """The metadata as JSON in a comment; stars are escaped, so that it neither ends early nor begins another."""
    text = json.dumps(metadata_of(model), indent=1).replace("*", "\\u002a")
    return f"/* A network as plain C. Its spec and the preprocessing of its images:\n\n{text}\n*/\n"


def _string(text: str) -> str:
    """A C string: other than letters, digits, spaces and -_. the UTF-8 bytes are octal escapes."""
    plain = (chr(b) if chr(b).isalnum() and b < 128 or b in b" -_." else f"\\{b:03o}" for b in text.encode("utf-8"))
    return f'"{"".join(plain)}"'


def _number(value: float) -> str:
    return f"{np.float32(value)!s}f"


def _array(name: str, values: NDArray[Any]) -> str:
    flat = np.ravel(values)
    kind, suffix = C_TYPES[flat.dtype.name]
    numbers = f"{suffix}, ".join(flat.astype("U16")) + suffix
    body = textwrap.fill(numbers, 118, initial_indent="    ", subsequent_indent="    ")
    return f"static const {kind} {name}[{len(flat)}] = {{\n{body}\n}};\n"


def _stored(folded: InferenceLayer) -> dict[str, NDArray[Any]]:
    """The arrays of a layer, by name, in the order in which its function takes them."""
    if not folded.int8:
        return {name: folded.params[name] for name in ("w", "b", "scale", "shift") if name in folded.params}
    q = folded.int8
    return {"w": np.moveaxis(q.w, -1, 0), "scale": q.w_scale * np.float32(q.x_scale), "b": folded.params["b"]}


def _kernel(folded: InferenceLayer) -> Kernel:
    return kernel(folded.layer, folded.input_shape, folded.output_shape)


def _functions(layers: Sequence[InferenceLayer]) -> list[str]:
    """The names of those that are called, once each."""
    names = ["exponential"]
    for folded in layers:
        name = _kernel(folded).name
        names += ["to_levels", f"{name}_int8"] if folded.int8 else [name] if name else []
    return list(dict.fromkeys(names))


def _calls(layers: Sequence[InferenceLayer]) -> list[str]:
    """The statements that compute the layers one after the other; x holds the input of the next, y is free."""
    calls, x, y = [], "work->a", "work->b"
    for index, folded in enumerate(layers):
        name, arguments, in_place = _kernel(folded)
        if not name:
            continue
        values = [*map(str, arguments), *(f"{stored}{index}" for stored in _stored(folded))] + [y] * (not in_place)
        if q := folded.int8:
            size = math.prod(folded.input_shape)
            calls.append(f"to_levels({x}, {size}, {_number(q.x_scale)}, {q.x_low}, {q.x_high}, work->levels);")
            calls.append(f"{name}_int8({', '.join(['work->levels', *values])});")
        else:
            calls.append(f"{name}({', '.join([x, *values])});")
        if not in_place:
            x, y = y, x
    calls += ["for (int i = 0; i < CLASSES; i++)", f"    out[i] = {x}[i];"]
    return [f"    {call}" for call in calls]


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
    return Kernel("leaky_relu", (math.prod(before), _number(layer.slope)))


@kernel.register
def _clip(layer: nn.Clip, before: Shape, after: Shape) -> Kernel:
    return Kernel("clip", (math.prod(before), _number(layer.low), _number(layer.high)))


@kernel.register
def _pad2d(layer: nn.Pad2D, before: Shape, after: Shape) -> Kernel:
    (top, _), (left, _) = layer.pads
    return Kernel("pad2d", (*before, top, left, *after[:2], _number(layer.value)), in_place=False)


@kernel.register
def _by_channel(layer: nn.Softmax | nn.BatchNorm, before: Shape, after: Shape) -> Kernel:
    name = "softmax" if isinstance(layer, nn.Softmax) else "batch_norm"
    return Kernel(name, (math.prod(before[:-1]), before[-1]))
