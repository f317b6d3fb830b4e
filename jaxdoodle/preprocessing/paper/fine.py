"""Lines far finer than the strokes of the drawing, at any slope: wires, rules, print, stamps.

Strokes are as wide as the largest square that fits into half of the ink; what a square of half that side does not fit
into is fine (an opening; its sizes are the granulometry of Matheron 1975, "Random sets and integral geometry").
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import enlarged, filtered, in_cells, thicker

#: The ink is looked at on so many cells a side; those that ink covers by this fraction have ink.
CELLS, COVERED = 512, 0.4
#: Squares that are tried in turn, cells a side; strokes of the least are too fine to tell fine lines from them.
SIDES = (3, 5, 7, 11, 15, 21, 31)
#: Strokes are as wide as squares that fit into this part of the ink.
STROKES = 0.5
#: Fine lines are this part of the ink at least; less is the ragged edge of the strokes.
LEAST_FINE = 0.04


def without_fine_lines(ink: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The ink (h, w) without lines of less than half the width of most of it; ``None`` where there are none."""
    cell = -(-max(ink.shape) // CELLS)
    mask = in_cells(ink, cell) / cell**2 > COVERED
    opened, wide = mask, [mask]
    for side in SIDES:
        opened = _opened(mask, side)
        if np.count_nonzero(opened) < STROKES * np.count_nonzero(mask):
            break
        wide.append(opened)
    if not 3 <= len(wide) <= len(SIDES):  # too fine to tell, or no strokes but areas
        return None
    kept = enlarged(thicker(wide[len(wide) // 2], 2), cell, ink.shape)
    left = np.where(kept, ink, np.float32(0))
    return left if left.sum() < (1 - LEAST_FINE) * ink.sum() else None


def _opened(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """What squares of so many cells a side cover that fit into the mask."""
    return filtered(np.logical_or, filtered(np.logical_and, mask, side), side)
