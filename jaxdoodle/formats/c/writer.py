"""C: one C99 file with the weights, ``predict``, and a ``main`` that reads PGM images. It allocates nothing.

``predict`` works in a ``struct workspace`` of the caller's, so it may run in several threads. Images are bitmaps as
the contract says, uint8 in rows, white ink (255) on black. ``model --self-test`` recomputes the golden outputs.
Compiled with ``-DNO_MAIN`` the file is a library.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.formats.c import kernels
from jaxdoodle.formats.fold import Step, steps_of
from jaxdoodle.formats.reference_examples import Goldens, goldens_of
from jaxdoodle.inference.model_file import ModelFile, metadata_of
from jaxdoodle.nn.spec import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Shape,
    Sigmoid,
    Softmax,
    Tanh,
)

#: Type of an array -> its type in C, and what follows each number.
C_TYPES = {"int8": ("int8_t", ""), "uint8": ("uint8_t", ""), "float32": ("float", "f")}
#: Layers that write their output beside their input.
MOVING = (Dense, Conv2D, MaxPool2D, AvgPool2D, GlobalAvgPool2D)


def write(model: ModelFile, path: Path, steps: list[Step] | None = None) -> None:
    steps = steps_of(model) if steps is None else steps
    path.write_text("\n".join(_parts(model, steps)), encoding="ascii")


def _parts(model: ModelFile, steps: list[Step]) -> list[str]:
    names = ", ".join(map(_string, model.spec.classes))
    height, width, _ = model.preprocessing.image_shape
    floats = max([height * width, *(math.prod(step.output_shape) for step in steps)])
    levels = max([0, *(math.prod(step.input_shape) for step in steps if step.int8)])
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
        *(_array(f"{name}{i}", values) for i, step in enumerate(steps) for name, values in _stored(step).items()),
        kernels.EXPONENTIAL,
        *_functions(steps),
        "/* The network's outputs for one image, one for each class. */",
        "void logits(const uint8_t image[HEIGHT * WIDTH], struct workspace *work, float out[CLASSES])",
        "{",
        "    for (int i = 0; i < HEIGHT * WIDTH; i++)",
        f"        work->a[i] = (float)image[i] / {_number(model.preprocessing.divisor)};",
        *_calls(steps),
        "}\n",
        kernels.PREDICT.format(
            probability="scores[i]" if model.spec.ends_in_softmax else "(float)(probabilities[i] / sum)",
            answer="best"
            if model.abstain_below is None
            else f"energy < exponential({float(model.abstain_below)!r} - scores[best]) ? -1 : best",
        ),
        "#ifndef NO_MAIN",
        *_goldens(goldens_of(model, steps)),
        kernels.MAIN + "#endif\n",
    ]


def _goldens(goldens: Goldens) -> list[str]:
    return [
        f"enum {{ GOLDENS = {len(goldens.images)} }};",
        f"#define GOLDEN_ALLOWED {goldens.allowed!r}",
        _array("golden_images", goldens.images),
        _array("golden_logits", goldens.logits),
    ]


def _header(model: ModelFile) -> str:
    """The metadata as JSON in a comment; without stars it neither ends early nor seems to begin another."""
    text = json.dumps(metadata_of(model), indent=1).replace("*", "\\u002a")
    return f"/* A network as plain C. What it is, and how its images are made:\n\n{text}\n*/\n"


def _string(text: str) -> str:
    """A C string: whatever is not plain is an octal escape of its UTF-8 bytes."""
    plain = (chr(b) if chr(b).isalnum() and b < 128 or b in b" -_." else f"\\{b:03o}" for b in text.encode("utf-8"))
    return f'"{"".join(plain)}"'


def _number(value: float) -> str:
    return f"{np.float32(value)!s}f"


def _array(name: str, values: Any) -> str:
    flat = np.ravel(values)
    kind, suffix = C_TYPES[flat.dtype.name]
    numbers = f"{suffix}, ".join(flat.astype("U16")) + suffix
    body = textwrap.fill(numbers, 118, initial_indent="    ", subsequent_indent="    ")
    return f"static const {kind} {name}[{len(flat)}] = {{\n{body}\n}};\n"


def _stored(step: Step) -> dict[str, Any]:
    """The arrays of a step, by name, in the order in which its function takes them."""
    if not step.int8:
        return {name: step.params[name] for name in ("w", "b", "scale", "shift") if name in step.params}
    q = step.int8
    return {"w": np.moveaxis(q.w, -1, 0), "scale": q.w_scale * np.float32(q.x_scale), "b": step.params["b"]}


def _functions(steps: list[Step]) -> list[str]:
    """Those that are called, once each."""
    functions: list[str] = []
    for step in steps:
        kind = type(step.layer)
        if step.int8:
            functions += [kernels.LEVELS, kernels.INT8_FUNCTIONS[kind]]
        else:
            functions.append(kernels.FUNCTIONS[kind])
    return [function for function in dict.fromkeys(functions) if function]


def _calls(steps: list[Step]) -> list[str]:
    calls, x, y = [], "work->a", "work->b"
    for index, step in enumerate(steps):
        if step.int8:
            q, n = step.int8, math.prod(step.input_shape)
            calls.append(f"to_levels({x}, {n}, {_number(q.x_scale)}, {q.x_low}, {q.x_high}, work->levels);")
        calls.append(_call(index, step, x, y))
        if isinstance(step.layer, MOVING):
            x, y = y, x
    calls += ["for (int i = 0; i < CLASSES; i++)", f"    out[i] = {x}[i];"]
    return [f"    {call}" for call in calls if call]


def _call(index: int, step: Step, x: str, y: str) -> str:
    """The statement that fills y from x, or changes x in place."""
    name, arguments_of = CALLS[type(step.layer)]
    if not name:
        return ""
    arguments = ["work->levels" if step.int8 else x]
    arguments += map(str, arguments_of(step.layer, step.input_shape, step.output_shape))
    arguments += [f"{stored}{index}" for stored in _stored(step)]
    arguments += [y] * isinstance(step.layer, MOVING)
    return f"{name}{'_int8' if step.int8 else ''}({', '.join(arguments)});"


def _conv_sizes(layer: Any, before: Shape, after: Shape) -> Shape:
    (top, _), (left, _) = layer.pads(before[:2])
    return (*before, *layer.kernel_size, *layer.stride, top, left, *after)


def _pool_sizes(layer: Any, before: Shape, after: Shape) -> Shape:
    return (*before[1:], *layer.window, *layer.stride, *after[:2])


def _size(layer: Any, before: Shape, after: Shape) -> Shape:
    return (math.prod(before),)


def _rows(layer: Any, before: Shape, after: Shape) -> Shape:
    return (math.prod(before[:-1]), before[-1])


#: Layer class -> name of its function, and ``(layer, input_shape, output_shape)`` -> its arguments between x and the
#: stored arrays.
CALLS: Mapping[type[Layer], tuple[str, Callable[[Any, Shape, Shape], tuple]]] = {
    Dense: ("dense", lambda layer, before, after: (*before, *after)),
    Conv2D: ("conv2d", _conv_sizes),
    MaxPool2D: ("max_pool", _pool_sizes),
    AvgPool2D: ("avg_pool", _pool_sizes),
    GlobalAvgPool2D: ("avg_pool", lambda layer, before, after: (*before[1:], *before[:2], 1, 1, 1, 1)),
    Flatten: ("", lambda layer, before, after: ()),
    ReLU: ("relu", _size),
    LeakyReLU: ("leaky_relu", lambda layer, before, after: (math.prod(before), _number(layer.slope))),
    Sigmoid: ("sigmoid", _size),
    Tanh: ("hyperbolic_tangent", _size),
    Softmax: ("softmax", _rows),
    BatchNorm: ("batch_norm", _rows),
}
