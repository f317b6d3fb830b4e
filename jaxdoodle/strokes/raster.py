"""Strokes -> pixels: round caps and joins, antialiased as cairo does it, in NumPy alone.

Each pixel is crossed by 15 lines; along a line the covered length is exact. Within a stroke ink is a union; where a
stroke covers a pixel in part, it is composited over the earlier ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.strokes.drawing import BOX, MAX_COORDINATE, Drawing, check

_LINES = 15  # lines per pixel, as in cairo
_STEPS = 256  # positions along a line, per pixel
_CHUNK_SIZE = 2**16  # pixels and lines of all strokes painted at once: keeps the work in the processor's cache
_BAND_SIZE = 2**21  # pixels, or spans, of a chunk at once, but at least one row of one drawing


def rasterize(
    drawings: Sequence[Drawing], size: int = 28, line_width: float = 16.0, padding: float = 16.0
) -> NDArray[np.uint8]:
    """Render simplified drawings as in the published bitmaps of Quick, Draw!.

    Each drawing is centered in a 256 box by its maximum in each axis, ``padding`` and half a ``line_width`` stay free
    on every side, and the whole is scaled to ``size`` pixels.

    Args:
      drawings: Simplified drawings.
      size: Pixels of a side of the bitmaps.
      line_width: Stroke width, in units of the drawing.
      padding: Free border, in the same units.

    Returns:
      uint8 ``(n, size, size)``, white ink on black.

    Raises:
      InputError: One of them is no drawing, or a size is impossible.
    """
    if size < 1 or line_width <= 0 or padding < 0:
        raise InputError(f"size and line_width are above 0, padding is not below; got {size}, {line_width}, {padding}.")
    scale = size / (BOX + 2 * padding + line_width)
    return paint(drawings, (size, size), scale, line_width * scale, size / 2 - scale * middles(drawings))


def middles(drawings: Sequence[Drawing]) -> NDArray[np.float64]:
    """Half the maximum of each drawing in x and y: float64 ``(n, 2)``. Raises ``InputError`` at what is no drawing."""
    largest = np.empty((len(drawings), 2))
    with _naming_the_drawing(drawings):
        for axis in (0, 1):
            largest[:, axis] = [max([max(stroke[axis]) for stroke in drawing]) for drawing in drawings]
    return largest / 2


def paint(
    drawings: Sequence[Drawing], shape: tuple[int, int], scale: float, stroke_width: float, offsets: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Render drawings at any scale and place; what lies outside the bitmap is cut off.

    Args:
      drawings: In any units.
      shape: (height, width) of the bitmaps, in pixels.
      scale: Pixels per unit.
      stroke_width: In pixels.
      offsets: float64 ``(n, 2)``: how far each scaled drawing is moved in x and y, in pixels.

    Returns:
      uint8 ``(n, height, width)``, white ink on black.

    Raises:
      InputError: One of them is no drawing.
    """
    images = np.empty((len(drawings), *shape), np.uint8)
    with _naming_the_drawing(drawings):
        for first, last in _chunks(drawings, shape):
            parts = _parts(drawings[first:last], shape[1])
            free = math.prod(_uncovered(part, shape, scale, stroke_width / 2, offsets[first:last]) for part in parts)
            images[first:last] = np.rint(255 * (1 - free))
    return images


@contextmanager
def _naming_the_drawing(drawings: Sequence[Drawing]) -> Iterator[None]:
    """Checking every number takes longer than painting, so it is done only after painting has failed."""
    try:
        yield
    except (TypeError, ValueError, OverflowError, IndexError, KeyError):
        for index, drawing in enumerate(drawings):
            try:
                check(drawing)
            except InputError as error:
                raise InputError(f"drawing {index}: {error}") from None
        raise


