"""HTML: one page to draw on that holds the network; it loads nothing and sends nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.fold import InferenceLayer, fold_for_inference
from jaxdoodle.formats.web.bundle import bundle, read
from jaxdoodle.formats.web.description import describe
from jaxdoodle.inference.model_file import ModelFile


def write(model: ModelFile, path: Path, layers: Sequence[InferenceLayer] | None = None) -> None:
    """Write a model as a page; ``layers`` from ``int8_layers`` computes in 8 bits."""
    if model.preprocessing.image_shape[2] != 1:
        taken = f"the model takes RGB {model.preprocessing.image_shape}"
        raise InputError(f"{path}: a page draws gray images; {taken}. It goes to .onnx or .pyz.")
    layers = fold_for_inference(model) if layers is None else layers
    page = fill(recognizing_page(), {"model": json_in_html(describe(model, layers))})
    path.write_text(page, encoding="utf-8")


def recognizing_page() -> str:
    """The page with ``{{model}}`` in place of the model."""
    top = head("Draw something", read("page/page.css"))
    return fill(read("page/page.html"), {"head": top, "script": bundle("page/page.js", "Page")})


def head(title: str, style: str, workers: bool = False) -> str:
    """The head of a page, which forbids it to load anything; with ``workers`` it may run a script of its own in one."""
    return fill(read("page/head.html"), {"title": title, "style": style, "workers": "worker-src blob:; " * workers})


def fill(page: str, parts: Mapping[str, str]) -> str:
    """A page with each name in double braces replaced; what takes its place is not looked at again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts.get(found[1], found[0]), page)


def json_in_html(value: Any) -> str:
    """JSON that may stand in a script element: it cannot end it."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
