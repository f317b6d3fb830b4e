"""What stands around a drawing in ink of its own: lines that run off the page, frames, loops and underlines.

No geometry tells a framed face from a television. So each is found by its shape, and the picture is given with and
without it; the network that knows the classes chooses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.frames import within_frame
from jaxdoodle.preprocessing.paper.regions import (
    Parts,
    between,
    enlarged,
    filled,
    joined,
    labeled,
    parts_of,
    thicker,
)
from jaxdoodle.preprocessing.paper.straight import printed
from jaxdoodle.preprocessing.resample import bordered

#: Cells a side on which regions are found, and the coverage from which on a cell has ink.
CELLS, LEAST_INK = 256, 0.12
#: A drawing is no smaller than this fraction of the picture, and of the frame around it.
LEAST_OF_PICTURE, LEAST_OF_FRAME = 0.08, 0.45
#: Ink beside a frame, or that stands out from it, as a fraction of it.
BESIDE = 0.1
#: Two frames are a double line where they are so far apart on all sides, with gaps that differ by so much, as fractions
#: of the longer side: the inner one is the paper's as the outer one is.
DOUBLE, EQUAL = 0.2, 0.02
#: Gaps of loops that are closed, as a fraction of their size; where that makes no room, those to be closed.
GAPS = 0.03, 0.12
#: The inside of a frame or a loop fills so much of its box, and of the rows and columns between its edges.
FILLED, CONVEX = 0.45, 0.93
#: Dashes around a drawing lie within this fraction of their box from its edges, and cover so much of each; so many at
#: least, and none longer than this fraction of a side. Fewer are the corners of a frame, all four.
BAND, COVERED, DASHES, LONGEST_DASH = 0.08, 0.4, 8, 0.4
#: An underline is so many times as long as high, and as long as this fraction of what stands on it.
FLAT, UNDERLINE_LENGTH = 6.0, 0.6
#: A dot is so long, where the largest region is 1; so many of them are a pattern of the paper, or print, whose words
#: are as high as a dot and so long.
DOT, MANY_DOTS, WORD = 0.2, 8, 0.5
#: Regions belong together where they are within twice the first fraction of the longest one's side; where that is all,
#: within twice the next. A group is as large as this fraction of the largest to be looked at, and so many are.
NEAR, GROUP, MOST_GROUPS = (0.1, 0.05), 0.4, 3
#: What stands within the box of a group, of this fraction of its size, is the drawing, and the group is around it.
HELD = 0.3

#: The name of the step that leaves what does not run off the page.
INSIDE = "inside the page"
#: The names of the steps that leave what is in a frame, in a frame in that, and in one of dashes.
FRAMED, INNER, DASHED = FRAMES = "in the frame", "in the inner frame", "within dashes"
#: The name of the step that leaves what is of one pen.
PRINT = "without lines of another pen"
#: The name of the step that leaves one of several groups, and where all others are small.
ALONE, LARGEST = "standing alone", "without what is small and far"


def without_surroundings(ink: NDArray[np.float32], parts: Parts) -> list[tuple[str, NDArray[np.float32]]]:
    """The ink (h, w) of these parts with ever less around the drawing: the name of each step, and the ink after it."""
    found: list[tuple[str, NDArray[np.float32]]] = []
    double = False
    for name, find in STEPS if len(parts.areas) > 1 else ():
        kept = find(parts) if parts.several else None
        if kept is not None and kept.any():
            left = only(ink, parts, kept)
        elif name == FRAMED and (held := _within_lines(ink, parts)) is not None:
            left = held
        else:
            continue
        rest = regions_of(left)
        if len(rest.areas) == 1:  # only a pale rim of what is left out
            continue
        if double and name in FRAMES:
            found.pop()
        found.append((name, left))
        double, parts, ink = _are_parallel(parts, rest), rest, left
    return found


def _are_parallel(outer: Parts, inner: Parts) -> bool:
    """Whether the boxes of all ink are a little apart, and equally far on all sides that are on the picture."""
    box, rest = (np.array(_box(parts, np.arange(len(parts.areas)) > 0)) for parts in (outer, inner))
    gaps = np.abs(box - rest)[(box > 0) & (box < np.tile(outer.number.shape, 2))]
    side = max(box[2] - box[0], box[3] - box[1])
    return bool(len(gaps) > 1 and gaps.max() <= DOUBLE * side and np.ptp(gaps) <= EQUAL * side + 1)


def regions_of(ink: NDArray[np.float32]) -> Parts:
    """The regions of the ink (h, w) of which one may be a drawing, and another stand around it."""
    return parts_of(ink, CELLS, LEAST_INK)


def only(ink: NDArray[np.float32], parts: Parts, kept: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The ink of the regions that are kept, by number, with what is fainter around them."""
    near = bordered(kept[parts.number], 1)
    near = near[:-2] | near[1:-1] | near[2:]
    near = near[:, :-2] | near[:, 1:-1] | near[:, 2:]
    near &= kept[parts.number] | (parts.number == 0)
    return np.where(enlarged(near, parts.cell, ink.shape), ink, np.float32(0))


