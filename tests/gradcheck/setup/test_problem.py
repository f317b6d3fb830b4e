"""In which styles a pair may be written."""

import numpy as np

from jaxdoodle.gradcheck import check

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)


def forward(x, w, b):
    return x @ w + b, (x, w)


def backward(residuals, dy):
    x, w = residuals
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)

    def affine_backward(dout, cache):
        return backward(cache, dout)

    assert check(forward, affine_backward, (X, W, B)).passed


def test_dropout_drawn_inside_the_forward_is_the_same_each_time():
    def dropout(x):
        mask = (np.random.rand(*x.shape) < 0.5) / 0.5
        return x * mask, mask

    assert check(dropout, lambda mask, dy: dy * mask, (X,)).passed
