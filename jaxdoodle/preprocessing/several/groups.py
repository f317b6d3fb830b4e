"""Which parts of a page belong to one drawing: the bar of a 5, the two strokes of a 4, the eyes of a face.

A part is what is connected, or one stroke. Parts are joined two by two, the nearest first: what lies within another;
and a fragment, smaller than what is beside it, within a distance that shrinks with its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import Parts
from jaxdoodle.preprocessing.resample import Box
from jaxdoodle.strokes.drawing import Drawing

#: Most points of a part that are compared with those of another.
MOST_POINTS = 256
#: What is smaller than this fraction of the typical drawing is none.
SPECK = 0.25
#: What a frame holds has these sizes at least, as fractions of its shorter side: dust, characters, doodles.
DUST, LEAST_CHARACTER, LEAST_DOODLE = 0.05, 0.15, 0.25
#: Parts are one where this much of the box of one lies in that of the other.
INSIDE = 0.6
#: A fragment belongs to what is within this many of its sizes, times how far its size is below ``WHOLE`` of it.
REACH, REACH_LOOSE, WHOLE = 0.45, 0.55, 0.75
#: The same for what is above or below, sharing this fraction of the width, and for what lies, so many times as wide as
#: high, as the bar of a 5 does and no digit.
BELOW, SHARED_WIDTH, LYING, FLAT = 0.1, 0.3, 0.25, 1.8
#: No part belongs to one that is farther than this many times the longer of the two, by the limits above.
FARTHEST = 0.5
#: The distance up to which strokes are of one drawing becomes this fraction where others were drawn between them.
LATER = 0.6


@frozen
class Part:
    """Some ink of a page.

    Attributes:
      box: (top, left, bottom, right).
      points: (n, 2), of (row, column): its outline, or the points of its strokes.
      strokes: Which of the drawing, in the order of their making; none of a picture.
    """

    box: Box
    points: NDArray[np.float64]
    strokes: tuple[int, ...] = ()

    __eq__, __hash__ = object.__eq__, object.__hash__  # type: ignore[assignment]  # arrays have no single truth value

    @property
    def side(self) -> float:
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


def from_regions(parts: Parts) -> list[Part]:
    """The regions of a picture, in cells; that of number n is at n - 1."""
    mask = np.pad(parts.number > 0, 1)
    inner = mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    rows, columns = np.nonzero((parts.number > 0) & ~inner)
    numbers = parts.number[rows, columns]
    order = np.argsort(numbers, kind="stable")
    places = np.stack([rows, columns], axis=1)[order] + 0.5
    ends = np.searchsorted(numbers[order], np.arange(1, len(parts.areas) + 1))
    boxes = parts.boxes[1:].astype(float)
    return [
        Part(tuple(box), some(places[first:last]))
        for box, first, last in zip(boxes.tolist(), ends[:-1], ends[1:], strict=True)
    ]


def from_strokes(drawing: Drawing) -> list[Part]:
    """The strokes of a drawing, in its units."""
    found = []
    for index, stroke in enumerate(drawing):
        places = np.stack([np.asarray(stroke[1], float), np.asarray(stroke[0], float)], axis=1)
        low, high = places.min(axis=0), places.max(axis=0)
        box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        found.append(Part(box, _along(places), (index,)))
    return found


def _along(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """``MOST_POINTS`` points at equal distances along a line."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(places, axis=0).T))])
    at = np.linspace(0, length[-1], MOST_POINTS)
    return np.stack([np.interp(at, length, axis) for axis in places.T], axis=1)


