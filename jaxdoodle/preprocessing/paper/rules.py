"""Straight lines from edge to edge (rules of paper, squares, margins, borders of cells), and the ink without them.

A line is followed column by column. Where the ink through it is no thicker than the line is elsewhere it goes, where it
is thicker a stroke crosses and stays. Lines fainter than the drawing go by their strength.

Reference: the removal of staff lines from printed music by runs (Dalitz et al. 2008, "A comparative study of staff
removal algorithms").
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import REGION_CELLS, Parts, in_cells, parts_of, without

#: Ink of this strength is part of a line.
LINE_INK = 0.2
#: Steepest line, as rise over its length: a page that lies askew by 5.7 degrees.
SLOPE = 0.1
#: Ink covers at least so much of a line; half of all lines are within so many pixels, or this fraction of the picture.
COVERED, THICKEST = 0.75, 0.05
#: Half of all lines across a page are covered less than this; noise covers all of them.
MOSTLY_BARE = 0.5
#: Ink up to so many times as thick as the line, and a pixel, is the line.
RUN = 1.6
#: Regions of which so much lies on lines are left from crossings.
ON_LINES = 0.9
#: Cells a side on which sides of cells are found, apart from what stands on the lines that they end at.
APART_CELLS = 256
#: The side of a cell between two lines is so many times as long as wide.
SIDE = 6
#: Lines up to this fraction of the drawing's strength go by their strength.
FAINT = 0.75


def is_lined(ink: NDArray[np.float32], least: int) -> bool:
    """Whether so many rows or columns of cells, or more, may be lines from edge to edge of the ink (h, w)."""
    mask = in_cells(ink, -(-max(ink.shape) // REGION_CELLS), np.maximum) > LINE_INK
    return any(np.count_nonzero(_covers(way)[0].max(axis=0) >= COVERED) >= least for way in (mask, mask.T))


def without_lines(ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The ink (h, w) without lines from edge to edge, and how many those were from left to right and from above."""
    counts, thickest = [], 0.0
    on_lines = np.zeros(ink.shape, bool)
    cleared = ink
    for turned in (False, True):
        source = ink.T if turned else ink
        runs, near, widths = _runs(source)
        counts.append(len(widths))
        if widths:
            thickest = max(thickest, *widths)
            cleared = np.where(runs.T if turned else runs, np.float32(0), cleared)
            on_lines |= near.T if turned else near
    across, down = counts
    if not across + down:
        return ink, (0, 0)
    away, along = ink[~on_lines & (ink > LINE_INK)], ink[on_lines & (cleared == 0) & (ink > LINE_INK)]
    if len(away) > 8 and len(along) > 8:
        strength, line = (float(np.sort(some)[len(some) * 3 // 4]) for some in (away, along))
        if line < FAINT * strength:
            low = 1.15 * line
            cleared = np.clip((ink - low) / (strength - low), 0, 1).astype(np.float32)
    apart = parts_of(np.where(on_lines, np.float32(0), cleared), APART_CELLS, 0)
    cleared = without(cleared, apart, _between_lines(apart, on_lines, thickest))
    parts = parts_of(cleared, REGION_CELLS, 0)
    left = in_cells(cleared * on_lines, parts.cell) / parts.cell**2
    share = np.bincount(parts.number.ravel(), weights=left.ravel(), minlength=len(parts.areas))
    return without(cleared, parts, share > ON_LINES * parts.areas), (across, down)


def _between_lines(parts: Parts, on_lines: NDArray[np.bool_], thickest: float) -> NDArray[np.bool_]:
    """Of each region, whether it is a line as thin as those from edge to edge, from one of them to the next."""
    near = in_cells(on_lines.astype(np.float32), parts.cell) > 0
    found = np.zeros(len(parts.areas), bool)
    for cells, (top, left, bottom, right) in ((near, parts.boxes.T), (near.T, parts.boxes.T[[1, 0, 3, 2]])):
        high = bottom - top
        thin = (high >= SIDE * (right - left)) & (parts.areas * parts.cell <= (RUN * thickest + 1) * high)
        for number in np.flatnonzero(thin[1:]) + 1:
            beside = np.asarray(cells[:, left[number] : right[number]].any(axis=1))
            found[number] |= all(beside[max(at - 1, 0) : at + 1].any() for at in (top[number], bottom[number]))
    return found


def _runs(ink: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], list[float]]:
    """The pixels of lines from left to right, those and their surroundings, and how thick each line is."""
    height, width = ink.shape
    mask = ink > LINE_INK
    thick = mask.copy()
    thick[1:] |= mask[:-1]
    thick[:-1] |= mask[1:]
    scores, shifts = _covers(thick)
    if scores.max() < COVERED or np.mean(scores > MOSTLY_BARE) > 0.5:
        return np.zeros_like(mask), np.zeros_like(mask), []
    start, end = _extents(mask)
    columns, ends, widths = np.arange(width), max(1, width // 50), list[float]()
    gone, near = np.zeros((2, height + 1, width), np.int16)  # 1 where something begins, -1 where it ends
    thickest = max(2.0, THICKEST * min(ink.shape))
    while scores.max() >= COVERED:
        slope, row = np.unravel_index(scores.argmax(), scores.shape)
        at = np.clip(row + shifts[slope], 0, height - 1)
        rows = np.stack([np.clip(at + step, 0, height - 1) for step in (0, -1, 1, -2, 2)])
        first = mask[rows, columns].argmax(axis=0)
        at = rows[first, columns]
        hit = mask[at, columns]
        top, bottom = start[at, columns], end[at, columns]
        lengths = np.sort((bottom - top)[hit])
        thickness = float(lengths[len(lengths) // 2]) if len(lengths) else np.inf
        spread = int(min(thickness, thickest)) + 2
        scores[:, max(0, row - spread) : row + spread + 1] = 0
        if thickness > thickest or not hit[:ends].any() or not hit[-ends:].any():
            continue
        widths.append(thickness)
        line = hit & (bottom - top <= RUN * thickness + 1)
        for marks, low, high, where in (
            (gone, top - 1, bottom + 1, columns[line]),
            (near, at - spread, at + spread + 1, columns),
        ):
            marks[np.maximum(low[where], 0), where] += 1
            marks[np.minimum(high[where], height), where] -= 1
    on_line, beside = (np.cumsum(marks[:-1], axis=0, dtype=np.int16) > 0 for marks in (gone, near))
    return on_line, beside, widths


def _covers(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """How much of each line across the mask (h, w) is covered: (slopes, h), by its row in the middle.

    And how far each is from that row in each column, (slopes, w). Lines of 1, 2, 4, ... columns are put together.

    Reference: Brady 1998, "A fast discrete approximation algorithm for the Radon transform".
    """
    height, width = mask.shape
    room = int(np.ceil(SLOPE * width)) + 1
    found = []
    for turned in (mask, mask[::-1]):
        padded = np.pad(turned, ((room, room), (0, (1 << (width - 1).bit_length()) - width)))
        sums = np.ascontiguousarray(padded.T, np.int16)[:, None]
        lines = np.zeros((1, 1), np.intp)
        while len(sums) > 1:
            rises = np.arange(int(np.ceil(2 * SLOPE * lines.shape[1])) + 1)
            half, step = rises // 2, (rises + 1) // 2
            left, right = sums[::2], sums[1::2]
            sums = left[:, half]
            for rise in rises:
                sums[:, rise, : sums.shape[2] - step[rise]] += right[:, half[rise], step[rise] :]
            lines = np.concatenate([lines[half], lines[half] + step[:, None]], axis=1)
        middle = lines[:, width // 2]
        cover = [one[room - first : room - first + height] for one, first in zip(sums[0], middle, strict=True)]
        found.append((np.array(cover, np.float32) / width, lines[:, :width] - middle[:, None]))
    (falling, down), (rising, up) = found
    return np.concatenate([falling, rising[1:, ::-1]]), np.concatenate([down, -up[1:]])


def _extents(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Where the run of each pixel in its column begins, and ends."""
    index = np.arange(len(mask), dtype=np.int32)[:, None]
    start = np.maximum.accumulate(np.where(mask, np.int32(0), index + 1), axis=0)
    end = np.minimum.accumulate(np.where(mask, np.int32(len(mask)), index)[::-1], axis=0)[::-1]
    return start, end
