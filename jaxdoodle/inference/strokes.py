"""Drawings as strokes: reading them, simplifying them, and rendering them as Quick, Draw! does.

A drawing is a list of strokes; a stroke is ``(x, y)``, two equally long sequences of numbers, y pointing down
(raw files add a third, the times, which nothing here uses). A *simplified* drawing is shifted to start at 0 in
both axes, and its longer side is 255.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.inference.errors import InputError

Stroke = Sequence[Any]  # (x, y) or (x, y, t)
Drawing = Sequence[Stroke]

BOX = 256  # a simplified drawing lies in a box of this side
_LIMIT = 1e6  # of a coordinate
_CHUNK = 2**16  # pixels and lines of all strokes rendered at once: keeps the work in the processor's cache


def read_ndjson(path: str | Path) -> Iterator[list]:
    """The drawings of a simplified or raw ``.ndjson`` file, one at a time, in constant memory.

    Raises ``InputError`` naming the file, and the line that is no drawing.
    """
    try:
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    drawing = _drawing_of(line)
                except InputError as error:
                    raise InputError(f"{path}, line {number}: {error}") from None
                yield drawing
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected an .ndjson file, one drawing a line.") from None


def _drawing_of(line: bytes) -> list:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected a JSON object; {error}.") from None
    if not isinstance(record, dict) or "drawing" not in record:
        raise InputError(f'expected a JSON object with a "drawing"; got {_shortened(record)}.')
    check(record["drawing"])
    return record["drawing"]


def check(drawing: Drawing) -> None:
    """Raise ``InputError`` unless this is one or more strokes of one or more points, no number above a million."""
    if not isinstance(drawing, Sequence) or isinstance(drawing, str) or not drawing:
        raise InputError(f"a drawing is a list of strokes; got {_shortened(drawing)}.")
    for index, stroke in enumerate(drawing):
        try:
            x, y = stroke[:2]
            fine = len(x) == len(y) > 0 and all(abs(value) < _LIMIT for value in chain(x, y))
        except (TypeError, ValueError, KeyError):
            fine = False
        if not fine:
            raise InputError(f"stroke {index} is two equally long lists of numbers, x and y; got {_shortened(stroke)}.")


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def simplify(drawing: Drawing) -> list[tuple[list[int], list[int]]]:
    """A raw drawing as Quick, Draw! simplifies it.

    Shift to 0, scale the longer side to 255, resample each stroke at 1 pixel, drop what the
    Ramer-Douglas-Peucker algorithm finds to lie within 2 pixels, round. One that is simplified stays as it is.
    """
    check(drawing)
    if _is_simplified(drawing):
        return [(list(x), list(y)) for x, y in drawing]
    strokes = [np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], 1) for x, y, *_ in drawing]
    low = np.min([stroke.min(0) for stroke in strokes], axis=0)
    side = np.max([stroke.max(0) for stroke in strokes], axis=0) - low
    scale = (BOX - 1) / side.max() if side.max() > 0 else 1.0
    simple = [np.rint(_simplify_line(_resample((stroke - low) * scale), 2.0)).astype(int) for stroke in strokes]
    return [(points[:, 0].tolist(), points[:, 1].tolist()) for points in simple]


def _is_simplified(drawing: Drawing) -> bool:
    """Two lists of integers a stroke, the least of each axis 0, the largest of all 255."""
    if any(len(stroke) != 2 for stroke in drawing):
        return False
    xs, ys = (list(chain.from_iterable(stroke[axis] for stroke in drawing)) for axis in (0, 1))
    whole = all(isinstance(value, int) for value in chain(xs, ys))
    return whole and min(xs) == min(ys) == 0 and max(*xs, *ys) == BOX - 1


def _resample(points: np.ndarray) -> np.ndarray:
    """Points one apart along the line, and its end; a dot becomes two equal points."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.append(np.arange(0.0, max(along[-1], 1e-9)), along[-1])
    return np.stack([np.interp(at, along, axis) for axis in points.T], 1)


def _simplify_line(points: np.ndarray, epsilon: float) -> np.ndarray:
    """Ramer-Douglas-Peucker: a stretch becomes its chord unless its farthest point is more than ``epsilon`` away."""
    kept = np.zeros(len(points), bool)
    kept[[0, -1]] = True
    stretches = [(0, len(points) - 1)]
    while stretches:
        first, last = stretches.pop()
        inner, chord = points[first + 1 : last] - points[first], points[last] - points[first]
        if len(inner) == 0:
            continue
        length = np.hypot(*chord)
        away = np.abs(inner @ (-chord[1], chord[0])) / length if length > 0 else np.hypot(*inner.T)
        farthest = first + 1 + int(away.argmax())
        if away.max() > epsilon:
            kept[farthest] = True
            stretches += [(first, farthest), (farthest, last)]
    return points[kept]


