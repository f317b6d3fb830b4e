"""The reverse pass over a tape, and what changes when a step of it is replaced."""

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import Tape
from jaxdoodle.gradcheck.autograd.traced_array import TracedArray

X, W = np.random.default_rng(0).normal(size=(2, 4, 4))


def taped():
    tape = Tape(lambda: None)
    x, w = (TracedArray(tape, tape.leaf(name, value)) for name, value in (("x", X), ("w", W)))
    hidden = np.tanh(x @ w)
    y = hidden + x
    return tape, hidden._node, y._node


def test_contributions_of_every_use_are_added():
    tape, _, y = taped()
    dy = np.ones_like(X)
    gradients = tape.leaf_values(tape.reverse({y: dy}))
    dz = dy * (1 - np.tanh(X @ W) ** 2)
    np.testing.assert_allclose(gradients["x"], dz @ W.T + dy)
    np.testing.assert_allclose(gradients["w"], X.T @ dz)


def test_a_replaced_step_changes_what_lies_below_it_alone():
    tape, hidden, y = taped()
    dy = np.ones_like(X)
    cotangents = tape.reverse({y: dy})
    before = tape.nodes[hidden].parents[0]
    deltas = tape.leaf_values(tape.changed(cotangents, {hidden: lambda d: [(before, d)]}))
    np.testing.assert_allclose(deltas["w"], X.T @ (dy - dy * (1 - np.tanh(X @ W) ** 2)))
