"""Planted mistakes get their names. The whole suite is an experiment; here are the quick ones."""

import numpy as np
import pytest

from experiments.planted_bugs.mutations import MUTATIONS
from experiments.planted_bugs.suite import run
from jaxdoodle.gradcheck import check_gradient

QUICK = [m for m in MUTATIONS if m.network in ("columns", "objects", "bce", "skip", "batchnorm")][::2]
RNG = np.random.default_rng(0)


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


def test_several_steps_that_are_left_out_at_once_are_named():
    mask = np.random.default_rng(3).random((6, 3)) < 0.7

    def loss(w1, w2, x, y):
        return np.sum((np.tanh(x @ w1) * mask / 0.7 @ w2 - y) ** 2)

    def gradient(w1, w2, x, y):
        h = np.tanh(x @ w1) * mask / 0.7
        d = 2 * (h @ w2 - y)
        return x.T @ (d @ w2.T), h.T @ d  # the mask and 1 - tanh^2 are missing

    args = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=(6, 4)), RNG.normal(size=(6, 2))
    report = check_gradient(loss, gradient, args, argnums=(0, 1))
    assert [f.name for f in report.findings] == ["derivative left out"]
