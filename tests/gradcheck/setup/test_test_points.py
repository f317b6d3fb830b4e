"""Where a candidate is run: generic points, other sizes, and points that hide mistakes."""

import numpy as np

from jaxdoodle.gradcheck.setup import test_points as points
from jaxdoodle.gradcheck.setup.problem import Problem

RNG = np.random.default_rng(0)
X, W, Y = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), np.eye(3)[[0, 1, 2, 2, 1, 0]]


def loss(w, x, y):
    return np.sum((x @ w - y) ** 2)


PROBLEM = Problem("", (W, X, Y), ("w", "x", "y"), loss, lambda a, d: None, (0,), True, (loss,))
OUTLINE = points.Outline(PROBLEM, by_jax=False)


def test_the_batch_axis_is_found_in_data_and_labels():
    assert points.batch_axes(PROBLEM, OUTLINE) == {"x": 0, "y": 0}


def test_points_vary_the_values_and_the_batch_and_leave_labels_alone():
    found = {p.name: p for p in points.test_points(PROBLEM, OUTLINE, points.batch_axes(PROBLEM, OUTLINE))}
    assert {"as given", "random values 1", "random values 2", "batch of 4", "blank input"} <= set(found)
    w, x, y = found["random values 1"].point.args
    assert not np.array_equal(w, W) and np.array_equal(x, X) and np.array_equal(y, Y)
    assert [len(a) for a in found["batch of 4"].point.args[1:]] == [4, 4]
    assert found["blank input"].special and not found["batch of 4"].special


def test_labels_are_rows_that_sum_to_one():
    assert points.is_label(Y) and points.is_label(np.full((2, 4), 0.25)) and not points.is_label(X)
