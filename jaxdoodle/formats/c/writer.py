"""C: a header and a C99 source with the weights, to be linked into any program. It allocates nothing.

``digits.c`` and ``digits.h`` declare ``digits_predict`` and the like, so several models go into one program. They work
in structures of the caller's, so they may run in several threads. Images are bitmaps as the preprocessing says, uint8
in rows, white ink (255) on black; ``digits_image_of_strokes`` and ``digits_image_of_canvas`` make them. Compiled with
``-DMAIN`` the source is a program: ``--self-test`` recomputes the logits of the reference examples, and PGM images are
classified. The functions are those of ``network.c``, ``strokes.c``, ``canvas.c`` and ``main.c``.
"""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.formats.c.calls import Plan, kernel, number
from jaxdoodle.formats.fold import InferenceLayer, fold_for_inference
from jaxdoodle.formats.reference_examples import examples_of
from jaxdoodle.inference.model_file import ModelFile, metadata_of
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.preprocessing.render import stroke_width_of
from jaxdoodle.preprocessing.stroke_width import HOLE, LEAST_HOLES, MAX_WIDTH_RATIO, MAX_WORK_SIDE, WORK_SCALE
from jaxdoodle.strokes.drawing import BOX
from jaxdoodle.strokes.raster import disk_corners

__all__ = ["kernel", "write", "write_header"]

#: The folder of the C sources, in sections.
SOURCES = Path(__file__).parent
#: Type of an array -> its type in C.
C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "float32": "float"}
#: Points of a simplified drawing that there is room for, unless MODEL_POINTS is defined.
POINTS = 1024
#: What the functions take from the stack at most, and code at most, in KB: measured with gcc 12 -Os for x86-64.
STACK_KB, CODE_KB = 6, 20


def write(model: ModelFile, path: Path, layers: Sequence[InferenceLayer] | None = None, *, name: str = "") -> None:
    """Write the source of a model; ``layers`` from ``int8_layers`` computes in integers.

    Args:
      model: The model.
      path: The file to write.
      layers: How it computes; by default in float32.
      name: Of the header, and what names in C begin with; by default that of the file.

    Raises:
      InputError: The model takes RGB images.
    """
    if model.preprocessing.image_shape[2] != 1:
        raise InputError(f"{path}: C takes gray images; the model takes RGB {model.preprocessing.image_shape}.")
    layers = fold_for_inference(model) if layers is None else layers
    path.write_text("\n".join(_source(model, layers, name or path.stem)), encoding="utf-8")


def write_header(
    model: ModelFile, path: Path, layers: Sequence[InferenceLayer] | None = None, *, name: str = ""
) -> None:
    """Write the header that belongs to ``write``; the same arguments."""
    layers = fold_for_inference(model) if layers is None else layers
    path.write_text(_named(_header(model, layers), name or path.stem), encoding="utf-8")


