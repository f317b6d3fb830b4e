"""The contracts in which a backward may come, and what is said of one that breaks them."""

import jax
import numpy as np
import pytest

from jaxdoodle.gradcheck import CheckError, assert_gradients_match, check, check_gradient, check_value_and_grad

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


def test_a_course_style_backward_takes_its_cotangent_first():
    def affine_backward(dout, cache):
        return backward(cache, dout)

    assert check(forward, affine_backward, (X, W, B)).passed


def test_gradients_are_found_by_name_in_a_dictionary():
    def loss(params, x):
        return np.sum((x @ params["W1"] + params["b1"]) ** 2)

    def gradient(params, x):
        d = 2 * (x @ params["W1"] + params["b1"])
        return {"db1": d.sum(axis=0), "dz1": d, "dW1": x.T @ d}

    assert check_gradient(loss, gradient, ({"W1": W, "b1": B}, X)).passed


def test_arguments_without_a_cotangent_are_left_alone_and_told():
    labels = np.eye(3)[[0, 1, 2, 2, 1, 0]]

    def entropy(z, y):
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return -np.mean(np.sum(y * np.log(p), axis=1)), (p, y)

    def entropy_backward(residuals, dy):
        p, y = residuals
        return dy * (p - y) / len(y), None

    report = check(entropy, entropy_backward, (X[:, :3], labels))
    assert report.passed
    assert "no cotangent came back for y" in report.notes[0]


def test_the_value_is_checked_beside_the_gradient():
    def loss(w):
        return (w**2).sum()

    assert check_value_and_grad(loss, lambda w: (loss(w), 2 * w), (W,)).passed
    report = check_value_and_grad(loss, lambda w: (0.5 * loss(w), 2 * w), (W,))
    assert [f.name for f in report.findings] == ["value is not the loss"]


def test_dropout_drawn_inside_the_forward_is_the_same_each_time():
    def dropout(x):
        mask = (np.random.rand(*x.shape) < 0.5) / 0.5
        return x * mask, mask

    assert check(dropout, lambda mask, dy: dy * mask, (X,)).passed


def test_a_backward_that_raises_is_a_finding_with_its_line():
    def broken(residuals, dy):
        return dy @ residuals[1], residuals[0].T @ dy, dy.sum(axis=0)

    report = check(forward, broken, (X, W, B))
    assert not report.passed
    assert report.findings[0].name.startswith("backward raises")
    assert "dy @ residuals[1]" in report.findings[0].backward.text


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


def relu_pair(slope_at_zero):
    def relu_forward(x, w):
        z = x @ w
        return np.maximum(z, 0), (x, w, z)

    def relu_backward(residuals, dy):
        x, w, z = residuals
        dz = dy * np.where(z == 0, slope_at_zero, z > 0)
        return dz @ w.T, x.T @ dz

    return relu_forward, relu_backward


@pytest.mark.parametrize("slope", [0, 0.5, 1])
def test_any_subgradient_is_accepted_and_told_as_a_convention(slope):
    report = check(*relu_pair(slope), (X, W))
    assert report.passed
    assert f"relu'(0) = {slope}" in report.conventions


def test_a_convention_can_be_demanded():
    assert check(*relu_pair(0), (X, W), demand={"relu": 0}).passed
    report = check(*relu_pair(1), (X, W), demand={"relu": 0})
    assert [f.name for f in report.findings] == ["relu' >= 0"]


def test_what_is_no_subgradient_is_wrong():
    assert not check(*relu_pair(3), (X, W)).passed


def test_randomness_of_jax_is_an_argument_like_any_other():
    key = jax.random.key(0)

    def dropped(x, key):
        mask = jax.random.bernoulli(key, 0.5, x.shape).astype(x.dtype) / 0.5
        return x * mask, mask

    for dtype in ("float64", "float32"):
        assert check(dropped, lambda mask, dy: (dy * mask, None), (X, key), dtype=dtype).passed