def _chunks(drawings: Sequence[Drawing], shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """First and last + 1 of runs of drawings, at least one each, that take about the memory of ``_CHUNK_SIZE``."""
    pixels = shape[0] * shape[1]
    first, load = 0, 0
    for index, drawing in enumerate(drawings):
        more = sum([pixels + _LINES * len(stroke[0]) for stroke in drawing])
        if load + more > _CHUNK_SIZE and index > first:
            yield first, index
            first, load = index, 0
        load += more
    if first < len(drawings):
        yield first, len(drawings)


def _parts(drawings: Sequence[Drawing], width: int) -> Iterator[Sequence[Drawing]]:
    """A chunk; or, in parts, one drawing of so many strokes that a row of them all exceeds ``_BAND_SIZE``."""
    most = max(1, _BAND_SIZE // width)
    if len(drawings) > 1 or len(drawings[0]) <= most:
        yield drawings
    else:
        yield from ([drawings[0][first : first + most]] for first in range(0, len(drawings[0]), most))


def _uncovered(
    drawings: Sequence[Drawing], shape: tuple[int, int], scale: float, radius: float, offsets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The fraction of each pixel that the strokes leave uncovered, float64 ``(n, height, width)``."""
    strokes = [stroke for drawing in drawings for stroke in drawing]
    strokes_each = np.array([len(drawing) for drawing in drawings])
    points_each = np.array([len(stroke[0]) for stroke in strokes])
    if not strokes_each.all() or not points_each.all() or any(len(stroke[0]) != len(stroke[1]) for stroke in strokes):
        raise ValueError("a stroke without points")
    first_stroke, last_point = _starts(strokes_each), np.cumsum(points_each) - 1

    points = np.empty((2, points_each.sum()))
    for axis in (0, 1):
        points[axis] = np.fromiter(chain.from_iterable(stroke[axis] for stroke in strokes), float, points.shape[1])
    if not (np.abs(points) < MAX_COORDINATE).all():
        raise ValueError("a coordinate out of range")
    points *= scale
    points += np.repeat(offsets.T, np.add.reduceat(points_each, first_stroke), axis=1)

    # A segment joins each point to the next; a stroke of one point is a segment of no length.
    end = np.arange(1, points.shape[1] + 1)
    end[last_point] = last_point
    begins = np.ones(points.shape[1], bool)
    begins[last_point] = points_each == 1
    stroke = np.repeat(np.arange(len(strokes)), points_each)[begins]
    start, end = points[:, begins], points[:, end[begins]]

    height, width = shape
    rows = max(1, min(height, _BAND_SIZE // (len(strokes) * width + _LINES * len(stroke))))
    free = np.empty((len(drawings), height, width))
    for top in range(0, height, rows):
        down, band = [[0.0], [top]], (min(rows, height - top), width)
        count, line, left, right = _spans(start - down, end - down, radius, band)
        line += np.repeat(stroke * (_LINES * band[0]), count)  # the lines of one stroke after those of the other
        line, left, right = _union(line, left, right, width)
        coverage = _fill(line, left, right, band, len(strokes))
        free[:, top : top + rows] = np.multiply.reduceat(1 - coverage, first_stroke)
    return free


def _spans(start: NDArray[Any], end: NDArray[Any], radius: float, shape: tuple[int, int]) -> tuple[NDArray[Any], ...]:
    """Where the lines cross the ink of each segment: spans, those of a segment after each other.

    ``start`` and ``end`` are float64 ``(2, segments)``, x and y in pixels. Returns integers: how many spans each
    segment has, and for each span its line, where it begins and where it ends, in steps from the left. The ink
    is a disk at both ends and a rectangle between them; as a whole that is convex, so a line crosses it once.
    """
    (x0, y0), (x1, y1) = np.where(start[1] <= end[1], start, end), np.where(start[1] <= end[1], end, start)
    count, line = _centers_within(_LINES * (y0 - radius), _LINES * (y1 + radius), _LINES * shape[0])

    def each(values: NDArray[Any]) -> NDArray[np.float32]:
        """A value of each segment for each of its spans."""
        return np.repeat(values.astype(np.float32), count)

    # A line at ``down`` below the start cuts the rectangle between its two long sides and between its two ends.
    # No side is exactly level or upright, so that every line cuts it in one point.
    dy = np.maximum(y1 - y0, 1e-4)
    dx = np.where(np.abs(x1 - x0) < 1e-4, 1e-4, x1 - x0)
    squared = dx**2 + dy**2
    down = (line.astype(np.float32) + 0.5) / _LINES - each(y0)
    middle, half = down * each(_STEPS * dx / dy), each(_STEPS * radius * np.sqrt(squared) / dy)
    ends, length = down * each(-_STEPS * dy / dx), _STEPS * squared / dx
    left = np.maximum(middle - half, ends + each(np.minimum(length, 0)))
    right = np.minimum(middle + half, ends + each(np.maximum(length, 0)))
    missed = left > right
    left[missed], right[missed] = np.inf, -np.inf

    disk = _disk_half_width(radius)
    for x, y in ((0.0, down), (each(_STEPS * (x1 - x0)), down - each(y1 - y0))):
        half = disk[np.minimum(np.abs(y) * np.float32((len(disk) - 2) / radius) + 0.5, len(disk) - 1).astype(np.intp)]
        np.minimum(left, x - half, out=left)
        np.maximum(right, x + half, out=right)

    x = each(_STEPS * x0 + 0.5)
    left, right = (np.clip(side + x, 0, _STEPS * shape[1]).astype(np.int32) for side in (left, right))
    return count, line, left, np.maximum(left, right)


def disk_corners(radius: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of the corners of a disk in its first quarter, from y = 0 on.

    The disk is a polygon with its corners on the circle, within a tenth of a pixel of it, as in cairo.
    """
    sides = 2 * np.ceil(np.pi / np.arccos(max(1 - 0.1 / radius, 0)))
    angles = np.arange(sides // 4 + 1) * 2 * np.pi / sides
    return radius * np.cos(angles), radius * np.sin(angles)


def _disk_half_width(radius: float) -> NDArray[np.float32]:
    """Half the width of a disk, in steps, at even heights from 0 to ``radius``; then -infinity, for beyond it."""
    x, y = disk_corners(radius)
    widths = np.interp(np.linspace(0, radius, 1024), y, x, right=-np.inf)
    return _STEPS * np.append(widths, -np.inf).astype(np.float32)


def _union(line: NDArray[Any], left: NDArray[Any], right: NDArray[Any], width: int) -> tuple[NDArray[Any], ...]:
    """The spans of each line with overlapping ones merged, in order.

    Sorted as one number each (line, left, right); runs of a segment are in order already, which timsort is quick with.
    A span that begins beyond all earlier ends begins a new merged one.
    """
    bits = (_STEPS * width).bit_length()
    spans = np.sort((line << 2 * bits) | (left.astype(np.int64) << bits) | right, kind="stable")
    line, left, right = spans >> 2 * bits, spans >> bits, spans & ((1 << bits) - 1)
    reached = np.maximum.accumulate((line << bits) | right)
    new = np.ones(len(spans), bool)
    new[1:] = left[1:] > reached[:-1]
    last = np.roll(new, -1)
    return line[new], left[new] & ((1 << bits) - 1), reached[last] & ((1 << bits) - 1)


def _fill(
    line: NDArray[Any], left: NDArray[Any], right: NDArray[Any], shape: tuple[int, int], strokes: int
) -> NDArray[Any]:
    """The fraction of each pixel that the spans cover: float64 ``(strokes, height, width)``.

    A span adds its line from its left end on and takes it away from its right end on; the pixel where that happens
    gets a part, and the next one the rest. The running sum over all pixels, row after row, is the coverage; as it
    counts in steps it is exact, and a drawing does not depend on the others of its chunk.
    """
    pixels = strokes * shape[0] * shape[1]
    pixel = line // _LINES * shape[1]
    at = np.concatenate([pixel + left // _STEPS, pixel + right // _STEPS])
    late = np.concatenate([left % _STEPS, -(right % _STEPS)])
    early = np.repeat([_STEPS, -_STEPS], len(line)) - late
    changes = np.bincount(np.concatenate([at, at + 1]), np.concatenate([early, late]), pixels + 2)
    return changes.cumsum()[:-2].reshape(strokes, *shape) / (_STEPS * _LINES)


def _centers_within(low: NDArray[Any], high: NDArray[Any], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The i of 0..size-1 with i + 0.5 within each interval: how many there are, and all of them in a row."""
    first = np.clip(np.ceil(low - 0.5), 0, size).astype(np.int64)
    count = np.clip(np.floor(high + 0.5), first, size).astype(np.int64) - first
    return count, np.arange(count.sum()) + np.repeat(first - _starts(count), count)


def _starts(counts: NDArray[Any]) -> NDArray[Any]:
    return np.cumsum(counts) - counts