def identifier(name: str) -> str:
    """A name as C has them: letters, digits and underscores, a letter first."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"model_{plain}".rstrip("_")


def _named(text: str, name: str) -> str:
    """C in which the model has that name instead of "model"."""
    name = identifier(name)
    return re.sub(r"\bMODEL_", f"{name.upper()}_", re.sub(r'\bmodel(?=_|\.h")', name, text))


def _source(model: ModelFile, layers: Sequence[InferenceLayer], name: str) -> list[str]:
    files = ("network", "strokes", "canvas", "main")
    sections = {key: text for file in files for key, text in _sections(f"{file}.c")}
    plan, examples = _plan(model, layers), examples_of(model, layers)
    answer = "best"
    if model.abstain_below is not None:
        answer = f"energy < exponential({float(model.abstain_below)!r} - (double)scores[best]) ? -1 : best"
    divisor, mean, std = map(number, model.preprocessing.scaling)
    pixel = f"(float)image[i] / {divisor}"
    if model.preprocessing.scaling[1:] != (0, 1):
        pixel = f"({pixel} - {mean}) / {std}"
    if q := plan.levels:
        pixel = f"level(({pixel}) / {number(q.x_scale)}, {number(q.x_low)}, {number(q.x_high)})"
    probability = "scores[i]" if model.spec.ends_in_softmax else "(float)((double)probabilities[i] / sum)"
    changes = {
        "FIRST": plan.first,
        "PIXEL": pixel,
        "    LAYERS;": "\n".join(f"    {call}" for call in plan.calls),
        "TEMPERATURE": repr(float(model.temperature)),
        "PROBABILITY": probability,
        "ANSWER": answer,
    }
    for old, new in changes.items():
        sections["predict"] = sections["predict"].replace(old, new)
    sections = {key: _named(text, name) for key, text in sections.items()}
    helpers = ["flash", "nearest", *(["level"] if any(folded.int8 for folded in layers) else [])]
    classes = ", ".join(map(_string, model.spec.classes))
    return [
        _comment(model),
        f'#include "{name}.h"\n\n#include <math.h>\n',
        *(sections[key] for key in helpers),
        _named("const char *const model_class_names[MODEL_CLASSES] = ", name) + f"{{{classes}}};\n",
        *(_array(key, values) for key, values in plan.arrays.items()),
        *(sections[key] for key in dict.fromkeys(["exponential", *plan.sections, "predict"])),
        _constants(model.preprocessing),
        *(sections[key] for key in ("root", "strokes")),
        "#if INT_MAX > 32767",
        *(sections[key] for key in _canvas(model.preprocessing)),
        "#endif\n\n#ifdef MAIN",
        f"#define EXAMPLES {len(examples.images)}",
        f"#define ALLOWED_ERROR {examples.allowed!r}",
        _array("example_images", examples.images, flash=False),
        _array("example_logits", examples.logits, flash=False),
        sections["main"] + "#endif\n",
    ]


def _header(model: ModelFile, layers: Sequence[InferenceLayer]) -> str:
    plan, (height, width, _) = _plan(model, layers), model.preprocessing.image_shape
    sizes = {"HEIGHT": height, "WIDTH": width, "CLASSES": len(model.spec.classes), "SIDE": _side(model.preprocessing)}
    before, *sections = (SOURCES / "model.h").read_text(encoding="ascii").split("/* section: ")
    text = before + "".join(section.partition(" */\n")[2] for section in sections).rstrip() + "\n"
    for key, value in sizes.items():
        text = re.sub(rf"(#define MODEL_{key}) \d+", rf"\1 {value}", text)
    members = {
        kind: ", ".join(f"{key}[{plan.sizes[key]}]" for key in keys if key in plan.sizes)
        for kind, keys in (("float", "ab"), ("int16_t", "pq"))
    }
    struct = "\n".join(f"    {kind} {names};" for kind, names in members.items() if names)
    return _memory(model, plan) + text.replace("    float a[784], b[784];", struct)


def _memory(model: ModelFile, plan: Plan) -> str:
    """The comment that says what the model takes of a small machine's memory."""
    (height, width, _), side = model.preprocessing.image_shape, _side(model.preprocessing) ** 2 + 1
    structs = {
        "workspace": [(key, "f4" if key in "ab" else "i2", plan.sizes[key]) for key in "abpq" if key in plan.sizes],
        "strokes_workspace": [
            *((key, "u1", POINTS) for key in ("x", "y", "ends")),
            ("pending", "u2", POINTS),
            ("background", "f8", width),
            ("line", "u4", 8 * width),
            ("covered", "u2", width),
        ],
        "canvas_workspace": [
            ("flags", "u1", side),
            *((key, "u2", side) for key in ("depth", "ink")),
            ("row", "u2", _side(model.preprocessing) + 1),
        ],
    }
    lines = [
        f"struct model_{key} has {np.dtype(fields, align=True).itemsize:,} bytes"  # type: ignore[call-overload]
        for key, fields in structs.items()
    ]
    constants = sum(values.nbytes for values in plan.arrays.values())
    text = (
        f"A network as plain C: {len(model.spec.classes)} classes, {height} rows of {width} pixels. Flash: "
        f"{constants:,} bytes of weights, and at most {CODE_KB} KB of code. RAM: {lines[0]}; {lines[1]}, and "
        f"{lines[2]}, needed only where strokes or canvases become images; at most {STACK_KB} KB of stack; no heap and "
        "no variables outside of functions."
    )
    return textwrap.fill(text, 116, initial_indent="/* ", subsequent_indent=" * ") + "\n */\n"


def _plan(model: ModelFile, layers: Sequence[InferenceLayer]) -> Plan:
    return Plan(layers, math.prod(model.preprocessing.image_shape))


