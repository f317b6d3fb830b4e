"""From the rounds of a check to its findings and notes."""

import numpy as np
from jax import lax

from jaxdoodle.gradcheck import check

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)
NHWC = ("NHWC", "HWIO", "NHWC")


def forward(x, w, b):
    return x @ w + b, (x, w)


def test_arguments_without_a_cotangent_are_left_alone_and_reported():
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


def test_a_backward_that_raises_is_a_finding_with_its_line():
    def broken(residuals, dy):
        return dy @ residuals[1], residuals[0].T @ dy, dy.sum(axis=0)

    report = check(forward, broken, (X, W, B))
    assert not report.passed
    assert report.findings[0].name.startswith("backward raises")
    assert "dy @ residuals[1]" in report.findings[0].backward.text


def test_a_derivation_for_one_kernel_size_is_right_and_says_so():
    """Its padding is written for 3x3, which is what it is used with."""

    def forward(x, w):
        return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=NHWC), (x, w)

    def backward(residuals, dy):
        x, w = residuals
        turned = w[::-1, ::-1].swapaxes(2, 3)
        dx = lax.conv_general_dilated(dy, turned, (1, 1), ((1, 1), (1, 1)), dimension_numbers=NHWC)
        images, errors = x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3)
        dw = lax.conv_general_dilated(images, errors, (1, 1), ((1, 1), (1, 1)), dimension_numbers=NHWC)
        return dx, dw.transpose(1, 2, 0, 3)

    report = check(forward, backward, (RNG.normal(size=(2, 5, 6, 2)), RNG.normal(size=(3, 3, 2, 3))))
    assert report.passed
    assert any("right for the sizes as given only" in note for note in report.notes)
