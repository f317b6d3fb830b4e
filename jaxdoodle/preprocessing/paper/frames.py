"""Straight frames, heavy or fine, that a drawing may touch: what is within their four sides."""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray

#: Ink of this strength is part of a frame.
FRAME_INK = 0.2
#: A side begins within this fraction of the box from its edge, and is no thicker than this fraction of the box.
TILT, THICKEST = 0.05, 0.2
#: A side is looked at between these fractions of its length. Along so much of that its inner edge is straight, to this
#: fraction of its length or a pixel; elsewhere the drawing touches it.
BETWEEN, ALONG, STRAIGHT = (0.2, 0.8), 0.6, 0.008


def within_frame(ink: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The ink (h, w), cut to its box, without the straight line along each of its four edges; else ``None``."""
    edges = []
    for turns in range(4):
        edge = _inner_edge(np.rot90(ink, turns))
        if edge is None:
            return None
        edges.append(edge)
    cleared = ink.copy()
    for turns, edge in enumerate(edges):
        side = np.rot90(cleared, turns)  # a view
        side[np.arange(len(side))[:, None] < edge] = 0
    return cleared


def _inner_edge(ink: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """In each column the row after the straight line along the first rows of the ink; ``None`` without one."""
    height, width = ink.shape
    first, last = (int(part * width) for part in BETWEEN)
    mask = ink[: int((TILT + THICKEST) * height) + 2, first:last] > FRAME_INK
    start = mask.argmax(axis=0)
    end = (~mask & (np.arange(len(mask))[:, None] > start)).argmax(axis=0)
    columns = np.arange(last - first)
    lined = mask[start, columns] & (start <= TILT * height + 1) & (end > start)
    halves = [half[lined[half]] for half in np.array_split(columns, 2)]
    if not all(map(len, halves)):
        return None
    (x, y), (u, v) = ((half.mean(), np.sort(end[half])[len(half) // 2]) for half in halves)
    slope = (v - y) / (u - x)
    straight = lined & (np.abs(end - y - slope * (columns - x)) <= max(1.0, STRAIGHT * width))
    return y + 1 + slope * (np.arange(width) - first - x) if straight.mean() >= ALONG else None
