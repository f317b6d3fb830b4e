"""HTML: one page to draw on, with the network inside; no network to reach and no library to load.

The page's sources are in ``jaxdoodle/app``. Its scripts redo in JavaScript what ``jaxdoodle.inference`` does:
``strokes.js`` brings strokes to the bitmap of the contract, ``network.js`` computes the outputs.
"""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.formats.fold import Step, steps_of
from jaxdoodle.formats.reference_examples import goldens_of
from jaxdoodle.inference.model_file import ModelFile, metadata_of
from jaxdoodle.nn.spec import Conv2D

APP = Path(__file__).parents[1] / "web"
#: What stands in page.html for the content of a file.
SOURCES = ("page.css", "network.js", "strokes.js", "page.js")


def write(model: ModelFile, path: Path, steps: list[Step] | None = None) -> None:
    steps = steps_of(model) if steps is None else steps
    page = (APP / "page.html").read_text(encoding="utf-8")
    content = {name: (APP / name).read_text(encoding="utf-8") for name in SOURCES}
    content["model"] = json.dumps(describe(model, steps), separators=(",", ":")).replace("<", "\\u003c")
    for name, text in content.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    path.write_text(page, encoding="utf-8")


def describe(model: ModelFile, steps: list[Step]) -> dict[str, Any]:
    """All that the page knows of the model, as JSON values: metadata, classes, goldens, the steps with their arrays."""
    goldens = goldens_of(model, steps)
    return metadata_of(model) | {
        "goldens": {
            "images": _packed(goldens.images),
            "logits": _packed(goldens.logits),
            "allowed": goldens.allowed,
        },
        "classes": list(model.spec.classes),
        "parameters": model.spec.param_count,
        "ends_in_softmax": model.spec.ends_in_softmax,
        "steps": [_describe(step) for step in steps],
    }


def _describe(step: Step) -> dict[str, Any]:
    layer = step.layer
    described: dict[str, Any] = {
        "layer": {"type": type(layer).__name__} | {f.name: getattr(layer, f.name) for f in fields(layer)},
        "input_shape": step.input_shape,
        "output_shape": step.output_shape,
    }
    if isinstance(layer, Conv2D):
        (top, _), (left, _) = layer.pads(step.input_shape[:2])
        described["pads"] = (top, left)
    arrays = dict(step.params)
    if step.int8:
        q = step.int8
        arrays |= {"w": q.w, "scale": q.w_scale * np.float32(q.x_scale)}
        described["levels"] = {"x_scale": q.x_scale, "x_low": q.x_low, "x_high": q.x_high}
    if "w" in arrays:
        arrays["w"] = np.moveaxis(arrays["w"], -1, 0)  # outputs first: JavaScript sums along contiguous runs
    return described | {"arrays": {name: _packed(value) for name, value in arrays.items()}}


def _packed(value: Any) -> dict[str, str]:
    little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
    return {"type": value.dtype.name, "data": base64.b64encode(little.tobytes()).decode("ascii")}
