"""A gradient of a fixed point is judged where the iteration comes to rest."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.setup.iteration import at_rest, iterates
from jaxdoodle.gradcheck.setup.pairs import pair_problem
from jaxdoodle.gradcheck.setup.problem import Point


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
    assert at_rest(problem, Point(args, x)) and not any(at_rest(problem, Point(other, x)) for other in others)


def test_what_has_no_number_of_steps_does_not_iterate():
    problem = pair_problem(lambda x: (x * x, x), lambda x, dy: 2 * x * dy, (np.ones(3),), None, None)
    assert not iterates(problem, problem.args)


def unrolled(w, x):
    z = np.zeros(len(x))
    for _ in range(60):
        z = np.tanh(w @ z + x)
    return z, (w, z)


def adjoint(kept, dz):
    w, z = kept
    u, s = dz, 1 - z**2
    for _ in range(60):
        u = dz + w.T @ (s * u)
    return np.outer(s * u, z), s * u


def test_a_number_of_steps_may_be_a_constant_of_both_passes(args):
    w, x, _ = args
    problem = pair_problem(unrolled, adjoint, (w, x), None, None)
    assert iterates(problem, (w, x))
    far = np.roll(np.eye(4), 1, 0), x / 9
    assert at_rest(problem, Point((w, x), x)) and not at_rest(problem, Point(far, x))
    assert check(unrolled, adjoint, (w, x)).passed
    wrong = check(unrolled, lambda kept, dz: (adjoint(kept, dz)[0].T, adjoint(kept, dz)[1]), (w, x))
    assert [leaf.name for leaf in wrong.leaves if leaf.verdict == "wrong"] == ["w"]
