"""A gradient of a fixed point is judged where the iteration comes to rest."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.setup.iteration import at_rest
from jaxdoodle.gradcheck.setup.pairs import pair_problem


def settle(w, x, n_iter):
    z = np.zeros(len(x))
    for _ in range(n_iter):
        z = np.tanh(w @ z + x)
    return z, (w, z)


def settle_back(kept, dz):
    w, z = kept
    s = 1 - z**2
    u = s * np.linalg.solve(np.eye(len(z)) - w.T * s, dz)
    return np.outer(u, z), u, None


@pytest.fixture
def args():
    rng = np.random.default_rng(0)
    return 0.1 * rng.normal(size=(4, 4)), rng.normal(size=4), 40


def test_the_gradient_of_a_fixed_point_is_right_where_there_is_one(args):
    report = check(settle, settle_back, args)
    assert report.passed and report.test_points[0].name == "as given"


def test_a_wrong_gradient_of_a_fixed_point_is_told(args):
    def wrong(kept, dz):
        dw, dx, _ = settle_back(kept, dz)
        return dw.T, dx, None

    assert [leaf.name for leaf in check(settle, wrong, args).leaves if leaf.verdict == "wrong"] == ["w"]


def test_what_changes_with_the_number_of_steps_is_not_at_rest(args):
    w, x, n = args
    problem = pair_problem(settle, settle_back, args, None, None)
    others = (np.roll(np.eye(4), 1, 0), x / 9, n), (w, x, 2), (w[:2], x, n)  # slow, short, refused
    assert at_rest(problem, args) and not any(at_rest(problem, other) for other in others)


def test_what_has_no_number_of_steps_is_at_rest():
    problem = pair_problem(lambda x: (x * x, x), lambda x, dy: 2 * x * dy, (np.ones(3),), None, None)
    assert at_rest(problem, problem.args)
