"""What the user's functions keep between calls is put back at every call."""

import contextlib
import dataclasses
import random

import numpy as np
import pytest

from jaxdoodle.gradcheck import CheckError, check
from jaxdoodle.gradcheck.setup.state import State

X, W = np.random.default_rng(0).normal(size=(5, 4)), np.random.default_rng(1).normal(size=4)
RNG, OLD_RNG, DICE = np.random.default_rng(3), np.random.RandomState(4), random.Random(5)
STATE = {"mean": np.zeros(4), "seen": [], "count": 0}
CALLS = 0


class Scale:
    def __init__(self):
        self.dw = np.zeros(4)

    def forward(self, x, w):
        self.x, self.w = x, w
        return x * w

    def backward(self, dy):
        self.dw += (dy * self.x).sum(axis=0)
        return dy * self.w


@dataclasses.dataclass
class Memory:
    calls: int = 0


LAYER, MEMORY = Scale(), Memory()


def by_generator(x, w):
    mask = RNG.random(x.shape) < 0.5
    return x * w * mask, (x, w, mask)


def by_random_state(x, w):
    mask = OLD_RNG.rand(*x.shape) < 0.5
    return x * w * mask, (x, w, mask)


def by_dice(x, w):
    mask = 2.0 * (DICE.random() < 0.5)
    return x * w * mask, (x, w, mask)


def by_running_mean(x, w):
    global CALLS
    CALLS += 1
    STATE["count"] += 1
    STATE["seen"].append(x.shape)
    STATE["mean"] += 0.1 * np.asarray(w)
    mask = 1 + 0.1 * STATE["count"] + 0.1 * CALLS + 0.1 * len(STATE["seen"])
    return x * w * mask, (x, w, mask)


def by_memory(x, w):
    MEMORY.calls += 1
    return x * w * MEMORY.calls, (x, w, float(MEMORY.calls))


def by_mask(residuals, dy):
    x, w, mask = residuals
    return dy * w * mask, (dy * x * mask).sum(axis=0)


@pytest.mark.parametrize("forward", [by_generator, by_random_state, by_dice, by_running_mean, by_memory])
def test_every_call_finds_the_same_state(forward):
    assert check(forward, by_mask, (X, W)).passed
    assert (CALLS, STATE["count"], STATE["seen"]) == (0, 0, [])


def test_a_layer_that_adds_up_its_gradients_is_right():
    report = check(lambda x, w: (LAYER.forward(x, w), LAYER), lambda dy, cache: (cache.backward(dy), cache.dw), (X, W))
    assert report.passed
    assert not LAYER.dw.any()


COUNTED = []


class CountingScale(Scale):
    def forward(self, x, w):
        COUNTED.append(len(COUNTED))
        return super().forward(x, w) * len(COUNTED)

    def backward(self, dy):
        return super().backward(dy * len(COUNTED))


class Inherits(CountingScale):
    """Has no method of its own."""


@contextlib.contextmanager
def counting():
    COUNTED.append(0)
    yield len(COUNTED)


def test_state_is_reached_through_methods_of_a_base_class_and_through_a_decorator_of_a_library():
    def by_decorator(x, w):
        with counting() as count:
            return x * w * count, (x, w, count)

    layer = Inherits()
    assert State((layer.forward,)).found and any(x is COUNTED for x, _ in State((layer.forward,)).found)
    assert check(by_decorator, by_mask, (X, W)).passed
    assert COUNTED == []


def test_what_cannot_be_put_back_is_called_not_deterministic():
    def noisy(x, w):
        mask = np.random.default_rng().normal(size=x.shape)
        return x * w * mask, (x, w, mask)

    with pytest.raises(CheckError, match="not deterministic"):
        check(noisy, by_mask, (X, W))


def test_a_pure_function_runs_as_it_is():
    def pure(x):
        return 2 * x

    assert State((pure,)).replay(pure) is pure


def test_an_iterator_that_goes_on_at_every_call_is_called_not_deterministic():
    numbers = iter(range(1, 100))

    def scaled(x, w):
        mask = next(numbers) % 3 + 1
        return x * w * mask, (x, w, mask)

    with pytest.raises(CheckError, match="not deterministic"):
        check(scaled, by_mask, (X, W))