def _inside(parts: Parts) -> NDArray[np.bool_] | None:
    """What does not run off the page: lines from edge to edge, cells of a table, the page's own edge."""
    off = parts.at_edges.sum(axis=1) > 0
    off[0] = True
    kept = ~off
    if off[1:].any() and kept.any() and parts.sides[kept].max() >= LEAST_OF_PICTURE * max(parts.number.shape):
        return kept
    return None


def _in_frame(parts: Parts) -> NDArray[np.bool_] | None:
    """What is in the innermost frame, loop or cell that holds a drawing, with nothing beside."""
    best, longest = None, 0
    for number in _long(parts):
        for kept in _held(parts, number):
            box = _box(parts, kept)
            side = max(box[2] - box[0], box[3] - box[1])
            if side > longest:
                best, longest = kept, side
    return best


def _within_lines(ink: NDArray[np.float32], parts: Parts) -> NDArray[np.float32] | None:
    """What a straight frame around all ink holds, though it touches the frame."""
    top, left, bottom, right = (edge * parts.cell for edge in _box(parts, np.arange(len(parts.areas)) > 0))
    cut = np.s_[top:bottom, left:right]
    held = within_frame(ink[cut])
    if held is None or not held.any() or max(_extent(held > 0)) < LEAST_OF_FRAME * max(held.shape):
        return None
    whole = np.zeros_like(ink)
    whole[cut] = held
    return whole


def _long(parts: Parts) -> list[int]:
    """The regions that are as long as a drawing is, by number."""
    return [int(n) for n in np.flatnonzero(parts.sides >= LEAST_OF_PICTURE * max(parts.number.shape)) if n]


def _held(parts: Parts, number: int) -> Iterator[NDArray[np.bool_]]:
    """What each room within a region holds, where the region is no more than the walls of rooms.

    A room may be open at one side.
    """
    top, left, bottom, right = parts.boxes.T
    within = (top > top[number]) & (left > left[number]) & (bottom < bottom[number]) & (right < right[number])
    within[0] = False
    if not within.any() or parts.areas[1:].sum() - parts.areas[within].sum() > (1 + BESIDE) * parts.areas[number]:
        return
    cut = parts.number[top[number] : bottom[number], left[number] : right[number]]
    for room in next(filter(None, (_rooms(cut == number, gap) for gap in GAPS)), ()):
        held = np.unique(cut[room])
        held = held[(held > 0) & (held != number) & within[held]]
        if len(held):
            kept = np.zeros(len(parts.areas), bool)
            kept[held] = True
            box, extent = _box(parts, kept), _extent(room)
            drawn = parts.sides[held].max() >= LEAST_OF_PICTURE * max(parts.number.shape)
            if drawn and max(box[2] - box[0], box[3] - box[1]) >= LEAST_OF_FRAME * min(extent):
                yield kept


def _rooms(walls: NDArray[np.bool_], gap: float) -> list[NDArray[np.bool_]]:
    """The rooms within a region, cut to its box, with gaps up to ``gap`` closed; [] where it is more than walls."""
    closed = round(gap * max(walls.shape))
    spaces = labeled(~thicker(walls, closed), diagonals=False)
    edges = Counter(space for edge in (spaces[0], spaces[-1], spaces[:, 0], spaces[:, -1]) for space in set(edge))
    rooms = [spaces == space for space in range(1, int(spaces.max()) + 1) if edges[space] < 2]
    rooms = [room for room in rooms if room.sum() > 0.02 * walls.size]
    wall = 2 * int(walls.sum()) / max(1, sum(_outline(room) for room in rooms))
    return rooms if all(map(_is_convex, rooms)) and _near_rooms(rooms, walls, wall, closed) else []


