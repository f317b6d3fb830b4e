"""Straight lines that the drawing's pen did not make: axes, lines for an address, a pencil on the page; bar codes.

A tall 1 beside smaller digits, the stem of a 4 or of a lollipop are as straight and as long. But they are as wide as
the other strokes; what is printed is finer, what lies on the page thicker.
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import Parts
from jaxdoodle.preprocessing.stroke_width import width_by_outline

#: A bar is so many times as long as wide, in any direction.
LONG = 8.0
#: A row or a column of a region is a line where ink covers this fraction of it; nearly all of the region is on lines or
#: within this fraction of its side of one (ticks), and ink is no more than the next fraction of its box.
COVERED, BESIDE, OFF, INKED = 0.6, 0.03, 0.1, 0.2
#: The strokes of what is smaller than this fraction of the page are not measured.
LEAST = 0.12
#: A line of so few cells is one cell wider or narrower by where it lies.
COARSE = 3.0
#: The pen is another where strokes are so many times as wide, or as narrow.
OTHER_PEN = 1.5
#: Of the straight lines of another pen one is so many times as long as the drawing.
LONGER = 1.6
#: So many regions as high as one another, in a row with gaps up to this fraction of their height, are a bar code; each
#: fills this part of its box, as bars do whose gaps are finer than a cell.
BARS, GAP, FILLED = 3, 0.15, 0.9


def printed(parts: Parts) -> NDArray[np.bool_]:
    """Of each region, by number, whether it is straight and of another pen than the drawing, or of a bar code."""
    elongation, found = _elongation(parts), _code(parts)
    straight = (elongation >= LONG) | _boxes(parts, elongation)
    drawn = 1 + np.flatnonzero(~straight[1:] & (parts.sides[1:] >= LEAST * max(parts.number.shape)))
    longer = straight & (parts.sides >= LONGER * parts.sides[drawn].max(initial=0))
    if len(drawn) and longer.any():
        pen = np.median([_widths(parts, int(one)) for one in drawn], axis=0)
        widths = np.array([_widths(parts, one) if straight[one] else pen for one in range(len(parts.areas))])
        other, by_ink = (np.maximum(widths / pen, pen / widths) >= OTHER_PEN).T
        other |= by_ink & (widths[:, 0] <= COARSE)
        if (other & longer).any():
            found |= other
    return found


def _widths(parts: Parts, one: int) -> tuple[float, float]:
    """The stroke width of a region, in cells, and by how much of them is ink."""
    top, left, bottom, right = parts.boxes[one]
    inked = parts.number[top:bottom, left:right] == one
    width = width_by_outline(inked.astype(np.float32))
    return width, width * float(parts.areas[one] / np.count_nonzero(inked))


def _elongation(parts: Parts) -> NDArray[np.float64]:
    """Of each region, how many times as long as wide a bar is whose ink, or outline, is spread as far; 0 of none."""
    count = len(parts.areas)
    rows, columns = np.nonzero(parts.number)
    number = parts.number[rows, columns]
    sizes = np.maximum(np.bincount(number, minlength=count), 1)
    y, x = (at - (np.bincount(number, at, count) / sizes)[number] for at in (rows, columns))
    yy, xx, xy = (np.bincount(number, product, count) / sizes for product in (y * y, x * x, x * y))
    half, apart = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    length, width = (np.sqrt(12 * np.maximum(variance, 1 / 12)) for variance in (half + apart, half - apart))
    length[0] = 0
    return np.asarray(length / width)


def _boxes(parts: Parts, elongation: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of each region, whether it is no bar, and of lines along rows and columns."""
    found = np.zeros(len(parts.areas), bool)
    for one in np.flatnonzero((elongation[1:] < LONG) & (parts.sides[1:] >= LONG)) + 1:
        found[one] = _of_lines(parts, int(one))
    return found


def _of_lines(parts: Parts, one: int) -> bool:
    """Whether nearly all of a region is on rows and columns that it covers."""
    top, left, bottom, right = parts.boxes[one]
    inked = parts.number[top:bottom, left:right] == one
    if parts.areas[one] > INKED * inked.size:
        return False
    reach = 1 + int(BESIDE * max(inked.shape))
    near = np.zeros_like(inked)
    for mask, along in ((inked, near), (inked.T, near.T)):
        for line in np.flatnonzero(mask.mean(axis=1) >= COVERED):
            along[max(line - reach, 0) : line + reach + 1] = True
    return bool((inked & ~near).sum() <= OFF * inked.sum())


def _code(parts: Parts) -> NDArray[np.bool_]:
    """Of each region, whether it is in a row of many that begin and end as high as one another."""
    found = np.zeros(len(parts.areas), bool)
    sizes = parts.boxes[:, 2:] - parts.boxes[:, :2]
    full = np.bincount(parts.number.ravel(), minlength=len(parts.areas)) >= FILLED * sizes.prod(axis=1)
    row = np.flatnonzero(full[1:] & (sizes[1:, 0] >= LONG)) + 1
    row = row[np.argsort(parts.boxes[row, 1])]
    top, _, bottom, _ = parts.boxes[row].T
    alike = (np.abs(top[:, None] - top) <= 1) & (np.abs(bottom[:, None] - bottom) <= 1)
    if len(row) and alike.sum(axis=1).max() >= BARS:
        row = row[alike[alike.sum(axis=1).argmax()]]
        top, left, bottom, right = parts.boxes[row].T
        found[row] = np.median(left[1:] - right[:-1]) <= GAP * np.median(bottom - top)
    return found
