"""Drawings in strokes: what one is, how it is read from files, simplified, and rendered. ``README.md`` has the words.

A name is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxdoodle.core.exports import exports

if TYPE_CHECKING:
    from jaxdoodle.strokes.drawing import Drawing, Stroke, check, simplify
    from jaxdoodle.strokes.raster import paint, rasterize
    from jaxdoodle.strokes.readers import Skipped, read_drawings, scan
    from jaxdoodle.strokes.svg import strokes_of

__all__ = [
    "Drawing", "Skipped", "Stroke", "check", "paint", "rasterize", "read_drawings", "scan", "simplify", "strokes_of",
]  # fmt: skip

__getattr__, __dir__ = exports(
    __name__, drawing="Drawing Stroke check simplify", raster="paint rasterize", readers="Skipped read_drawings scan",
    svg="strokes_of",
)  # fmt: skip
