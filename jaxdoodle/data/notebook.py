"""How a notebook shows a dataset: its classes, their sizes, and drawings of each, in one HTML table of about 20 kB."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np

from jaxdoodle.core.types import NDArray

CLASSES = 10  # rows of the table
DRAWINGS = 8  # thumbnails in a row
GRAYS = 16  # shades of a thumbnail: they halve its bytes


def class_table(
    title: str,
    classes: Sequence[str],
    counts: Mapping[str, NDArray[np.int64]],
    drawings_of: Callable[[int], NDArray[np.uint8]],
) -> str:
    """A row for each of the first classes.

    ``counts``: heading -> number of drawings of each class. ``drawings_of(label)``: some drawings ``(n, h, w, 1)``.
    """
    rows = [_row(["class", *counts, "examples"], "th")]
    for label, name in enumerate(classes[:CLASSES]):
        sizes = [f"{count[label]:,}" for count in counts.values()]
        rows.append(_row([escape(name), *sizes, _strip(drawings_of(label)[:DRAWINGS])], "td"))
    if len(classes) > CLASSES:
        rows.append(_row([f"... {len(classes) - CLASSES} more"], "td"))
    return f"<table><caption>{escape(title)}</caption>{''.join(rows)}</table>"


def _row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def _strip(drawings: NDArray[np.uint8]) -> str:
    """The drawings side by side, as an inline PNG of dark ink on white."""
    if not len(drawings):
        return ""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(255 - np.concatenate(drawings[..., 0], axis=1)).quantize(GRAYS).save(stream, "PNG", optimize=True)
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"/>'
