"""Regions are numbered, boxed, filled."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.paper.regions import between, enlarged, filled, in_cells, labeled, parts_of, thicker


def test_parts_have_the_boxes_and_areas_of_the_regions():
    ink = np.zeros((20, 30), np.float32)
    ink[2:5, 3:9], ink[10:18, 20:22] = 1, 0.5
    parts = parts_of(ink, 256, 0.1)
    assert parts.boxes[1:].tolist() == [[2, 3, 5, 9], [10, 20, 18, 22]]
    assert parts.areas[1:].tolist() == [18, 8] and parts.sides[1:].tolist() == [6, 8]


def test_a_ring_is_filled_and_neighbors_by_a_corner_join_only_where_diagonals_count():
    ring = np.pad(~np.pad(np.ones((3, 3), bool), 1), 1, constant_values=False)
    ring[1:-1, 1:-1] = np.pad(np.zeros((3, 3), bool), 1, constant_values=True)
    assert filled(ring).sum() == 25 and between(ring).sum() == 25 and thicker(ring, 2).all()
    assert labeled(np.eye(3, dtype=bool)).max() == 1 and labeled(np.eye(3, dtype=bool), diagonals=False).max() == 3


def _flooded(mask, neighbors):
    """The regions by number, in the order of their first pixels, one pixel at a time."""
    number, count = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if not number[start]:
            count, front = count + 1, [start]
            while front:
                row, column = front.pop()
                inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
                if inside and mask[row, column] and not number[row, column]:
                    number[row, column] = count
                    front += [(row + y, column + x) for y, x in neighbors]
    return number


@pytest.mark.parametrize("density", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_regions_are_those_that_a_flood_reaches(density):
    beside = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    corners = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (1, 9), (9, 1), (7, 8), (16, 16)):
        mask = rng.random(shape) < density
        assert np.array_equal(labeled(mask), _flooded(mask, beside + corners))
        assert np.array_equal(labeled(mask, diagonals=False), _flooded(mask, beside))


def test_cells_at_the_far_edges_are_smaller():
    ink = np.arange(35, dtype=np.float32).reshape(5, 7)
    assert in_cells(ink, 3, np.maximum).tolist() == [[16, 19, 20], [30, 33, 34]]
    assert in_cells(ink, 3).sum() == ink.sum() and in_cells(ink, 3)[1, 2] == 27 + 34
    assert np.array_equal(enlarged(in_cells(ink, 3), 3, ink.shape)[3:, 6], [61, 61])