def _box(parts: Parts, kept: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    top, left, bottom, right = parts.boxes[kept].T
    return int(top.min()), int(left.min()), int(bottom.max()), int(right.max())


def _extent(room: NDArray[np.bool_]) -> tuple[int, int]:
    rows, columns = np.flatnonzero(room.any(axis=1)), np.flatnonzero(room.any(axis=0))
    return int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


def _outline(room: NDArray[np.bool_]) -> int:
    return 2 * sum(_extent(room))


def _is_convex(room: NDArray[np.bool_]) -> bool:
    """Whether the room, with what it holds, is about convex, and fills most of its box."""
    height, width = _extent(room)
    hull = between(room) & between(room.T).T
    whole = filled(room)
    return bool(hull.sum() >= FILLED * height * width and whole.sum() >= CONVEX * hull.sum())


def _near_rooms(rooms: list[NDArray[np.bool_]], ring: NDArray[np.bool_], wall: float, closed: int) -> bool:
    """Whether nearly all of the region is walls: near a room, with nothing that stands out."""
    near = np.zeros_like(ring)
    for room in rooms:
        near |= filled(room)
    reach = int(np.ceil(2.5 * wall)) + closed + 1
    return bool((ring & ~thicker(near, reach)).sum() <= BESIDE * ring.sum())


def _in_dashes(parts: Parts) -> NDArray[np.bool_] | None:
    """What is within a frame of dashes or dots, or its four corners: all that lies along the edges of the box."""
    top, left, bottom, right = _box(parts, np.arange(len(parts.areas)) > 0)
    cut = parts.number[top:bottom, left:right]
    height, width = cut.shape
    band = max(2, round(BAND * max(height, width)))
    inner = np.zeros_like(cut, bool)
    inner[band:-band, band:-band] = True
    within = np.bincount(cut[inner], minlength=len(parts.areas)) > 0
    dashes = ~within & (parts.sides <= LONGEST_DASH * max(height, width))
    dashes[0] = within[0] = False
    frame = dashes[cut]
    covered = [edge.any(axis=0).mean() for one in (frame, frame.T) for edge in (one[:band], one[-band:])]
    at = np.abs(parts.boxes - (top, left, bottom, right))[dashes] <= band
    cornered = (at & np.roll(at, 1, axis=1)).any(axis=0).all() and not (at & np.roll(at, 2, axis=1)).any()
    framed = min(covered) >= COVERED if np.count_nonzero(dashes) >= DASHES else cornered
    if not framed or not within.any():
        return None
    held = _box(parts, within)
    large = max(held[2] - held[0], held[3] - held[1]) >= LEAST_OF_FRAME * min(height, width)
    return within if large and (dashes | within)[1:].all() else None


def _above_line(parts: Parts) -> NDArray[np.bool_] | None:
    """What stands above a flat line, or two, or between two."""
    top, left, bottom, right = parts.boxes.T
    high, wide = bottom - top, right - left
    kept = np.ones(len(parts.areas), bool)
    kept[0] = False
    for number in sorted(_long(parts), key=lambda one: -bottom[one]):
        others = kept.copy()
        others[number] = False
        if not others.any():
            continue
        rest = right[others].max() - left[others].min()
        flat = parts.number[top[number] : bottom[number], left[number] : right[number]] == number
        thick = flat.sum() / wide[number]
        straight = wide[number] >= FLAT * thick and high[number] <= thick + 0.15 * wide[number]
        middle = (top[number] + bottom[number]) / 2
        below = middle >= bottom[others].max() or (middle <= top[others].min() and kept[1:].sum() < len(kept) - 1)
        if straight and below and wide[number] >= UNDERLINE_LENGTH * rest:
            kept[number] = False
    return kept if kept.sum() < len(kept) - 1 else None


def _without_print(parts: Parts) -> NDArray[np.bool_] | None:
    """What is no straight line of another pen and no bar code, where there are such."""
    found = printed(parts)
    kept = ~found
    kept[0] = False
    return kept if found.any() else None


def groups_of(ink: NDArray[np.float32], parts: Parts) -> list[tuple[str, NDArray[np.float32]]]:
    """Each group of regions near to one another, largest first, where there is more than one: words, arrows, logos.

    With the name of the step. Small groups are left out: none of them is the drawing. Of a group that stands around
    others these are given. What the same edge of the picture cuts off is one group.
    """
    if not parts.several:
        return []
    for near in NEAR:
        of_part, boxes = joined(parts, near)
        if len(boxes) > 2:
            break
    else:
        return []
    sides = np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T)
    largest = 1 + np.argsort(-sides[1:])[:MOST_GROUPS]
    large = [one for one in largest if sides[one] > GROUP * sides[largest[0]]]
    found = []
    for one in large:
        within = (boxes[:, :2] > boxes[one, :2]).all(axis=1) & (boxes[:, 2:] < boxes[one, 2:]).all(axis=1)
        held = np.flatnonzero(within & (sides >= HELD * sides[one]))
        name = FRAMED if len(held) else ALONE if len(large) > 1 else LARGEST
        found.append((name, only(ink, parts, np.isin(of_part, held if len(held) else one))))
    return found


def _without_dots(parts: Parts) -> NDArray[np.bool_] | None:
    """What is no small region beside the large ones; where small ones are many, no small one and no word at all."""
    longest = parts.sides[1:].max(initial=0)
    small = parts.sides < DOT * longest
    words = (parts.boxes[:, 2] - parts.boxes[:, 0] < DOT * longest) & (parts.sides < WORD * longest)
    small = words if np.count_nonzero(words) >= MANY_DOTS else small
    small[0] = False
    kept = ~small
    kept[0] = False
    if np.count_nonzero(small) < MANY_DOTS:
        top, left, bottom, right = _box(parts, kept)
        box = parts.boxes.T
        kept |= small & (box[0] < bottom) & (box[1] < right) & (box[2] > top) & (box[3] > left)
    return kept if np.count_nonzero(kept) < len(kept) - 1 else None


STEPS = (
    (INSIDE, _inside),
    (FRAMED, _in_frame),
    (INNER, _in_frame),
    (DASHED, _in_dashes),
    ("above the line", _above_line),
    (PRINT, _without_print),
    ("without dots", _without_dots),
)
