"""The contracts in which a backward may come, and what is said of one that breaks them."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import CheckError, assert_gradients_match, check, check_value_and_grad

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)


def forward(x, w, b):
    return x @ w + b, (x, w)


def backward(residuals, dy):
    x, w = residuals
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)


def test_a_right_pair_passes_in_both_precisions():
    for dtype in ("float64", "float32"):
        report = check(forward, backward, (X, W, B), dtype=dtype)
        assert report and report.passed and not report.findings


def test_the_value_is_checked_beside_the_gradient():
    def loss(w):
        return (w**2).sum()

    assert check_value_and_grad(loss, lambda w: (loss(w), 2 * w), (W,)).passed
    report = check_value_and_grad(loss, lambda w: (0.5 * loss(w), 2 * w), (W,))
    assert [f.name for f in report.findings] == ["value is not the loss"]


def test_the_value_is_checked_where_the_first_argument_has_no_gradient():
    rows = np.array([0, 2])

    def loss(rows, w):
        return (w[rows] ** 2).sum()

    def value_and_grad(rows, w):
        dw = np.zeros_like(w)
        dw[rows] = 2 * w[rows]
        return loss(rows, w), dw

    assert check_value_and_grad(loss, value_and_grad, (rows, W), argnums=1).passed


def test_the_assertion_helper_shows_the_report():
    assert_gradients_match(forward, backward, (X, W, B))
    with pytest.raises(AssertionError, match="sign flipped"):
        assert_gradients_match(forward, lambda r, dy: tuple(-g for g in backward(r, dy)), (X, W, B))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check(lambda x: x, lambda r, dy: dy, (X,)), "forward"),
        (lambda: check(forward, backward, (X, W)), "the forward gives TypeError"),
        (lambda: check(forward, backward, (1, 2, 3)), "no argument to differentiate"),
        (lambda: check(forward, backward, (X, W, B), oracle="magic"), "oracle is auto"),
        (lambda: check(forward, backward, (X, W, B), dtype="int8"), "dtype is float32 or float64"),
        (lambda: check(forward, backward, (X, W, B), demand={"relu": 7}), "demand takes"),
        (lambda: check(forward, backward, (X, W, B), wrt=(5,)), "there are 3 arguments"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_in_one_line(call, message):
    with pytest.raises(CheckError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
