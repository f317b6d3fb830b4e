"""Characters of which the outline is drawn: their strokes are what lies between its lines."""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import Parts, enlarged, labeled, thicker
from jaxdoodle.preprocessing.resample import bordered
from jaxdoodle.preprocessing.stroke_width import width_by_outline

#: The name of the step that fills an outline.
OUTLINED = "between the lines of an outline"
#: Strokes are so many times as wide as the lines of their outline, and no wider than this fraction of the longer side:
#: a round 0 that is filled is half as wide as long. Fine 8s of which this holds look like an 8 filled, too.
TIMES, WIDEST = 3.0, 0.24
#: So much of the ink is beside what it encloses.
BESIDE = 0.9


def strokes_within(ink: NDArray[np.float32], parts: Parts) -> NDArray[np.float32] | None:
    """The ink (h, w) of these parts, and what its outermost lines enclose, if that is strokes with an outline."""
    mask = bordered(parts.number > 0, 1)
    ground = labeled(~mask, diagonals=False)
    outside = ground == ground[0, 0]
    lines = bordered(parts.number, 1)
    outermost = np.isin(lines, np.unique(lines[mask & thicker(outside, 1)])) & mask
    held = np.unique(ground[thicker(outermost, 1) & ~mask & ~outside])
    if not len(held):
        return None
    within = np.isin(ground, held)
    whole = within | mask
    strokes, longest = width_by_outline(whole.astype(np.float32)), max(np.ptp(np.nonzero(whole), axis=1))
    line = width_by_outline(mask.astype(np.float32))
    if not TIMES * line <= strokes <= WIDEST * longest:
        return None
    near = thicker(within, int(2 * line) + 1)
    if np.count_nonzero(mask & near) < BESIDE * np.count_nonzero(mask):
        return None
    return np.maximum(ink, enlarged(within[1:-1, 1:-1], parts.cell, ink.shape).astype(np.float32))