def _sections(file: str) -> list[tuple[str, str]]:
    """The sections of a C source, without what lets the file compile by itself."""
    _, *sections = (SOURCES / file).read_text(encoding="ascii").split("\n/* section: ")
    return [(name, source) for name, _, source in (section.partition(" */\n") for section in sections)]


def _grain(preprocessing: Preprocessing) -> float:
    return min(WORK_SCALE, MAX_WORK_SIDE / preprocessing.longest_side)


def _reach(preprocessing: Preprocessing) -> int:
    """The greatest stroke width, in working pixels, that ``redraw`` aims at."""
    width, longest = preprocessing.stroke_width or 0.0, preprocessing.longest_side
    return math.ceil(width * _grain(preprocessing) * longest / (longest - width)) + 1


def _side(preprocessing: Preprocessing) -> int:
    """The longest side of a drawing in working pixels with the margins around it; 0 where it is never redrawn."""
    if preprocessing.as_is or preprocessing.stroke_width is None:
        return 0
    return math.ceil(_grain(preprocessing) * preprocessing.longest_side) + 1 + 2 * (_reach(preprocessing) + 1)


def _canvas(preprocessing: Preprocessing) -> tuple[str, ...]:
    """The sections that make an image of a canvas."""
    if preprocessing.as_is:
        return "area", "canvas_as_is"
    return "area", "canvas", "redraw" if _side(preprocessing) else "no_redraw", "image_of_canvas"


def _constants(preprocessing: Preprocessing) -> str:
    width, grain = stroke_width_of(preprocessing), _grain(preprocessing)
    (row, column), longest = preprocessing.center, preprocessing.longest_side
    corners = disk_corners(width / 2)
    values = {
        "SIMPLE_SCALE": (longest - width) / (BOX - 1),
        "STROKE_WIDTH": float(width),
        "LONGEST_SIDE": float(longest),
        "CENTER_ROW": float(row),
        "CENTER_COLUMN": float(column),
        "CENTER_OF_MASS": int(preprocessing.centering == "mass"),
        "CENTER_OF_BOX": int(preprocessing.centering == "box"),
        "DARK_ON_LIGHT": int(preprocessing.polarity == "dark on light"),
        "GRAIN": float(grain),
        "DEPTH": round(MAX_WIDTH_RATIO * width * grain / 2),
        "REACH": _reach(preprocessing),
        "HOLE_AREA": HOLE * (width * grain) ** 2,
        "LEAST_HOLES": LEAST_HOLES,
        "CORNERS": len(corners[0]),
    }
    lines = [f"#define {key} {value!r}" for key, value in values.items()]
    for axis, numbers in zip("xy", corners, strict=True):
        lines.append(f"static const double corner_{axis}[CORNERS] = {{{', '.join(map(repr, numbers.tolist()))}}};")
    return "/* What the preprocessing asks for. */\n" + "\n".join(lines) + "\n"


def _comment(model: ModelFile) -> str:
    """The metadata as JSON in a comment; stars are escaped, so that it neither ends early nor begins another."""
    text = json.dumps(metadata_of(model), indent=1).replace("*", "\\u002a")
    return f"/* A network as plain C. Its spec and the preprocessing of its images:\n\n{text}\n*/\n"


def _string(text: str) -> str:
    """A C string: other than letters, digits, spaces and -_. the UTF-8 bytes are octal escapes."""
    plain = (chr(b) if chr(b).isalnum() and b < 128 or b in b" -_." else f"\\{b:03o}" for b in text.encode("utf-8"))
    return f'"{"".join(plain)}"'


def _array(name: str, values: NDArray[Any], flash: bool = True) -> str:
    flat = np.ravel(values)
    kind = C_TYPES[flat.dtype.name]
    if kind == "float" and not np.isfinite(flat).all():
        numbers = ", ".join(map(number, flat))
    else:
        suffix = "f" if kind == "float" else ""
        numbers = f"{suffix}, ".join(flat.astype("U16")) + suffix
    body = textwrap.fill(numbers, 118, initial_indent="    ", subsequent_indent="    ")
    return f"static const {kind} {name}[{len(flat)}]{' FLASH' * flash} = {{\n{body}\n}};\n"
