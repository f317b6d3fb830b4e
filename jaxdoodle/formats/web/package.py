"""JavaScript: a folder with the ES module package, its types, and the model in JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import write_atomically
from jaxdoodle.formats.fold import InferenceLayer, fold_for_inference
from jaxdoodle.formats.web.bundle import read
from jaxdoodle.formats.web.description import describe
from jaxdoodle.inference.model_file import ModelFile

#: Files of ``jaxdoodle/web`` that a model is exported with.
FILES = (
    "package.json", "jaxdoodle.js", "jaxdoodle.d.ts", "pad.js", "pad.d.ts", "network.js", "strokes.js",
    "page/example.html",
)  # fmt: skip


def write(model: ModelFile, path: Path, layers: Sequence[InferenceLayer] | None = None) -> None:
    """Write the files into a folder, each whole or not at all; other files in it stay."""
    if model.preprocessing.image_shape[2] != 1:
        taken = f"the model takes RGB {model.preprocessing.image_shape}"
        raise InputError(f"{path}: a pad draws gray images; {taken}. It goes to .onnx or .pyz.")
    description = describe(model, fold_for_inference(model) if layers is None else layers)
    path.mkdir(parents=True, exist_ok=True)
    content = {Path(name).name: read(name) for name in FILES} | {
        "model.json": json.dumps(description, separators=(",", ":"))
    }
    for name, text in content.items():
        write_atomically(path / name, partial(_write_text, text))


def _write_text(text: str, path: str) -> None:
    Path(path).write_text(text, encoding="utf-8")