def some(points: NDArray[Any]) -> NDArray[Any]:
    """At most ``MOST_POINTS`` of the points, evenly."""
    return points[:: -(-len(points) // MOST_POINTS)]


def united(parts: Sequence[Part]) -> Part:
    top, left, bottom, right = np.array([part.box for part in parts]).T
    box = float(top.min()), float(left.min()), float(bottom.max()), float(right.max())
    strokes = tuple(sorted(index for part in parts for index in part.strokes))
    return Part(box, np.concatenate([part.points for part in parts]), strokes)


def grouped(parts: Sequence[Part], loose: bool = False) -> list[list[int]]:
    """The parts of each drawing, by index; what stands around drawings or is far smaller than they is left out.

    Args:
      parts: Of a page.
      loose: Whether drawings may have many parts, as doodles do; characters have few.
    """
    kept = list(range(len(parts)))
    while True:
        groups = _joined([[index] for index in kept], parts, loose)
        walls = {index for group in groups for index in _walls(group, parts, loose)}
        if not walls:
            break
        kept = [index for index in kept if index not in walls]
    sizes = np.array([united([parts[i] for i in group]).side for group in groups])
    typical = _typical(sizes)
    return [group for group, size in zip(groups, sizes, strict=True) if size >= SPECK * typical]


def _typical(sizes: NDArray[np.float64]) -> float:
    """The median of the sizes, each counted by its square: small ones are fragments."""
    order = np.argsort(sizes)
    share = np.cumsum(sizes[order] ** 2)
    return float(sizes[order][np.searchsorted(share, share[-1] / 2)])


def _walls(group: Sequence[int], parts: Sequence[Part], loose: bool) -> Iterator[int]:
    """Those of a group that are a frame around several drawings, or the lines of a table."""
    boxes = np.array([parts[i].box for i in group])
    for index, box in zip(group, boxes, strict=True):
        within = (boxes[:, :2] > box[:2]).all(axis=1) & (boxes[:, 2:] < box[2:]).all(axis=1)
        others = [parts[group[i]] for i in np.flatnonzero(within).tolist()]
        if len(others) < 2:
            continue
        inner = min(box[2] - box[0], box[3] - box[1])
        held = [united([others[i] for i in one]) for one in _joined([[i] for i in range(len(others))], others, loose)]
        sizes = np.array([one.side for one in held]) / inner
        large = int((sizes >= (LEAST_DOODLE if loose else LEAST_CHARACTER)).sum())
        if large > 1 and not (loose and ((sizes > DUST) & (sizes < LEAST_DOODLE)).any()):  # a face has eyes
            yield index


def _joined(members: list[list[int]], parts: Sequence[Part], loose: bool) -> list[list[int]]:
    """Groups of parts, joined two by two, the nearest first."""
    members = [list(one) for one in members]
    groups = [united([parts[i] for i in one]) for one in members]
    boxes = np.array([group.box for group in groups])
    apart: dict[tuple[int, int], float] = {}  # distances, and as multiples of those up to which two are one, if below 1
    costs: dict[tuple[int, int], float] = {}

    def compare(one: int, others: NDArray[np.float64]) -> None:
        for other in np.flatnonzero(_gaps(boxes[one], others) <= FARTHEST * _longer(boxes[one], others)).tolist():
            reach, pair = _reach(groups[one], groups[other], loose), (max(one, other), min(one, other))
            if reach > 0 and one != other:
                if pair not in apart:
                    apart[pair] = distance(*sorted((groups[one], groups[other]), key=lambda part: len(part.points)))
                if (cost := apart[pair] / reach) < 1:
                    costs[pair] = cost

    for i in range(len(groups)):
        compare(i, boxes[:i])
    while costs:
        i, j = min(costs, key=lambda pair: costs[pair])
        gaps = _gaps(boxes[i], boxes)
        apart = {
            (a, b): least
            for (a, b), least in apart.items()
            if i not in (a, b) and (j not in (a, b) or least <= gaps[a + b - j])
        }
        costs = {pair: cost for pair, cost in costs.items() if i not in pair and j not in pair}
        groups[j], members[j] = united([groups[j], groups[i]]), members[j] + members[i]
        boxes[j], boxes[i], members[i] = groups[j].box, np.nan, []
        compare(j, boxes)
    return [sorted(one) for one in members if one]


def _gaps(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distances of a box from others; NaN from those that are NaN."""
    gaps = np.maximum(np.maximum(box[:2], others[:, :2]) - np.minimum(box[2:], others[:, 2:]), 0)
    return np.asarray(np.hypot(*gaps.T))


def _longer(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The longest side of a box and each other."""
    return np.asarray(np.maximum((box[2:] - box[:2]).max(), (others[:, 2:] - others[:, :2]).max(axis=1)))


def _reach(a: Part, b: Part, loose: bool) -> float:
    """The distance up to which two parts are one drawing; 0 where their boxes are farther apart."""
    small, large = sorted((a, b), key=lambda part: part.side)
    (top, left, bottom, right), (ceiling, start, floor, end) = small.box, large.box
    side, size = small.side, large.side
    down, along = min(bottom, floor) - max(top, ceiling), min(right, end) - max(left, start)
    inside = max(down, 0) * max(along, 0) / max((bottom - top) * (right - left), 1e-9)
    if inside > INSIDE:
        return size
    limit = max(0.0, (REACH_LOOSE if loose else REACH) * (WHOLE - side / size))
    if along >= SHARED_WIDTH * min(right - left, end - start):
        limit = max(limit, BELOW)
    if along > 0 and (_is_flat(small) or _is_flat(large)):
        limit = max(limit, LYING)
    if small.strokes and not any(abs(i - j) == 1 for i in small.strokes for j in large.strokes):
        limit *= LATER
    limit *= size
    return limit if np.hypot(min(down, 0), min(along, 0)) < limit else 0.0


def _is_flat(part: Part) -> bool:
    """Whether this lies, as the bar of a 5 does, and no digit."""
    top, left, bottom, right = part.box
    return right - left > FLAT * (bottom - top)


def distance(a: Part, b: Part) -> float:
    """The least distance between two points of two parts, the second of which may have far more of them."""
    most = np.hypot(*(b.points - a.points[0]).T).min()  # what is farther from the box is no nearer
    off = np.maximum(np.array(a.box[:2]) - b.points, b.points - np.array(a.box[2:])).max(axis=1)
    (y, x), (v, u) = a.points.T, b.points[off <= most].T
    return float(np.sqrt(((y[:, None] - v) ** 2 + (x[:, None] - u) ** 2).min()))
