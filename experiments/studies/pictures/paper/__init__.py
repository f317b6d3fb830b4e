"""Pages as people bring them: a drawing on paper of every kind, in a photograph, a scan, a printout.

Each kind is a function ``(sheet, rng) -> image`` of a ``Sheet``: where the drawing's ink lies, and the colors.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.studies.pictures.canvases import Renderer
from experiments.studies.pictures.paper import ink, light, printed
from experiments.studies.pictures.paper.sheets import Sheet, sheet_of

__all__ = ["KINDS", "PENS", "page_of"]

#: Kind -> what makes it.
KINDS: dict[str, Callable[[Sheet, np.random.Generator], Any]] = {
    one.__name__: one
    for one in (
        *(ink.clean, ink.frame, ink.border, ink.cell, ink.table, ink.ruled, ink.graph, ink.dots, ink.margin),
        *(ink.underlined, ink.circled, ink.caption, ink.arrow, ink.corner, ink.holes, ink.window, ink.card),
        *(ink.marker, ink.through, ink.edges, light.desk, light.photo, light.shadow, light.folded, light.pencil),
        *(light.colored, light.patch, light.rubbed, light.dithered, light.onebit, light.halftone, light.dust),
        *(light.cutoff, light.hard28, printed.axes, printed.postcard, printed.barcode, printed.pen),
    )
}
#: Kind -> longer side of the drawing, in sides of the page, where there is more beside it.
FILLS = {"table": (0.15, 0.3), "axes": (0.25, 0.4)}
FILLS |= dict.fromkeys(("frame", "border", "cell", "circled", "desk", "corner", "postcard"), (0.3, 0.5))
#: Kind -> multiple of the stroke width.
PENS = {"pen 2": 2.0, "pen 3": 3.0}


def page_of(render: Renderer, kind: str, rng: np.random.Generator) -> Any:
    """A page of a kind: an array, or a Pillow image."""
    if kind in PENS:
        return ink.clean(sheet_of(render, rng, factor=PENS[kind]), rng)
    return KINDS[kind](sheet_of(render, rng, fill=FILLS.get(kind, (0.3, 0.7))), rng)
