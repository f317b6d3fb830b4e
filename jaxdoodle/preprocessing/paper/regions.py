"""The connected regions of ink: their numbers, areas and boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.resample import bordered

#: Cells a side on which regions are found that are removed whole: specks, corners.
REGION_CELLS = 128


def in_cells(ink: NDArray[np.float32], cell: int, combine: np.ufunc = np.add) -> NDArray[np.float32]:
    """The sum, or the maximum, of the ink (h, w) over squares of ``cell`` pixels, smaller ones at the far edges."""
    for _ in range(2 if cell > 1 else 0):  # rows, then columns
        total = ink[::cell].copy()
        for first in range(1, cell):
            every = ink[first::cell]
            combine(total[: len(every)], every, out=total[: len(every)])
        ink = total.T
    return ink


def enlarged(cells: NDArray[Any], cell: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """What holds for a square of ``cell`` pixels for each of them."""
    return np.repeat(np.repeat(cells, cell, axis=1)[:, : shape[1]], cell, axis=0)[: shape[0]]


def labeled(mask: NDArray[np.bool_], diagonals: bool = True) -> NDArray[np.intp]:
    """Number the connected regions of a mask from 1, in the order of their first pixels; the background is 0."""
    return _in_place(mask, *_runs(mask, diagonals))


def _runs(mask: NDArray[np.bool_], diagonals: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Where each run of a mask's rows starts and ends, counted over rows that one more pixel ends, and its region.

    Of any two runs that touch, the later one's region joins.
    """
    height, width = mask.shape
    line = np.zeros(height * (width + 1) + 1, bool)
    line[1:].reshape(height, width + 1)[:, :-1] = mask
    starts, ends = np.flatnonzero(line[1:] != line[:-1]).reshape(-1, 2).T
    left, right = starts - (width + 1), ends - (width + 1)  # seen from the row above
    first = np.searchsorted(ends, left, "left" if diagonals else "right")
    count = np.searchsorted(starts, right, "right" if diagonals else "left") - first
    lower = np.repeat(np.arange(len(starts)), count)
    upper = np.arange(len(lower)) - np.repeat(np.cumsum(count) - count - first, count)
    region = np.arange(len(starts))
    while (apart := region[lower] != region[upper]).any():
        one, other = region[lower[apart]], region[upper[apart]]
        np.minimum.at(region, np.maximum(one, other), np.minimum(one, other))
        while (region[region] != region).any():
            region = region[region]
    return starts, ends, np.cumsum(region == np.arange(len(region)))[region]


def _in_place(
    mask: NDArray[np.bool_], starts: NDArray[np.intp], ends: NDArray[np.intp], region: NDArray[np.intp]
) -> NDArray[np.intp]:
    number = np.zeros(mask.shape, np.intp)
    number[mask] = np.repeat(region, ends - starts)
    return number


@frozen
class Parts:
    """The regions of a picture.

    Attributes:
      number: (rows, columns) in cells: the number of each cell's region, from 1; 0 for the background.
      boxes: (n + 1, 4): top, left, bottom, right of each by its number, in cells, as of slices.
      areas: (n + 1,), of ink, in cells.
      cell: Pixels a side of a cell.
    """

    number: NDArray[np.intp]
    boxes: NDArray[np.intp]
    areas: NDArray[Any]
    cell: int

    __eq__, __hash__ = object.__eq__, object.__hash__  # type: ignore[assignment]  # arrays have no single truth value

    @property
    def several(self) -> bool:
        """Whether there are two regions or more."""
        return len(self.areas) > 2

    @property
    def sides(self) -> NDArray[np.intp]:
        """The longer side of each box, in cells."""
        return np.maximum(self.boxes[:, 2] - self.boxes[:, 0], self.boxes[:, 3] - self.boxes[:, 1])

    @property
    def at_edges(self) -> NDArray[np.bool_]:
        """Whether each box reaches the top, the left, the bottom, the right edge of the picture, (n + 1, 4)."""
        return np.concatenate([self.boxes[:, :2] <= 0, self.boxes[:, 2:] >= self.number.shape], axis=1)

    @property
    def along(self) -> NDArray[np.float64]:
        """How much of each of these edges each region covers, (n + 1, 4)."""
        edges = self.number[0], self.number[:, 0], self.number[-1], self.number[:, -1]
        return np.stack([np.bincount(edge, minlength=len(self.areas)) / len(edge) for edge in edges], axis=1)


