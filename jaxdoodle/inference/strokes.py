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
_CHUNK_VALUES = 2**21  # pixels of separate strokes held at once: what keeps memory flat, and in the cache


def read_ndjson(path: str | Path) -> Iterator[list]:
    """The drawings of a simplified or raw ``.ndjson`` file, one at a time, in constant memory.

    Raises ``InputError`` naming the line that is no drawing.
    """
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                drawing = json.loads(line)["drawing"]
                check(drawing)
            except (ValueError, TypeError, KeyError) as error:
                reason = f"no {error}" if isinstance(error, KeyError) else error
                raise InputError(f'{path}, line {number}: expected a JSON object with a "drawing": {reason}') from None
            yield drawing


def check(drawing: Drawing) -> None:
    """Raise ``InputError`` unless this is one or more strokes of one or more finite points."""
    if not isinstance(drawing, Sequence) or not drawing:
        raise InputError(f"a drawing is a list of strokes; got {_shortened(drawing)}.")
    for index, stroke in enumerate(drawing):
        try:
            x, y = (np.asarray(axis, np.float64) for axis in stroke[:2])
        except (TypeError, ValueError, KeyError):
            x = y = np.empty((0, 0))
        if x.ndim != 1 or x.shape != y.shape or x.size == 0 or not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise InputError(f"stroke {index} is two equally long lists of numbers, x and y; got {_shortened(stroke)}.")


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def simplify(drawing: Drawing) -> list[tuple[list[int], list[int]]]:
    """A raw drawing as Quick, Draw! simplifies it.

    Shift to 0, scale the longer side to 255, resample each stroke at 1 pixel, drop what the
    Ramer-Douglas-Peucker algorithm finds to lie within 2 pixels, round. A single dot stays a dot at 0.
    """
    check(drawing)
    strokes = [np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], 1) for x, y, *_ in drawing]
    low = np.min([stroke.min(0) for stroke in strokes], axis=0)
    side = np.max([stroke.max(0) for stroke in strokes], axis=0) - low
    scale = (BOX - 1) / side.max() if side.max() > 0 else 1.0
    simple = [np.rint(_simplify_line(_resample((stroke - low) * scale), 2.0)).astype(int) for stroke in strokes]
    return [(points[:, 0].tolist(), points[:, 1].tolist()) for points in simple]


