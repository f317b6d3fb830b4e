"""The pen that drew the ink: how broad it is, and the same drawing by another pen.

Along its middle, the centreline, a line is half a pen away from the paper. Where lines have run together they are
broader than the pen, nowhere finer; so the pen is what most of the centreline is at most, and the drawing by a finer
pen is the ink less what lies within reach of the paper, but for the centreline, which stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxdoodle.preprocessing.resample import resample

Array = Any  # numpy.ndarray

#: A width is common if at least this part of the commonest one's places have it.
COMMON = 0.5
#: Less deep than this part of half a pen, the centreline of a broad one is a spur: it forks where lines end.
SPUR = 0.8
#: Pixels to one bitmap pixel while the pen is measured and changed, but no more than so many to the longer side.
FINE, FINEST = 6, 512
#: Broader than so many of the contract's pens are no lines but filled shapes.
BROADEST = 3.5
NEIGHBOURS = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))  # clockwise, from above


def by_outline(ink: Array) -> float:
    """The width of the pen as twice the area by the length of the outline: exact for a long stroke, quick.

    The outline is the total variation, here over squares of four pixels, which count slanted edges right.
    """
    p = np.pad(ink, 1)
    a, b, c, d = p[:-1, :-1], p[:-1, 1:], p[1:, :-1], p[1:, 1:]
    return float(2 * ink.sum() / (np.hypot(b + d - a - c, c + d - a - b).sum() / 2))


def redrawn_to(
    ink: Array, longest_side: float, goal: float, kept: tuple[float, float]
) -> tuple[Array, float, float, float]:
    """Ink (h, w) that fills its box -> as it would be by a pen ``goal`` wide where its longer side is ``longest_side``.

    A pen between the parts ``kept`` of the goal stays, and the ink as it is. Also returns the pen's width in the ink,
    the scale from the ink to ``longest_side``, and by how much the pen was widened, in units of the latter.
    """
    longest = max(ink.shape)
    grain = min(FINE, FINEST / longest_side)
    zoom = grain * longest_side / longest
    mask = np.pad(_enlarged(ink, zoom), 1)
    most = round(BROADEST * goal * grain / 2)
    depth = distance(~mask, most)
    line = centreline(mask, most)
    fine = _width(line, depth, most)
    pen = fine / zoom
    if kept[0] * goal <= fine / grain <= kept[1] * goal or pen > longest / 2:
        return ink, pen, longest_side / longest, 0.0
    scale = (longest_side - goal) / (longest - pen)  # what the pen's middle went through is scaled
    target = goal * zoom / scale
    reach = int(np.ceil(target))
    mask, line, depth = (np.pad(a, reach) for a in (mask, line, depth))
    outwards = (target - fine) / 2
    if outwards > 0:
        ink = 1 + outwards - distance(mask, reach)
    else:
        line &= depth >= SPUR * fine / 2
        ink = np.maximum(depth + outwards, target / 2 + 0.5 - distance(line, reach))
    return np.clip(ink, 0, 1), pen, scale, goal - pen * scale


def _enlarged(ink: Array, zoom: float) -> Array:
    """The ink ``zoom`` times as large, as bool: ink or paper."""
    height, width = (int(np.ceil(n * zoom)) for n in ink.shape)
    if zoom >= 1:
        large = resample(ink, zoom, (0.0, 0.0), (height, width))
        return large > 0.5 * large.max()
    # the strongest in each place, not the mean: a pen finer than a pixel must not fade away
    rows, columns = (np.arange(m) * n // m for m, n in zip((height, width), ink.shape, strict=True))
    return np.maximum.reduceat(np.maximum.reduceat(ink, rows, axis=0), columns, axis=1) > 0.5 * ink.max()


def _width(line: Array, depth: Array, most: int) -> float:
    """Of the pen, from the depth of the ink along its centreline: the least width that much of the line has.

    What is deeper than ``most`` is a filled shape, unless there is nothing else.
    """
    along = depth[line]
    widths = 2 * (along[along <= most] if (along <= most).any() else along) - 1
    common = np.convolve(np.bincount(widths.astype(int)), (1, 2, 2, 1))[1:]
    first = int(np.argmax(common >= COMMON * common.max()))
    peak = first + int(np.argmax(common[first : first + 4]))
    return float(widths[np.abs(widths - peak) <= 2.5].mean())


def distance(mask: Array, reach: int) -> Array:
    """Euclidean distance of each pixel to the nearest in the mask, as far as ``reach``: along columns, then rows."""
    squared = np.where(mask, np.float32(0), np.float32((reach + 1) ** 2))
    for axis in (0, 1):
        padded = np.pad(squared, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        best = squared
        for step in range(-reach, reach + 1):
            start = reach + step
            moved = padded[start : start + mask.shape[0]] if axis == 0 else padded[:, start : start + mask.shape[1]]
            best = np.minimum(best, moved + np.float32(step * step))
        squared = best
    return np.sqrt(squared)


def centreline(mask: Array, layers: int) -> Array:
    """The ink thinned to lines one pixel wide, by Zhang and Suen's rule, from outside in; after ``layers`` it ends."""
    line = np.pad(mask, 1).astype(np.uint8)
    inner = line[1:-1, 1:-1]
    around = np.empty_like(inner)
    for _ in range(layers):
        before = np.count_nonzero(inner)
        for removable in _REMOVABLE:
            around[:] = 0
            for row, column in reversed(NEIGHBOURS):
                around += around
                around += line[row : row + around.shape[0], column : column + around.shape[1]]
            inner[removable[around] & inner.view(bool)] = 0
        if np.count_nonzero(inner) == before:
            break
    return inner.astype(bool)


def _removable(first: bool) -> Array:
    """For each pattern of the eight neighbours, whether the pixel goes in the first or second half of a round.

    The last two by two pixels would all go at once; one of them is kept.
    """
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    count, changes = bits.sum(axis=1), ((bits == 0) & (np.roll(bits, -1, axis=1) == 1)).sum(axis=1)
    north, east, south, west = (bits[:, i] for i in (0, 2, 4, 6))
    held = (east & south & (north | west)) if first else (north & west & (east | south))
    kept = np.arange(256) == (0b11000001 if first else 0b00011100)  # its neighbours are those of a square's corner
    return (count >= 2) & (count <= 6) & (changes == 1) & (held == 0) & ~kept


_REMOVABLE = _removable(True), _removable(False)
