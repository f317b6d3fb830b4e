"""Checks of layers and losses: every built-in class, and classes from outside the package."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle import nn
from jaxdoodle.gradcheck.layers import cases, cases_of
from jaxdoodle.nn import layers, losses, penalties


@nn.layer
class Scale:
    """``y = factor * g * x``, with a fault chosen by name."""

    fault: str = ""

    def param_shapes(self, input_shape):
        return {"g": input_shape}

    def output_shape(self, input_shape):
        return (1,) if self.fault == "output_shape" else input_shape

    def init(self, key, input_shape):
        return {"g": jnp.ones(input_shape, jnp.float32)}

    def forward(self, params, x, *, key=None):
        return params["g"] * x, (x, params["g"])

    def backward(self, residuals, dy):
        x, g = residuals
        dparams = {} if self.fault == "tree" else {"g": (dy * x).sum(axis=0)}
        return dparams, dy if self.fault == "dx" else dy * g

    def numpy_forward(self, params, x):
        return params["g"] * x + (self.fault == "numpy")

    @classmethod
    def examples(cls):
        return ((cls(), (5,)),)


@nn.loss
class MeanAbsoluteError:
    """For targets alone."""

    def forward(self, outputs, labels):
        return jnp.abs(outputs - labels).mean(), outputs - labels

    def backward(self, residuals):
        return jnp.sign(residuals) / residuals.size


def faulty(fault):
    class Faulty(Scale):
        @classmethod
        def examples(cls):
            return ((Scale(fault), (5,)),)

    ((_, check),) = cases_of(Faulty)
    return check()


def test_every_built_in_layer_loss_and_penalty_is_checked():
    titles = [title for title, _ in cases()]
    for kind, module in (("layer", layers), ("loss", losses), ("penalty", penalties)):
        for name in module.__all__:
            assert any(title.startswith(f"{kind}: {name}(") for title in titles), name
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("cls", [nn.Dense, nn.MeanSquaredError, Scale, MeanAbsoluteError])
def test_a_class_that_is_right_passes(cls):
    for title, check in cases_of(cls):
        report = check()
        assert report.passed, report
        assert report.title == title


def test_training_mode_is_checked_where_it_is_another_function():
    assert {title.endswith(", training") for title, _ in cases_of(nn.Dropout)} == {True, False}
    assert {title.endswith(", training") for title, _ in cases_of(nn.Dense)} == {False}


def test_a_loss_is_checked_with_the_labels_that_it_takes():
    assert [title for title, _ in cases_of(MeanAbsoluteError)] == ["loss: MeanAbsoluteError(), targets"]
    assert len(list(cases_of(nn.BinaryCrossEntropy))) % 2 == 0


def test_a_wrong_tree_of_gradients_is_named_beside_the_right_one():
    (finding,) = faulty("tree").findings
    assert finding.sentence == "Scale.backward returns dparams {}; params are {'g': *}"


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("dx", "wrong case"),
        ("numpy", "numpy_forward is not forward"),
        ("output_shape", "output_shape is wrong"),
    ],
)
def test_a_fault_of_a_layer_is_a_finding(fault, name):
    report = faulty(fault)
    assert not report.passed
    assert name in [finding.name for finding in report.findings]


def test_whole_models_are_checked():
    report = dict(cases())["model: MLP, dropout, L2"]()
    assert report.passed
    assert np.isfinite([leaf.figures.rel_l2 for leaf in report.leaves]).all()
    assert jax.config.jax_enable_x64
