"""Bounds of a clip, however far they are, and constants that only guard."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.gradcheck import check

pytestmark = pytest.mark.usefixtures("few_edits")

X = np.random.default_rng(0).normal(size=(4, 5))


def masked(x):
    y = 1.0 * x
    y[y > 200] = 200
    return y, x


FORWARDS = [
    lambda x: (np.minimum(np.maximum(x, 0), 30.0), x),
    lambda x: (x * (x < 100), x),
    lambda x: (jnp.clip(x, -1000, 1000), x),
    masked,
]


@pytest.mark.parametrize("forward", FORWARDS)
def test_a_clip_that_bites_far_from_the_given_values_is_found(forward, monkeypatch):
    mended = FORWARDS.index(forward) == 1  # where the factor that is left out is written in the forward
    if mended:
        monkeypatch.undo()  # the whole search finds it

    def slope(x):
        return (x > 0) * 1.0 if forward is FORWARDS[0] else np.ones(np.shape(x))

    (finding,) = check(forward, lambda x, dy: dy * slope(x), (X,)).findings
    assert finding.name == ("factor left out" if mended else "wrong at large values")


def test_of_two_comparisons_in_a_line_each_is_a_limit():
    def forward(x):
        return x * (x > 0) * (x < 100), x

    (finding,) = check(forward, lambda x, dy: dy * (x > 0), (X,)).findings
    assert finding.name == "factor left out" and "wrong at 'beyond a limit'" in finding.evidence[-1]


def test_a_limit_is_passed_where_the_given_values_are_zero():
    (finding,) = check(lambda x: (np.clip(x, -1000, 1000), x), lambda x, dy: dy, (np.zeros((4, 5)),)).findings
    assert finding.name == "wrong at large values"


def test_a_bound_at_zero_is_passed_where_it_can_be_and_no_remark_where_it_cannot():
    (finding,) = check(lambda x: (np.maximum(50 - x, 0), x), lambda x, dy: -dy, (X,)).findings
    assert finding.name == "wrong at large values"
    report = check(lambda x: (np.maximum(x**2 + 1, 0), x), lambda x, dy: 2 * x * dy, (X,))
    assert report.passed and not report.notes


def test_a_limit_that_no_test_point_passes_asks_for_arguments():
    def forward(x):
        return np.minimum(np.exp(np.minimum(x, 3)), 1e30), x

    report = check(forward, lambda x, dy: dy * np.exp(np.minimum(x, 3)) * (x < 3), (X,))
    assert report.passed
    assert any(note.startswith("no test point passes the limit at test_limits.py") for note in report.notes)


def test_a_bound_against_overflow_is_no_limit():
    def forward(x):
        y = 1 / (1 + np.exp(-np.clip(x, -500, 500)))
        return y, y

    report = check(forward, lambda y, dy: dy * y * (1 - y), (X,))
    assert report.passed and not report.notes


def test_rounding_of_the_forward_at_large_values_is_no_mistake():
    def forward(z, y):
        a = 1 / (1 + np.exp(-z))
        return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a)), (a, y)

    z = np.array([[4.6, -3.0, 1.0], [0.5, 2.0, -4.5]])
    assert check(forward, lambda res, d: d * (res[0] - res[1]) / res[1].size, (z, (z < 0) * 1.0), wrt=(0,)).passed


def test_a_guard_may_be_left_out_where_the_input_is_zero():
    def forward(p):
        return -np.log(np.maximum(p, 1e-7)), np.maximum(p, 1e-7)

    assert check(forward, lambda p, dy: -dy / p, (np.random.default_rng(0).uniform(0.1, 0.9, (4, 3)),)).passed
