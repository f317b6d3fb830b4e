"""Straight lines that are longer than the drawing beside them: axes, dividers, a pencil on the page; bar codes."""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import Parts

#: A bar is so many times as long as wide, in any direction.
LONG = 8.0
#: A row or a column of a region is a line where ink covers this fraction of it; nearly all of the region is on lines or
#: within this fraction of its side of one (ticks), and ink is no more than the next fraction of its box.
COVERED, BESIDE, OFF, INKED = 0.6, 0.03, 0.1, 0.2
#: Flat bars are no drawing where they are as long as all that is not straight, other straight regions where they are so
#: many times as long: fine lines (so many times as long as wide), thicker ones, boxes. Beside these, what is smaller
#: than this fraction of the page is no drawing.
FINE, LONGER_FINE, LONGER_BAR, LONGER_BOX, LEAST = 25.0, 1.2, 1.8, 1.4, 0.12
#: A flat bar rises by no more than this fraction of its length.
RISE = 0.15
#: So many regions as high as one another, in a row with gaps up to this fraction of their height, are a bar code.
BARS, GAP = 8, 0.25


def printed(parts: Parts) -> NDArray[np.bool_]:
    """Of each region, by number, whether it is straight and not drawn: longer than what is not straight, or a bar code.

    Beside one that is, boxes are print, too.
    """
    elongation = _elongation(parts)
    bars, boxes = elongation >= LONG, _boxes(parts, elongation)
    straight, sides = bars | boxes, parts.sides
    high, wide = (parts.boxes[:, 2:] - parts.boxes[:, :2]).T
    flat = bars & (wide > high) & (high <= RISE * wide + parts.areas / np.maximum(wide, 1))
    longest = sides[1:][~straight[1:]].max(initial=0)
    if longest >= LEAST * max(parts.number.shape):
        longer = np.where(boxes, LONGER_BOX, np.where(elongation >= FINE, LONGER_FINE, LONGER_BAR))
        found = (flat & (sides >= longest)) | (straight & (sides >= longer * longest))
    else:  # what is drawn may be straight, too
        found = flat & (sides >= sides[1:][~flat[1:]].max(initial=0))
    found |= _code(parts)
    return found | boxes if found.any() else found


def straight_of(parts: Parts) -> NDArray[np.bool_]:
    """Of each region, by number, whether it is a bar in any direction or of lines along rows and columns."""
    elongation = _elongation(parts)
    return (elongation >= LONG) | _boxes(parts, elongation)


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
    row = np.flatnonzero(parts.boxes[1:, 2] - parts.boxes[1:, 0] >= LONG) + 1
    row = row[np.argsort(parts.boxes[row, 1])]
    top, _, bottom, _ = parts.boxes[row].T
    alike = (np.abs(top[:, None] - top) <= 1) & (np.abs(bottom[:, None] - bottom) <= 1)
    if len(row) and alike.sum(axis=1).max() >= BARS:
        row = row[alike[alike.sum(axis=1).argmax()]]
        top, left, bottom, right = parts.boxes[row].T
        found[row] = np.median(left[1:] - right[:-1]) <= GAP * np.median(bottom - top)
    return found
