"""The order of the test points in an examination, and which of them count."""

from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.gradcheck import CheckError, check, check_gradient
from jaxdoodle.gradcheck.examination import Options, examine
from jaxdoodle.gradcheck.setup.pairs import pair_problem

X = np.random.default_rng(0).normal(size=(6, 4))


def test_the_arguments_as_given_come_first_and_limits_that_no_point_passes_last():
    def capped(x):
        return np.minimum(np.maximum(x, 0), 30.0), x

    report = check(capped, lambda x, dy: dy * (x > 0), (X,))
    names = [point.name for point in report.test_points]
    assert names[0] == "as given" and names[-1] == "beyond a limit"
    assert [point.name for point in report.test_points if not point.passed] == ["beyond a limit"]


def test_in_float32_points_at_which_rounding_moves_values_off_a_kink_are_left_out():
    def relu(x):
        return np.maximum(x, 0), x

    points = {d: {p.name for p in check(relu, lambda x, dy: dy * (x > 0), (X,), dtype=d).test_points}
              for d in ("float64", "float32")}  # fmt: skip
    assert points["float64"] - points["float32"] == {"blank input", "ties"}


def test_a_point_at_which_the_right_gradient_is_infinite_does_not_count():
    def root(x):
        return np.sqrt(x), x

    positive = np.abs(X)
    report = check(root, lambda x, dy: dy / (2 * np.sqrt(x)), (positive,))
    assert report.passed and "blank input" not in {point.name for point in report.test_points}


def test_a_size_that_a_backward_does_not_take_is_told_and_the_others_count():
    def halves(x):
        if len(x) != 6:
            raise ValueError("six rows")
        return 2 * x, None

    assert check(halves, lambda _, dy: 2 * dy, (X,)).passed


@pytest.mark.usefixtures("few_edits")
def test_the_gradient_of_a_symmetric_matrix_may_be_symmetric():
    def forward(s, w):
        return w.T @ s @ w, (s, w)

    def backward(dy, cache):
        s, w = cache
        dy = (dy + dy.T) / 2
        return w @ dy @ w.T, 2 * s @ w @ dy

    a, w = np.random.default_rng(0).normal(size=(4, 4)), np.random.default_rng(1).normal(size=(4, 3))
    assert check(forward, backward, (a + a.T, w)).passed
    assert not check(forward, backward, (a, w)).passed


def test_a_symmetric_matrix_whose_gradient_is_not_does_not_hide_a_transpose():
    lap = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
    (finding,) = check(lambda x, w: (x @ w, (x, w)), lambda dy, c: (dy @ c[1], c[0].T @ dy), (X[:, :3], lap)).findings
    assert finding.name == "transposed" and finding.leaves == ("x",)


def test_what_is_no_array_is_a_mistake_and_what_is_raised_beside_the_users_code_is_none():
    (finding,) = check(lambda x: (x * x, x), lambda dy, x: [[1.0], [2.0, 3.0]], (np.ones(2),)).findings
    assert "what came back is no array" in finding.sentence
    problem = pair_problem(lambda x: (x * x, x), lambda dy, x: 2 * dy * x, (X,), None, None)
    with pytest.raises(CheckError, match="no way is known to call"):
        examine(replace(problem, candidate=dict), Options())


def test_sizes_at_which_nothing_fits_leave_a_gradient_at_a_kink_to_convention():
    def first_two(x):
        return np.maximum(x[:, 0], 0) * x[:, 1], x

    def backward(x, dy):
        return np.stack([dy * (x[:, 0] > 0) * x[:, 1], dy * np.maximum(x[:, 0], 0)], axis=1)

    x = np.array([[0.0, 1.5], [0.7, -0.4], [-1.2, 0.8]])
    assert check(first_two, backward, (x,)).passed
    assert not check(first_two, lambda x, dy: 1.1 * backward(x, dy), (x,)).passed


def test_a_complex_gradient_is_not_checked():
    def loss(z, y):
        return np.sum((np.abs(z) ** 2 - y) ** 2)

    args = np.array([0.3 + 1j, 1.2]), np.array([0.5, 2.0])
    with pytest.raises(CheckError, match="the gradient that comes back is complex"):
        check_gradient(loss, lambda z, y: 2 * (np.abs(z) ** 2 - y) * z, args, argnums=(1,))
