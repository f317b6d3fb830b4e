"""Straight lines from edge to edge (rules of paper, squares, margins, borders of cells), and the ink without them.

A line is followed column by column. Where the ink through it is no thicker than the line is elsewhere it goes, where it
is thicker a stroke crosses and stays. Lines fainter than the drawing go by their strength.

Reference: the removal of staff lines from printed music by runs (Dalitz et al. 2008, "A comparative study of staff
removal algorithms").
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import REGION_CELLS, in_cells, parts_of, without

#: Ink of this strength is part of a line.
LINE_INK = 0.2
#: Steepest line, as rise over its length, and pixels between the slopes that are tried, over the whole length.
SLOPE, SLOPE_STEP = 0.05, 3
#: Ink covers at least so much of a line; half of all lines are within so many pixels, or this fraction of the picture.
COVERED, THICKEST = 0.75, 0.05
#: Half of all lines across a page are covered less than this; noise covers all of them.
MOSTLY_BARE = 0.5
#: Ink up to so many times as thick as the line, and a pixel, is the line.
RUN = 1.6
#: Regions of which so much lies on lines are left from crossings.
ON_LINES = 0.9
#: Lines up to this fraction of the drawing's strength go by their strength.
FAINT = 0.75


def without_lines(ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], int, int]:
    """The ink (h, w) without lines from edge to edge, how many those were, and the most that are parallel."""
    found, parallel = 0, 0
    on_lines = np.zeros(ink.shape, bool)
    cleared = ink
    for turned in (False, True):
        source = ink.T if turned else ink
        runs, near, count = _runs(source)
        if count:
            cleared = np.where(runs.T if turned else runs, np.float32(0), cleared)
            on_lines |= near.T if turned else near
            found, parallel = found + count, max(parallel, count)
    if not found:
        return ink, 0, 0
    away, along = ink[~on_lines & (ink > LINE_INK)], ink[on_lines & (cleared == 0) & (ink > LINE_INK)]
    if len(away) > 8 and len(along) > 8:
        strength, line = (float(np.sort(some)[len(some) * 3 // 4]) for some in (away, along))
        if line < FAINT * strength:
            low = 1.15 * line
            cleared = np.clip((ink - low) / (strength - low), 0, 1).astype(np.float32)
    parts = parts_of(cleared, REGION_CELLS, 0)
    left = in_cells(cleared * on_lines, parts.cell) / parts.cell**2
    share = np.bincount(parts.number.ravel(), weights=left.ravel(), minlength=len(parts.areas))
    return without(cleared, parts, share > ON_LINES * parts.areas), found, parallel


def _runs(ink: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """The pixels of lines from left to right, those and their surroundings, and how many lines there are."""
    height, width = ink.shape
    mask = ink > LINE_INK
    start, end = _extents(mask)
    thick = mask.copy()
    thick[1:] |= mask[:-1]
    thick[:-1] |= mask[1:]
    reach = int(SLOPE * width)
    columns = np.arange(width)
    padded = np.pad(thick, ((reach, reach), (0, 0)))
    slopes = np.arange(-reach, reach + 1, SLOPE_STEP) if reach else np.zeros(1, int)
    shifts = np.rint(slopes[:, None] * (columns / width - 0.5)).astype(int) + reach
    ends = max(1, width // 50)
    covers = []
    for shift in shifts:
        sheared = np.lib.stride_tricks.sliding_window_view(padded, height, axis=0)[shift, columns]  # (width, height)
        cover = sheared.mean(axis=0)
        cover[~(sheared[:ends].any(axis=0) & sheared[-ends:].any(axis=0))] = 0
        covers.append(cover)
    scores = np.array(covers)
    if np.sort(scores, axis=None)[scores.size // 2] > MOSTLY_BARE:
        return np.zeros_like(mask), np.zeros_like(mask), 0
    gone, near, count = np.zeros_like(mask), np.zeros_like(mask), 0
    thickest = max(2.0, THICKEST * min(ink.shape))
    while scores.max() >= COVERED:
        slope, row = np.unravel_index(scores.argmax(), scores.shape)
        at = np.clip(row + shifts[slope] - reach, 0, height - 1)
        rows = np.stack([np.clip(at + step, 0, height - 1) for step in (0, -1, 1, -2, 2)])
        first = mask[rows, columns].argmax(axis=0)
        at = rows[first, columns]
        hit = mask[at, columns]
        top, bottom = start[at, columns], end[at, columns]
        lengths = np.sort((bottom - top)[hit])
        thickness = float(lengths[len(lengths) // 2]) if len(lengths) else np.inf
        spread = int(min(thickness, thickest)) + 2
        scores[:, max(0, row - spread) : row + spread + 1] = 0
        if thickness > thickest:
            continue
        count += 1
        line = hit & (bottom - top <= RUN * thickness + 1)
        index = np.arange(height)[:, None]
        gone |= line & (index >= top - 1) & (index < bottom + 1)
        near |= (index >= at - spread) & (index <= at + spread)
    return gone, near, count


def _extents(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the run of each pixel in its column begins, and ends."""
    index = np.broadcast_to(np.arange(len(mask))[:, None], mask.shape)
    start = np.maximum.accumulate(np.where(mask, 0, index + 1), axis=0)
    end = np.minimum.accumulate(np.where(mask, len(mask), index)[::-1], axis=0)[::-1]
    return start, end