def _resample(points: np.ndarray) -> np.ndarray:
    """Points one apart along the line, and its end."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.append(np.arange(0.0, along[-1]), along[-1])
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

    Raises ``InputError`` at a drawing without points.
    """
    images = np.empty((len(drawings), size, size), np.uint8)
    first = 0
    for chunk in _chunks(drawings, max(_CHUNK_VALUES // size**2, 1)):
        images[first : first + len(chunk)] = _rasterise_chunk(chunk, size, line_width, padding)
        first += len(chunk)
    return images


def _chunks(drawings: Sequence[Drawing], stroke_limit: int) -> Iterator[Sequence[Drawing]]:
    first, strokes = 0, 0
    for index, drawing in enumerate(drawings):
        if strokes + len(drawing) > stroke_limit and index > first:
            yield drawings[first:index]
            first, strokes = index, 0
        strokes += len(drawing)
    if first < len(drawings):
        yield drawings[first:]


def _rasterise_chunk(drawings: Sequence[Drawing], size: int, line_width: float, padding: float) -> np.ndarray:
    strokes = [stroke for drawing in drawings for stroke in drawing]
    strokes_each = np.array([len(drawing) for drawing in drawings])
    points_each = np.array([len(stroke[0]) for stroke in strokes])
    if not strokes_each.all() or not points_each.all():
        raise InputError("a drawing has at least one stroke, and a stroke at least one point; got an empty one.")
    first_strokes = _starts(strokes_each)
    first_points = _starts(points_each)

    pixels_per_unit = size / (BOX + 2 * padding + line_width)
    points_per_drawing = np.add.reduceat(points_each, first_strokes)
    axes = []
    for axis in (0, 1):
        values = np.fromiter(chain.from_iterable(stroke[axis] for stroke in strokes), np.float32, points_each.sum())
        largest = np.maximum.reduceat(values, first_points[first_strokes])
        offset = (BOX - largest) / 2 + padding + line_width / 2
        axes.append((values + np.repeat(offset, points_per_drawing)) * pixels_per_unit)
    points = np.stack(axes).astype(np.float32)

    # A segment joins each point to the next; a stroke of one point is a segment of no length.
    last_points = first_points + points_each - 1
    next_points = np.arange(1, points.shape[1] + 1)
    next_points[last_points] = last_points
    starts = np.ones(points.shape[1], bool)
    starts[last_points] = points_each == 1
    stroke_of_segment = np.repeat(np.arange(len(strokes)), points_each)[starts]
    segment, pixel, coverage = _segment_coverage(
        points[:, starts], points[:, next_points[starts]], np.float32(line_width / 2 * pixels_per_unit), size
    )

    covered = np.zeros(len(strokes) * size**2, np.float32)
    np.maximum.at(covered, stroke_of_segment[segment] * size**2 + pixel, coverage)
    background = np.multiply.reduceat(1 - covered.reshape(len(strokes), -1), first_strokes, axis=0)
    return np.rint(255 * (1 - background)).astype(np.uint8).reshape(-1, size, size)


def _segment_coverage(
    start: np.ndarray, end: np.ndarray, radius: np.float32, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels near each segment, and how much of each its line covers.

    ``start``, ``end``: float32 ``(2, segments)``, x and y in pixels. Returns three vectors, one entry per segment
    and pixel: index of the segment, index ``row * size + column`` of the pixel, coverage in 0..1.
    """
    reach = radius + np.float32(0.71)  # half a pixel's diagonal
    start, end = np.where(start[1] <= end[1], start, end), np.where(start[1] <= end[1], end, start)
    x0, y0 = start
    dx, dy = end - start

    # Rows that a segment reaches, then the columns that the stretch within reach of the row reaches.
    segment, row = _ranges(y0 - reach, y0 + dy + reach, size)
    centre = row.astype(np.float32) + np.float32(0.5) - y0[segment]
    per_row = (1 / np.maximum(dy, np.float32(1e-6)))[segment]
    xs = [x0[segment] + dx[segment] * np.clip((centre + edge) * per_row, 0, 1) for edge in (-reach, reach)]
    span, column = _ranges(np.minimum(*xs) - reach, np.maximum(*xs) + reach, size)
    segment, pixel = segment[span], row[span] * size + column

    # From the nearest point of the segment to the pixel's centre.
    dx, dy, squared = dx[segment], dy[segment], np.maximum(dx**2 + dy**2, np.float32(1e-12))[segment]
    x, y = column.astype(np.float32) + np.float32(0.5) - x0[segment], centre[span]
    along = np.clip((x * dx + y * dy) / squared, 0, 1)
    x, y = np.abs(x - along * dx), np.abs(y - along * dy)
    distance = np.maximum(np.hypot(x, y), np.float32(1e-6))
    round_end = (along == 0) | (along == 1)
    inside = radius - _FLATTENING * round_end - distance
    return segment, pixel, _pixel_area(inside, x / distance, y / distance)


#: A round end is drawn as a polygon within a tenth of a pixel of the circle: on average this much smaller.
_FLATTENING = np.float32(0.05)


def _pixel_area(inside: np.ndarray, nx: np.ndarray, ny: np.ndarray) -> np.ndarray:
    """How much of a unit pixel lies behind a straight edge ``inside`` pixels beyond its centre; ``(nx, ny)`` is the
    edge's unit normal in absolute values.

    Across the edge a pixel's width is a trapezoid, a box of width nx convolved with one of ny; this is its integral.
    """
    wide, narrow = np.maximum(np.maximum(nx, ny), np.float32(0.7)), np.maximum(np.minimum(nx, ny), np.float32(1e-3))
    outer, inner = (wide + narrow) / 2, (wide - narrow) / 2
    ramps = [np.square(np.maximum(inside + corner, 0)) for corner in (outer, -outer, inner, -inner)]
    return np.clip((ramps[0] + ramps[1] - ramps[2] - ramps[3]) / (2 * wide * narrow), 0, 1)


def _ranges(low: np.ndarray, high: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each interval, the pixels 0..size-1 whose centre it holds: index of the interval, index of the pixel."""
    first = np.clip(np.ceil(low - 0.5), 0, size).astype(np.int64)
    count = np.clip(np.floor(high + 0.5), first, size).astype(np.int64) - first
    return np.repeat(np.arange(len(count)), count), np.arange(count.sum()) + np.repeat(first - _starts(count), count)


def _starts(counts: np.ndarray) -> np.ndarray:
    return np.cumsum(counts) - counts
