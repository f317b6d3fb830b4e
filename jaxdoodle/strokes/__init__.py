"""Drawings in strokes: what one is, how it is read from files, simplified, and rendered. ``README.md`` has the words.

A name is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxdoodle.strokes.drawing import Drawing, Stroke, check, simplify
    from jaxdoodle.strokes.raster import paint, rasterize
    from jaxdoodle.strokes.readers import Skipped, read_drawings, scan
    from jaxdoodle.strokes.svg import strokes_of

__all__ = [
    "Drawing", "Skipped", "Stroke", "check", "paint", "rasterize", "read_drawings", "scan", "simplify", "strokes_of",
]  # fmt: skip

_MODULES = {
    "paint": "raster", "rasterize": "raster", "Skipped": "readers", "read_drawings": "readers", "scan": "readers",
    "strokes_of": "svg",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'drawing')}"), name)
