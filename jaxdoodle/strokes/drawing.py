"""What a drawing in strokes is, and how Quick, Draw! simplifies it.

A drawing is a list of strokes; a stroke is ``(x, y)``, two equally long sequences of numbers, y pointing down
(raw files add a third, the times). A *simplified* drawing is shifted to start at 0 in both axes, and its longer side
is 255 units.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from numbers import Real
from reprlib import Repr
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray

#: ``(x, y)`` or ``(x, y, times)``.
Stroke = Sequence[Any]
Drawing = Sequence[Stroke]

#: Side of the box of a simplified drawing, in units.
BOX = 256
#: A drawing is taken as simplified if it ends at most so many units from the edges of the box: simplifying removed the
#: outermost points of 29 % of the published drawings.
MAX_MARGIN = 12
#: Deviation from a chord that simplifying removes, in units.
EPSILON = 2.0
#: Distances that differ by less, in units, are equal.
DISTANCE_TOLERANCE = 1e-9
#: Largest coordinate, and number of points of a drawing; of 3,444 raw ones the longest has 1,174.
MAX_COORDINATE, MAX_POINTS = 1e6, 100_000


def check(drawing: Drawing) -> None:
    """Check that this is one or more strokes of one or more points each, with all coordinates below a million.

    Args:
      drawing: What is to be a list of strokes.

    Raises:
      InputError: It is not.
    """
    if not isinstance(drawing, Sequence) or isinstance(drawing, str) or not drawing:
        raise InputError(f"a drawing is a list of strokes; got {shortened(drawing)}.")
    points = 0
    for index, stroke in enumerate(drawing):
        try:
            x, y = stroke[:2]
            points += len(x)
            kinds = set(map(type, chain(x, y)))
            fine = len(x) == len(y) > 0 and all(issubclass(kind, Real) and kind is not bool for kind in kinds)
            fine = fine and all([abs(value) < MAX_COORDINATE for value in chain(x, y)])
        except (TypeError, ValueError, KeyError):
            fine = False
        if not fine:
            raise InputError(
                f"stroke {index} is two equally long lists of numbers below a million; got {shortened(stroke)}."
            )
        if points > MAX_POINTS:
            raise InputError(f"a drawing has at most {MAX_POINTS:,} points; this one has more.")


def shortened(value: Any) -> str:
    """At most 60 characters of a value of any size, for an error message."""
    brief = Repr()
    brief.maxlist = brief.maxtuple = brief.maxdict = 3
    brief.maxlevel = 4
    try:
        text = brief.repr(value)
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return "an integer of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def simplify(drawing: Drawing) -> list[tuple[list[int], list[int]]]:
    """Simplify a raw drawing as Quick, Draw! does; a simplified one is returned as it is.

    Shift it to 0, scale its longer side to 255, resample each stroke at a distance of 1, drop the points that the
    Ramer-Douglas-Peucker algorithm finds within 2 of the line, and round.

    Args:
      drawing: Strokes with coordinates in any unit.

    Returns:
      ``(x, y)`` of each stroke, lists of integers from 0 to 255.

    Raises:
      InputError: This is no drawing.

    Reference:
      Ramer (1972), "An iterative procedure for the polygonal approximation of plane curves".
    """
    check(drawing)
    if _is_simplified(drawing):
        return [(list(x), list(y)) for x, y in drawing]
    strokes = [np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], 1) for x, y, *_ in drawing]
    low = np.min([stroke.min(0) for stroke in strokes], axis=0)
    side = np.max([stroke.max(0) for stroke in strokes], axis=0) - low
    scale = (BOX - 1) / side.max() if side.max() > 0 else 1.0
    simple = [np.rint(_simplify_line(_resample((stroke - low) * scale), EPSILON)).astype(int) for stroke in strokes]
    return [(points[:, 0].tolist(), points[:, 1].tolist()) for points in simple]


def _is_simplified(drawing: Drawing) -> bool:
    """Whether strokes are two lists of integers, the least of each axis about 0 and the largest of all about 255."""
    if any(len(stroke) != 2 for stroke in drawing):
        return False
    xs, ys = (list(chain.from_iterable(stroke[axis] for stroke in drawing)) for axis in (0, 1))
    if set(map(type, xs)) | set(map(type, ys)) != {int}:
        return False
    starts, ends = (min(xs), min(ys)), (max(xs), max(ys))
    return min(starts) >= 0 and max(starts) <= MAX_MARGIN and BOX - 1 - MAX_MARGIN <= max(ends) < BOX


def _resample(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (n, 2) at a distance of 1 along the line, and its end; a dot becomes two equal points."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.append(np.arange(0.0, max(along[-1], 1e-9)), along[-1])
    return np.stack([np.interp(at, along, axis) for axis in points.T], 1)


def _simplify_line(points: NDArray[np.float64], epsilon: float) -> NDArray[np.float64]:
    """Ramer-Douglas-Peucker: a stretch becomes its chord unless its farthest point is more than ``epsilon`` away.

    Of points equally far away, to rounding, the first is kept, so that all implementations keep the same ones.
    """
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
        farthest = first + 1 + int((away > away.max() - DISTANCE_TOLERANCE).argmax())
        if away.max() > epsilon + DISTANCE_TOLERANCE:
            kept[farthest] = True
            stretches += [(first, farthest), (farthest, last)]
    return points[kept]
