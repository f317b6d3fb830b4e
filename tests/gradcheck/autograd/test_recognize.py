"""Parts of a network are found by what they compute, in whatever way it is written."""

import jax
import numpy as np
import pytest

from jaxdoodle.gradcheck.autograd.recognize import recognize
from jaxdoodle.gradcheck.reference import trace_forward
from jaxdoodle.gradcheck.setup.problem import Point, Problem

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4))


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def normalize(x):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)


@pytest.mark.parametrize(
    ("forward", "x", "name"),
    [
        (lambda x: np.maximum(x, 0) * 2, X, "relu"),
        (lambda x: x * (x > 0) * 2, X, "relu"),
        (lambda x: np.where(x > 0, x, 0.1 * x) * 2, X, "leaky relu"),
        (lambda x: 1 / (1 + np.exp(-x)), X, "sigmoid"),
        (lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)), X, "tanh"),
        (softmax, X, "softmax"),
        (normalize, X, "batch norm"),
    ],
)
def test_a_part_is_recognized_in_numpy_code(forward, x, name):
    problem = Problem("", (x,), ("x",), forward, lambda a, d: None, (0,), False, (forward,))
    tape = trace_forward(problem, Point((x,), np.ones_like(forward(x))), by_jax=False).tape
    assert name in {part.name for part in recognize(tape)}


def test_the_same_part_is_recognized_in_jax_code():
    problem = Problem("", (X,), ("x",), jax.nn.relu, lambda a, d: None, (0,), False)
    tape = trace_forward(problem, Point((X,), np.ones(X.shape)), by_jax=True).tape
    assert "relu" in {part.name for part in recognize(tape)}