def parts_of(ink: NDArray[np.float32], most: int, least: float) -> Parts:
    """The regions of the ink (h, w) on ``most`` cells a side, of cells that ink covers by more than ``least``."""
    cell = -(-max(ink.shape) // most)
    area = in_cells(ink, cell) / cell**2
    mask = area > least
    starts, ends, region = _runs(mask, True)
    count = int(region.max(initial=0)) + 1
    boxes = np.zeros((count, 4), np.intp)
    boxes[:, :2] = max(mask.shape)
    rows, columns = np.divmod(starts, mask.shape[1] + 1)
    np.minimum.at(boxes[:, 0], region, rows)
    np.minimum.at(boxes[:, 1], region, columns)
    np.maximum.at(boxes[:, 2], region, rows + 1)
    np.maximum.at(boxes[:, 3], region, columns + ends - starts)
    boxes[0] = 0, 0, *mask.shape
    number = _in_place(mask, starts, ends, region)
    return Parts(number, boxes, np.bincount(number.ravel(), weights=area.ravel(), minlength=count), cell)


def joined(parts: Parts, near: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The group of each region (n + 1,), numbered from 1, and the boxes (groups + 1, 4) of the groups.

    Regions are of one group where they are within twice the fraction ``near`` of the longest one's side, or where the
    same edge of the picture cuts them off.
    """
    inked, most = parts.number > 0, max(parts.number.shape)
    group = labeled(thicker(inked, max(1, round(near * int(parts.sides[1:].max(initial=0))))))
    of_part = np.zeros(len(parts.areas), np.intp)
    of_part[parts.number[inked]] = group[inked]
    for cut in parts.at_edges[1:].T:
        some = of_part[1:][cut]
        of_part[np.isin(of_part, some)] = some.min(initial=most)
    _, of_part = np.unique(of_part, return_inverse=True)
    low, high = np.full((int(of_part.max()) + 1, 2), most), np.zeros((int(of_part.max()) + 1, 2), np.intp)
    np.minimum.at(low, of_part, parts.boxes[:, :2])
    np.maximum.at(high, of_part, parts.boxes[:, 2:])
    return of_part, np.concatenate([low, high], axis=1)


def thicker(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The mask, and what is within a square of ``by`` cells to every side of it."""
    return filtered(np.logical_or, mask, 2 * by + 1)


def filtered(better: np.ufunc, image: NDArray[Any], side: int) -> NDArray[Any]:
    """Each pixel the maximum or minimum of the square of ``side`` pixels, an odd number, around it."""
    for _ in range(2):
        image = np.pad(image, ((side // 2, side // 2), (0, 0)), mode="edge")
        have = 1
        while have < side:  # of up to twice as many rows in each round
            more = min(have, side - have)
            image = better(image[:-more], image[more:])
            have += more
        image = image.T
    return image


def without(ink: NDArray[np.float32], parts: Parts, gone: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The ink (h, w) without the regions that are gone, by number."""
    return np.where(enlarged(gone[parts.number], parts.cell, ink.shape), np.float32(0), ink)


def between(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies between the first and last of each row."""
    return np.maximum.accumulate(mask, axis=1) & np.maximum.accumulate(mask[:, ::-1], axis=1)[:, ::-1]


def filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask and the holes in it."""
    number = labeled(~bordered(mask, 1))
    return (number != number[0, 0])[1:-1, 1:-1]
