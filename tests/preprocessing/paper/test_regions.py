"""Regions are numbered, boxed, filled."""

import numpy as np

from jaxdoodle.preprocessing.paper.regions import between, filled, labeled, parts_of, thicker


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
