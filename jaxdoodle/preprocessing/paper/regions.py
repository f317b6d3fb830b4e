"""The connected regions of ink: their numbers, areas and boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import NDArray

#: The connected regions are found on at most so many cells a side.
REGION_CELLS = 128


def regions(ink: NDArray[np.float32], most: int = REGION_CELLS) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The connected regions of the ink (h, w), found on ``most`` cells a side.

    Returns:
      The area of each region by its number, 0 for the background, whose number is 0; and the number of each pixel's
      region, (h, w).
    """
    cell = -(-max(ink.shape) // most)
    area = in_cells(ink, cell)
    number = labeled(area > 0)
    areas = np.bincount(number.ravel(), weights=area.ravel())
    return areas, enlarged(number, cell, ink.shape)


def in_cells(ink: NDArray[np.float32], cell: int) -> NDArray[np.float32]:
    """The sum of the ink over squares of ``cell`` pixels."""
    starts = [np.arange(0, n, cell) for n in ink.shape]
    area: NDArray[np.float32] = np.add.reduceat(np.add.reduceat(ink, starts[0], axis=0), starts[1], axis=1)
    return area


def enlarged(cells: NDArray[Any], cell: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """What holds for a square of ``cell`` pixels for each of them."""
    return np.repeat(np.repeat(cells, cell, axis=0), cell, axis=1)[: shape[0], : shape[1]]


def labeled(mask: NDArray[np.bool_], diagonals: bool = True) -> NDArray[np.intp]:
    """Number the connected regions of a mask from 1: of any two neighbors, the later one's region joins."""
    number = np.zeros(np.add(mask.shape, (1, 2)), np.intp)  # a row and columns of 0 around
    inner = number[:-1, 1:-1]
    inner[mask] = np.arange(1, np.count_nonzero(mask) + 1)
    others = [number[:-1, 2:], number[1:, 1:-1]]
    if diagonals:
        others += [number[1:, :-2], number[1:, 2:]]
    pairs = np.concatenate([np.stack([inner, other])[:, (inner > 0) & (other > 0)] for other in others], axis=1)
    region = np.arange(number.max() + 1)
    while (apart := region[pairs[0]] != region[pairs[1]]).any():
        one, other = region[pairs[:, apart]]
        np.minimum.at(region, np.maximum(one, other), np.minimum(one, other))
        while (region[region] != region).any():
            region = region[region]
    return np.unique(region, return_inverse=True)[1][inner]


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
    def sides(self) -> NDArray[np.intp]:
        """The longer side of each box, in cells."""
        return np.maximum(self.boxes[:, 2] - self.boxes[:, 0], self.boxes[:, 3] - self.boxes[:, 1])


def parts_of(ink: NDArray[np.float32], most: int, least: float) -> Parts:
    """The regions of the ink (h, w) on ``most`` cells a side, of cells that ink covers by ``least``."""
    cell = -(-max(ink.shape) // most)
    area = in_cells(ink, cell) / cell**2
    number = labeled(area > least)
    rows, columns = np.nonzero(number)
    which, count = number[rows, columns], int(number.max()) + 1
    boxes = np.zeros((count, 4), np.intp)
    boxes[:, :2] = max(number.shape)
    np.minimum.at(boxes[:, 0], which, rows)
    np.minimum.at(boxes[:, 1], which, columns)
    np.maximum.at(boxes[:, 2], which, rows + 1)
    np.maximum.at(boxes[:, 3], which, columns + 1)
    boxes[0] = 0, 0, *number.shape
    return Parts(number, boxes, np.bincount(number.ravel(), weights=area.ravel(), minlength=count), cell)


def thicker(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The mask, and what is within a square of ``by`` cells to every side of it."""
    for axis in (0, 1):
        padded = np.pad(mask, [(by, by) if a == axis else (0, 0) for a in (0, 1)])
        mask = np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * by + 1, axis=axis).any(axis=2))
    return mask


def between(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies between the first and last of each row."""
    return np.maximum.accumulate(mask, axis=1) & np.maximum.accumulate(mask[:, ::-1], axis=1)[:, ::-1]


def filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask and the holes in it."""
    number = labeled(np.pad(~mask, 1, constant_values=True))
    return (number != number[0, 0])[1:-1, 1:-1]
