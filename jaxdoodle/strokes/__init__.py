"""Drawings in strokes: what one is, how it is read from files, simplified, and rendered. ``README.md`` has the words.

A name is loaded when it is asked for.
"""

from jaxdoodle.core.exports import exports

__getattr__, __dir__, __all__ = exports(
    __name__, drawing="Drawing Stroke check simplify", raster="paint rasterize", readers="Skipped read_drawings scan",
    svg="strokes_of",
)  # fmt: skip
