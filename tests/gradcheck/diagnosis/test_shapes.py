"""Gradients in another shape than the parameter's."""

import numpy as np
import pytest

from jaxdoodle.gradcheck.diagnosis.shapes import settle

RNG = np.random.default_rng(0)
WANT = {"w": RNG.normal(size=(4, 3)), "b": RNG.normal(size=(3,))}


@pytest.mark.parametrize(
    ("got", "name"),
    [
        ({"w": WANT["w"].T}, "gradient transposed"),
        ({"b": WANT["b"][None]}, "shape that only broadcasts to the right one"),
        ({"b": np.array(WANT["b"].sum())}, "bias summed over everything"),
        ({"b": np.stack([WANT["b"] / 2] * 2)}, "bias not summed over the batch"),
        ({"w": np.ones((7, 2))}, "cannot name it"),
    ],
)
def test_a_wrong_shape_is_named(got, name):
    _, (finding,) = settle(got, {n: WANT[n] for n in got}, 1e-9)
    assert finding.name == name
    assert str(WANT[next(iter(got))].shape) in finding.sentence


def test_gradients_that_came_for_each_other_are_swapped():
    usable, (finding,) = settle({"w": WANT["b"], "b": WANT["w"]}, WANT, 1e-9)
    assert finding.name == "gradients swapped"
    assert not usable
