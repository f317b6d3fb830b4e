"""Points without a derivative: every admissible choice passes and is reported, unless one is demanded."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3))


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
def test_any_subgradient_is_accepted_and_reported_as_a_convention(slope):
    report = check(*relu_pair(slope), (X, W))
    assert report.passed
    assert f"relu'(0) = {slope}" in report.conventions


def test_a_convention_can_be_demanded():
    assert check(*relu_pair(0), (X, W), demand={"relu": 0}).passed
    report = check(*relu_pair(1), (X, W), demand={"relu": 0})
    assert [f.name for f in report.findings] == ["relu' >= 0"]


def test_what_is_no_subgradient_is_wrong():
    assert not check(*relu_pair(3), (X, W)).passed


def test_an_elu_whose_slope_jumps_at_zero_has_both_slopes_there():
    w = np.random.default_rng(0).normal(size=(8, 8))

    def forward(x):
        z = x @ w
        return np.where(z > 0, z, 0.8 * (np.exp(np.minimum(z, 0)) - 1)) + x, z

    def backward(z, dy):
        return (dy * np.where(z > 0, 1.0, 0.8 * np.exp(z))) @ w.T + dy

    x = np.random.default_rng(1).normal(size=(16, 8))
    assert check(forward, backward, (x,)).passed
    assert not check(forward, lambda z, dy: (dy * np.where(z > 0, 1.0, 0.7 * np.exp(z))) @ w.T + dy, (x,)).passed
