"""The order in which the drawings of a page are read: rows from top to bottom, each from left to right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.resample import Box

#: Steepest row, as rise over run; slopes are tried at so many steps to either side.
STEEPEST, STEPS = 0.35, 35
#: The next of a row overlaps it in height by this fraction of the lower of the two.
OVERLAP = 0.4


def rows_of(boxes: Sequence[Box]) -> list[list[int]]:
    """The rows of a page: indices of the boxes in the order of reading.

    Rows may be slanted, all of them alike: the slope is that at which the boxes, moved along it, overlap most in
    height.

    Args:
      boxes: (top, left, bottom, right) of each drawing.
    """
    if not boxes:
        return []
    top, left, bottom, right = np.array(boxes, float).T
    height = np.maximum(bottom - top, 0.3 * (right - left))
    middle, across = (top + bottom) / 2, (left + right) / 2
    slopes = STEEPEST * np.arange(-STEPS, STEPS + 1) / STEPS
    slope = min(slopes, key=lambda one: (_spread(middle - one * across, height), abs(one)))
    level = middle - slope * across
    rows: list[list[int]] = []
    for index in np.argsort(level):
        if rows:
            last = rows[-1]
            center, high = float(np.mean(level[last])), float(np.mean(height[last]))
            shared = (high + height[index]) / 2 - abs(level[index] - center)
            if shared >= OVERLAP * min(high, height[index]):
                last.append(int(index))
                continue
        rows.append([int(index)])
    return [sorted(row, key=lambda index: float(across[index])) for row in rows]


def _spread(level: NDArray[np.float64], height: NDArray[np.float64]) -> float:
    """How much height the boxes take, where those at one level take it once, in their mean height."""
    order = np.argsort(level - height / 2)
    low, high = (level - height / 2)[order], np.maximum.accumulate((level + height / 2)[order])
    gaps = np.maximum(low[1:] - high[:-1], 0).sum()
    return float(round((high[-1] - low[0] - gaps) / height.mean(), 2))