def rasterise(
    drawings: Sequence[Drawing], size: int = 28, line_width: float = 16.0, padding: float = 16.0
) -> np.ndarray:
    """Simplified drawings as the published bitmaps show them: uint8 ``(n, size, size)``, white ink on black.

    Each drawing is centred in a 256 box by its maximum in each axis, ``padding`` and half a ``line_width`` stay free
    on every side, and the whole is scaled to ``size`` pixels. Lines have round ends and joins. Within a stroke ink
    is a union; a stroke is laid over the earlier ones as a translucent layer where it covers a pixel in part.

    A stroke is filled as cairo fills it: each pixel is crossed by 15 lines; along a line the covered length is exact.
    Raises ``InputError`` at what is no drawing.
    """
    if size < 1 or line_width <= 0 or padding < 0:
        raise InputError(f"size and line_width are above 0, padding is not below; got {size}, {line_width}, {padding}.")
    images = np.empty((len(drawings), size, size), np.uint8)
    first = 0
    try:
        for chunk in _chunks(drawings, size):
            images[first : first + len(chunk)] = _rasterise_chunk(chunk, size, line_width, padding)
            first += len(chunk)
    except (TypeError, ValueError, IndexError, KeyError):
        # Looking at every number takes longer than rendering, so it is done once something is known to be wrong.
        for index, drawing in enumerate(drawings):
            try:
                check(drawing)
            except InputError as error:
                raise InputError(f"drawing {index}: {error}") from None
        raise
    return images


def _chunks(drawings: Sequence[Drawing], size: int) -> Iterator[Sequence[Drawing]]:
    """Runs of drawings that take about as much memory as ``_CHUNK`` says, at least one each."""
    first, load = 0, 0
    for index, drawing in enumerate(drawings):
        more = sum(size**2 + _LINES * len(stroke[0]) for stroke in drawing)
        if load + more > _CHUNK and index > first:
            yield drawings[first:index]
            first, load = index, 0
        load += more
    if first < len(drawings):
        yield drawings[first:]


def _rasterise_chunk(drawings: Sequence[Drawing], size: int, line_width: float, padding: float) -> np.ndarray:
    strokes = [stroke for drawing in drawings for stroke in drawing]
    strokes_each = np.array([len(drawing) for drawing in drawings])
    points_each = np.array([len(stroke[0]) for stroke in strokes])
    if not strokes_each.all() or not points_each.all() or any(len(stroke[0]) != len(stroke[1]) for stroke in strokes):
        raise ValueError("a stroke without points")
    first_stroke, first_point = _starts(strokes_each), _starts(points_each)

    scale = size / (BOX + 2 * padding + line_width)
    points_per_drawing = np.add.reduceat(points_each, first_stroke)
    points = np.empty((2, points_each.sum()))
    for axis in (0, 1):
        points[axis] = np.fromiter(chain.from_iterable(stroke[axis] for stroke in strokes), float, points.shape[1])
        if not (np.abs(points[axis]) < _LIMIT).all():
            raise ValueError("a coordinate out of range")
        largest = np.maximum.reduceat(points[axis], first_point[first_stroke])
        points[axis] += np.repeat((BOX - largest) / 2 + padding + line_width / 2, points_per_drawing)
    points *= scale

    # A segment joins each point to the next; a stroke of one point is a segment of no length.
    end = np.arange(1, points.shape[1] + 1)
    last_point = first_point + points_each - 1
    end[last_point] = last_point
    begins = np.ones(points.shape[1], bool)
    begins[last_point] = points_each == 1
    stroke = np.repeat(np.arange(len(strokes)), points_each)[begins]
    count, line, left, right = _spans(points[:, begins], points[:, end[begins]], line_width / 2 * scale, size)
    line += np.repeat(stroke * (_LINES * size), count)  # the lines of one stroke after those of the other
    line, left, right = _union(line, left, right, size)
    coverage = _fill(line, left, right, size, len(strokes))
    background = np.multiply.reduceat(1 - coverage, first_stroke)
    return np.rint(255 * (1 - background)).astype(np.uint8)


_LINES = 15  # per pixel, as cairo has them
_STEPS = 256  # places along a line, per pixel


