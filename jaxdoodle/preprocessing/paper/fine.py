"""Lines of the paper far finer than the strokes of the drawing, at any slope: wires, rules that bend, staves.

Strokes are as wide as the largest square that fits into half of the ink; what a square of half that side does not fit
into is fine (an opening; its sizes are the granulometry of Matheron 1975, "Random sets and integral geometry"). A fine
stroke of the drawing stays: lines of the paper run to edges of the picture, and leave the strokes within it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import enlarged, filtered, in_cells, labeled, thicker

#: The ink is looked at on so many cells a side; those that ink covers by this fraction have ink.
CELLS, COVERED = 512, 0.4
#: Squares that are tried in turn, cells a side; strokes of the least are too fine to tell fine lines from them.
SIDES = (3, 5, 7, 11, 15, 21, 31)
#: Strokes are as wide as squares that fit into this part of the ink.
STROKES = 0.5
#: Fine lines are this part of the ink at least; less is the ragged edge of the strokes.
LEAST_FINE = 0.04
#: Fine lines of the paper end within this fraction of the picture's sides from opposite edges; the strokes are as far
#: from all edges as the next; and so much of what is fine is in pieces that reach an edge.
EDGE, CLEAR, REACHING = 0.06, 0.08, 0.6


def without_fine_lines(ink: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The ink (h, w) of a picture without lines of the paper of less than half the width of most of it, if any are."""
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
    kept = thicker(wide[len(wide) // 2], 2)
    if not _run_off(mask & ~kept, kept):
        return None
    left = np.where(enlarged(kept, cell, ink.shape), ink, np.float32(0))
    return left if left.sum() < (1 - LEAST_FINE) * ink.sum() else None


def _run_off(fine: NDArray[np.bool_], strokes: NDArray[np.bool_]) -> bool:
    """Whether most of what is fine reaches edges of the picture, opposite ones too, and no stroke does."""
    if any(edge.any() for edge in _along(strokes, CLEAR)):
        return False
    number = labeled(fine)
    above, below, left, right = (np.unique(edge[edge > 0]) for edge in _along(number, EDGE))
    reaching = np.isin(number, np.concatenate([above, below, left, right]))
    opposite = min(len(above), len(below)) or min(len(left), len(right))
    return bool(opposite and np.count_nonzero(reaching & fine) >= REACHING * np.count_nonzero(fine))


def _along(cells: NDArray[Any], fraction: float) -> tuple[NDArray[Any], ...]:
    """What is along the edges above, below, left and right, up to this fraction of the sides."""
    high, wide = (max(1, round(fraction * length)) for length in cells.shape)
    return cells[:high], cells[-high:], cells[:, :wide], cells[:, -wide:]


def _opened(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """What squares of so many cells a side cover that fit into the mask."""
    return filtered(np.logical_or, filtered(np.logical_and, mask, side), side)
