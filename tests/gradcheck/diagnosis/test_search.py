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


def test_a_factor_that_is_the_batch_size_by_chance_is_the_forwards_own_where_what_is_nearer_the_output_is_right():
    def pools(x, k):
        return (x @ k).reshape(4, 3, 4).sum(axis=2) / 4

    def loss(k, w, x, y):
        return 0.5 * np.sum((pools(x, k) @ w - y) ** 2)

    def gradient(k, w, x, y):
        p = pools(x, k)
        d = p @ w - y
        dp = np.repeat(d @ w.T, 4, axis=1)  # / 4 is missing, and there are 4 examples
        return x.T @ dp, p.T @ d

    args = RNG.normal(size=(5, 12)), RNG.normal(size=(3, 2)), RNG.normal(size=(4, 5)), RNG.normal(size=(4, 2))
    (finding,) = check_gradient(loss, gradient, args, argnums=(0, 1)).findings
    assert finding.name in ("factor of the forward forgotten", "divisor left out")


def test_a_path_through_time_is_told_for_the_product_that_it_goes_through(few_edits):
    def loss(w, u, x):
        h = np.zeros((x.shape[1], len(u)))
        for t in range(len(x)):
            h = np.tanh(x[t].dot(w) + h.dot(u)) + 0.1 * h
        return np.sum(h**2)

    def gradient(w, u, x):
        hs = [np.zeros((x.shape[1], len(u)))]
        for t in range(len(x)):
            hs.append(np.tanh(x[t].dot(w) + hs[-1].dot(u)) + 0.1 * hs[-1])
        dw, du, dh = np.zeros_like(w), np.zeros_like(u), 2 * hs[-1]
        for t in range(len(x) - 1, -1, -1):
            dz = dh * (1 - (hs[t + 1] - 0.1 * hs[t]) ** 2)
            dw, du = dw + x[t].T.dot(dz), du + hs[t].T.dot(dz)
            dh = 0.1 * dh  # + dz.dot(u.T) is missing
        return dw, du

    args = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3)), RNG.normal(size=(2, 5, 4))
    report = check_gradient(loss, gradient, args, argnums=(0, 1))
    assert [f.name for f in report.findings] in (["gradient path missing"], ["term left out"])