def _spans(start: np.ndarray, end: np.ndarray, radius: float, size: int) -> tuple[np.ndarray, ...]:
    """Where the lines cross what a round pen leaves along each segment: spans, those of a segment after each other.

    ``start`` and ``end`` are float64 ``(2, segments)``, x and y in pixels. Returns integers: how many spans each
    segment has, and for each span its line, where it begins and where it ends, in steps from the left. The pen leaves
    its own shape at both ends and a rectangle between them; as a whole that is convex, so a line crosses it once.
    """
    (x0, y0), (x1, y1) = np.where(start[1] <= end[1], start, end), np.where(start[1] <= end[1], end, start)
    count, line = _centres_within(_LINES * (y0 - radius), _LINES * (y1 + radius), _LINES * size)

    def each(values):
        """A value of each segment for each of its spans."""
        return np.repeat(values.astype(np.float32), count)

    # A line at ``down`` below the start cuts the rectangle between its two long sides and between its two ends.
    # To be cut by every line at one place, no side is quite level or upright.
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

    pen = _pen_half_width(radius)
    for x, y in ((0.0, down), (each(_STEPS * (x1 - x0)), down - each(y1 - y0))):
        half = pen[np.minimum(np.abs(y) * np.float32((len(pen) - 2) / radius) + 0.5, len(pen) - 1).astype(np.intp)]
        np.minimum(left, x - half, out=left)
        np.maximum(right, x + half, out=right)

    x = each(_STEPS * x0 + 0.5)
    left, right = (np.clip(side + x, 0, _STEPS * size).astype(np.int32) for side in (left, right))
    return count, line, left, np.maximum(left, right)


def _pen_half_width(radius: float) -> np.ndarray:
    """Half the pen's width, in steps, at heights evenly from 0 to ``radius``; then -infinity: beyond it is nothing.

    The pen is a polygon with its corners on the circle, within a tenth of a pixel of it, as cairo makes it.
    """
    sides = 2 * np.ceil(np.pi / np.arccos(max(1 - 0.1 / radius, 0)))
    corners = np.arange(sides // 4 + 1) * 2 * np.pi / sides
    heights = np.linspace(0, radius, 1024)
    widths = np.interp(heights, radius * np.sin(corners), radius * np.cos(corners), right=-np.inf)
    return _STEPS * np.append(widths, -np.inf).astype(np.float32)


def _union(line: np.ndarray, left: np.ndarray, right: np.ndarray, size: int) -> tuple[np.ndarray, ...]:
    """The spans of each line with overlapping ones merged, in order.

    Sorted as one number each (line, left, right); runs of a segment are in order already, which timsort is quick with.
    A span that begins beyond all earlier ends begins a new merged one.
    """
    bits = (_STEPS * size).bit_length()
    spans = np.sort((line << 2 * bits) | (left.astype(np.int64) << bits) | right, kind="stable")
    line, left, right = spans >> 2 * bits, spans >> bits, spans & ((1 << bits) - 1)
    reached = np.maximum.accumulate((line << bits) | right)
    new = np.ones(len(spans), bool)
    new[1:] = left[1:] > reached[:-1]
    last = np.roll(new, -1)
    return line[new], left[new] & ((1 << bits) - 1), reached[last] & ((1 << bits) - 1)


def _fill(line: np.ndarray, left: np.ndarray, right: np.ndarray, size: int, strokes: int) -> np.ndarray:
    """How much of each pixel the spans cover: float64 ``(strokes, size, size)``.

    A span adds its line from its left end on and takes it away from its right end on; the pixel where that happens
    gets a part, and the next one the rest. The running sum over all pixels, row after row, is the coverage; as it
    counts in steps it is exact, and a drawing looks the same in any company.
    """
    pixel = line // _LINES * size
    at = np.concatenate([pixel + left // _STEPS, pixel + right // _STEPS])
    late = np.concatenate([left % _STEPS, -(right % _STEPS)])
    early = np.repeat([_STEPS, -_STEPS], len(line)) - late
    changes = np.bincount(np.concatenate([at, at + 1]), np.concatenate([early, late]), strokes * size**2 + 2)
    return changes.cumsum()[:-2].reshape(strokes, size, size) / (_STEPS * _LINES)


def _centres_within(low: np.ndarray, high: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The i of 0..size-1 with i + 0.5 within each interval: how many there are, and all of them in a row."""
    first = np.clip(np.ceil(low - 0.5), 0, size).astype(np.int64)
    count = np.clip(np.floor(high + 0.5), first, size).astype(np.int64) - first
    return count, np.arange(count.sum()) + np.repeat(first - _starts(count), count)


def _starts(counts: np.ndarray) -> np.ndarray:
    return np.cumsum(counts) - counts
