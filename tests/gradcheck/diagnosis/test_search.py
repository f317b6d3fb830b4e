"""Planted mistakes get their names. The whole suite is an experiment; here are the quick ones."""

import numpy as np
import pytest
from jax import lax

from experiments.planted_bugs.mutations import MUTATIONS
from experiments.planted_bugs.suite import run
from jaxdoodle.gradcheck import check, check_gradient

QUICK = [m for m in MUTATIONS if m.network in ("columns", "objects", "bce", "skip", "batchnorm")][::2]
RNG = np.random.default_rng(0)
NHWC = ("NHWC", "HWIO", "NHWC")


def test_the_suite_holds_sixty_mistakes_and_more():
    assert len(MUTATIONS) >= 60
    assert len({m.title for m in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.parametrize("mutation", QUICK, ids=lambda m: m.title)
def test_a_planted_mistake_is_caught_and_named(mutation):
    outcome = run(mutation)
    assert outcome.caught
    assert outcome.named, outcome.names


def test_two_mistakes_are_both_named():
    def loss(w1, b1, w2, x, y):
        return np.mean(np.sum((np.tanh(x @ w1 + b1) @ w2 - y) ** 2, axis=1))

    def gradient(w1, b1, w2, x, y):
        h = np.tanh(x @ w1 + b1)
        d = 2 * (h @ w2 - y) / len(x)
        dz = d @ w2.T  # 1 - h^2 is missing
        return x.T @ dz, dz.sum(axis=0), -h.T @ d  # and a sign

    args = (
        RNG.normal(size=(4, 3)),
        RNG.normal(size=3),
        RNG.normal(size=(3, 2)),
        RNG.normal(size=(6, 4)),
        RNG.normal(size=(6, 2)),
    )
    report = check_gradient(loss, gradient, args, argnums=(0, 1, 2))
    assert {f.name for f in report.findings} == {"activation derivative forgotten", "sign flipped"}


def test_what_cannot_be_named_is_not_given_a_name_but_a_line():
    def forward(x, w):
        z = x @ w
        return np.tanh(z), (x, w, z)

    def backward(residuals, dy):
        x, w, z = residuals
        dz = dy * np.cos(3 * z) ** 5
        return dz @ w.T, x.T @ dz

    (finding,) = check(forward, backward, (RNG.normal(size=(5, 4)), RNG.normal(size=(4, 3)))).findings
    assert finding.name == "cannot name it"
    assert "`dz`" in finding.sentence
    assert any("cosine" in line for line in finding.evidence)


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


def test_a_hard_coded_batch_size_shows_at_another_one():
    def loss(w, x):
        return np.mean((x @ w) ** 2)

    def gradient(w, x):
        return 2 * x.T @ (x @ w) / 6

    report = check_gradient(loss, gradient, (RNG.normal(size=4), RNG.normal(size=(6, 4))))
    assert [f.name for f in report.findings] == ["size written as a number"]
