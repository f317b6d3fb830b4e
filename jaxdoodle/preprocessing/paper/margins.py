"""What lies in the margins of a page: the desk beyond its edge, a mark in its corner, punched holes."""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import Parts, joined

#: Ink along so much of an edge of the picture is what lies beyond the page.
ALONG = 0.95
#: What lies within the page is this fraction of it at least: crossings of its lines are smaller.
LEAST = 0.03
#: Regions are of one group within twice this fraction of the longest one's side.
NEAR = 0.1
#: A mark is as near to two edges as this fraction of the page, and no larger than this fraction of the drawing, which
#: is as far from all edges as this fraction of the page. A line of print is as near to one edge, no higher than
#: this fraction of the drawing, and so many times as wide as high: the dot of a letter is not.
IN_CORNER, SMALL, CLEAR, LOW, FLAT = 0.1, 0.6, 0.12, 0.2, 3
#: A hole is no wider than this fraction of the page, as high as wide to this fraction, fills so much of its box, and
#: its middle is within this fraction of the page from an edge; holes differ in that by this fraction of the page.
HOLE, ROUND, FULL, STRIP, EVEN = 0.12, 0.7, 0.6, 0.15, 0.03


def inside_margins(parts: Parts) -> NDArray[np.bool_] | None:
    """Of each region (n + 1,), whether it lies inside the margins of the page; ``None`` where all or none does."""
    gone = _beyond(parts)
    if not gone.any():
        gone = _in_corner(parts) | _punched(parts)
    kept = ~gone
    kept[0] = False
    return kept if gone.any() and kept.any() else None


def _beyond(parts: Parts) -> NDArray[np.bool_]:
    """Of each region, whether it covers a whole edge of the picture, while what does not touches none, and is drawn.

    Along all four edges it may be the drawing's outline, to which the picture was cut.
    """
    share = parts.along.T
    share[:, 0] = 0
    along = share >= ALONG
    gone = np.asarray(along.any(axis=0))
    drawn = parts.sides[1:][~gone[1:]].max(initial=0) >= LEAST * max(parts.number.shape)
    return gone if drawn and not along.any(axis=1).all() and not share[:, ~gone].any() else np.zeros_like(gone)


def _in_corner(parts: Parts) -> NDArray[np.bool_]:
    """Of each region, whether it is of a small group in a corner, or a flat one along the upper or lower edge.

    The largest is far from that edge, and from all where there is a mark in a corner.
    """
    of_part, boxes = joined(parts, NEAR)
    shape = np.array(parts.number.shape)
    near = np.minimum(boxes[:, :2], shape - boxes[:, 2:]) / shape  # to the nearest edges above or below, and beside
    size = boxes[:, 2:] - boxes[:, :2]
    largest = 1 + int(size[1:].prod(axis=1).argmax())
    side = size[largest].max()
    mark = (near.max(axis=1) <= IN_CORNER) & (size.max(axis=1) <= SMALL * side) & (near[largest].min() >= CLEAR)
    flat = (size[:, 0] <= LOW * side) & (size[:, 1] >= FLAT * size[:, 0])
    mark |= flat & (near[:, 0] <= IN_CORNER) & (near[largest][0] >= CLEAR)
    mark[0] = False
    return np.asarray(mark[of_part])


def _punched(parts: Parts) -> NDArray[np.bool_]:
    """Of each region, whether it is one of the holes along an edge: full, alike, and one beside the other.

    One at least lies beyond the drawing, seen from that edge: wheels, eyes and dots of a letter do not.
    """
    shape = np.array(parts.number.shape)
    size = parts.boxes[:, 2:] - parts.boxes[:, :2]
    side = size.max(axis=1)
    full = np.bincount(parts.number.ravel(), minlength=len(side)) >= FULL * size.prod(axis=1)
    round_ = full & (side <= HOLE * min(shape)) & (size.min(axis=1) >= ROUND * side)
    found = np.zeros(len(side), bool)
    for axis, middle in enumerate(((parts.boxes[:, :2] + parts.boxes[:, 2:]) / 2).T):
        low, high = parts.boxes[:, 1 - axis], parts.boxes[:, 3 - axis]
        for away in (middle, shape[axis] - middle):
            row = round_ & (away <= STRIP * shape[axis])
            alike = row & (np.abs(away - away[row].mean() if row.any() else away) <= EVEN * min(shape))
            rest = ~alike
            rest[0] = False
            if np.count_nonzero(alike) < 2 or not rest.any() or (away[rest] <= away[alike].max()).any():
                continue
            if (high[alike] <= low[rest].min()).any() or (low[alike] >= high[rest].max()).any():
                found |= alike
    return found
