"""Losses: values against scipy and optax, gradients against autodiff and central differences."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_vjp
from scipy.special import expit, log_softmax

from jaxdoodle.nn import Dense, ModelSpec, Sigmoid, Softmax, SpecError, losses
from jaxdoodle.nn.losses import (
    BinaryCrossEntropy,
    Distillation,
    EnergyCrossEntropy,
    MeanSquaredError,
    SoftmaxCrossEntropy,
)

RNG = np.random.default_rng(1)
LABELS = RNG.integers(0, 5, 7)
ONE_HOT = np.eye(5)[LABELS]
SOFT = RNG.dirichlet(np.ones(5), 7)
UNNORMALIZED = RNG.uniform(size=(7, 5))
CASES = [
    (loss, labels)
    for loss in (
        *(SoftmaxCrossEntropy(), SoftmaxCrossEntropy(0.1), Distillation(), Distillation(0.7)),
        *(BinaryCrossEntropy(), MeanSquaredError()),
    )
    for labels in (LABELS, ONE_HOT, ONE_HOT.astype(int), SOFT, UNNORMALIZED)
] + [(EnergyCrossEntropy(0.3), labels) for labels in (LABELS, np.zeros(7, int), np.ones(7, int))]
LOGITS = {
    "noise": RNG.normal(size=(7, 5)),
    "all equal": np.zeros((7, 5)),
    "sure": 30 * RNG.normal(size=(7, 5)),
}
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


def test_every_loss_is_covered():
    assert {type(loss) for loss, _ in CASES} == {getattr(losses, name) for name in losses.__all__}


@pytest.mark.parametrize(
    ("loss", "labels", "dtype"),
    [(*case, np.float64) for case in CASES] + [(*case, np.float32) for case in CASES if case[1] is LABELS],
)
def test_the_gradient_is_the_derivative_of_the_value(loss, labels, dtype):
    labels = jnp.asarray(labels)

    @jax.jit
    def both(outputs):
        hand = loss.backward(loss.forward(outputs, labels)[1])
        return hand, jax.grad(lambda outputs: loss.forward(outputs, labels)[0])(outputs)

    for outputs in LOGITS.values():
        hand, auto = both(jnp.asarray(outputs, dtype))
        assert hand.dtype == dtype
        assert np.linalg.norm(hand - auto) <= TOLERANCE[dtype] * np.linalg.norm(auto)


@pytest.mark.parametrize("loss, labels", [case for case in CASES if case[1] is LABELS or case[1] is UNNORMALIZED])
def test_the_gradient_agrees_with_central_differences(loss, labels):
    labels = jnp.asarray(labels)

    def value(outputs):
        return loss.forward(outputs, labels)[0]

    def value_and_pull(outputs):
        result, residuals = loss.forward(outputs, labels)
        return result, lambda dy: (dy * loss.backward(residuals),)

    check_vjp(jax.jit(value), value_and_pull, (jnp.asarray(LOGITS["noise"]),), atol=1e-7, rtol=1e-7, eps=1e-5)


def test_cross_entropy_is_the_mean_negative_log_probability():
    expected = -log_softmax(LOGITS["noise"], axis=1)[np.arange(7), LABELS].mean()
    for labels in (LABELS, ONE_HOT):
        np.testing.assert_allclose(SoftmaxCrossEntropy().forward(LOGITS["noise"], labels)[0], expected)


def test_label_smoothing_is_that_of_optax():
    logits = jnp.asarray(LOGITS["noise"])
    auto = optax.softmax_cross_entropy(logits, optax.smooth_labels(jnp.asarray(ONE_HOT), 0.1)).mean()
    np.testing.assert_allclose(SoftmaxCrossEntropy(0.1).forward(logits, LABELS)[0], auto, rtol=1e-12)


def test_logits_in_the_thousands_give_finite_values():
    logits, labels = jnp.asarray([[5000.0, -5000.0], [-5000.0, 5000.0]], jnp.float32), jnp.asarray([0, 0])
    for loss, value in ((SoftmaxCrossEntropy(), 5000), (BinaryCrossEntropy(), 2500)):
        assert loss.forward(logits, labels)[0] == value
        assert np.isfinite(loss.backward(loss.forward(logits, labels)[1])).all()


def test_the_loss_of_a_sure_and_right_answer_is_small_and_not_0():
    """In float32 ``1 + exp(-20)`` is 1."""
    logits = jnp.asarray([[-20.0]], jnp.float32)
    for z in (logits, logits - 60):
        np.testing.assert_allclose(BinaryCrossEntropy().forward(z, jnp.asarray([0]))[0], np.exp(z[0, 0]), rtol=1e-6)


def test_binary_cross_entropy_of_one_output_takes_labels_0_and_1():
    logits, labels = jnp.asarray([[0.3], [-2.0], [1.5]]), jnp.asarray([1, 0, 0])
    p = expit(np.asarray(logits)[:, 0])
    expected = -np.where(labels == 1, np.log(p), np.log(1 - p)).mean()
    np.testing.assert_allclose(BinaryCrossEntropy().forward(logits, labels)[0], expected)


@pytest.mark.parametrize("labels", [np.zeros((7, 1), int), np.zeros(6, int), np.zeros(7), np.zeros((5, 7))])
def test_labels_that_would_only_broadcast_are_refused(labels):
    for loss in (SoftmaxCrossEntropy(), BinaryCrossEntropy(), MeanSquaredError()):
        with pytest.raises(ValueError, match=r"labels are integers of shape \(7,\) or targets of shape \(7, 5\); got"):
            loss.forward(jnp.asarray(LOGITS["noise"]), jnp.asarray(labels))


@pytest.mark.parametrize("loss, last", [(SoftmaxCrossEntropy(), Softmax()), (BinaryCrossEntropy(), Sigmoid())])
def test_a_loss_from_logits_refuses_a_network_that_ends_in_probabilities(loss, last):
    with pytest.raises(SpecError, match=rf"layers\[1\] \({type(last).__name__}\).*takes logits.*Leave the layer out"):
        losses.refuse_mismatch(loss, ModelSpec((Dense(3), last), (4,)))
    losses.refuse_mismatch(MeanSquaredError(), ModelSpec((Dense(3), last), (4,)))


def test_label_smoothing_outside_its_range_is_refused():
    with pytest.raises(SpecError, match="label_smoothing is at least 0 and below 1; got 1"):
        SoftmaxCrossEntropy(1)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy, EnergyCrossEntropy, Distillation])
@pytest.mark.parametrize("value", ["0.1", None, True, float("inf"), float("nan")])
def test_the_number_of_a_loss_is_finite(loss, value):
    with pytest.raises(SpecError, match=f"of {loss.__name__} is a finite number; got {value!r}"):
        loss(value)


def test_energy_cross_entropy_is_that_of_one_more_class_whose_logit_is_0():
    logits, classes = jnp.asarray(LOGITS["noise"]), jnp.asarray(LABELS[:4])
    background = jnp.concatenate([logits, jnp.zeros((7, 1))], axis=1)
    expected = SoftmaxCrossEntropy().forward(background, jnp.asarray([*LABELS[:4], 5, 5, 5]))[0]
    energy = EnergyCrossEntropy(3 / 4).forward(logits, jnp.asarray([1, 2, 1, 1, 0, 0, 0]))
    found = SoftmaxCrossEntropy().forward(logits[:4], classes)[0]
    np.testing.assert_allclose(4 / 7 * (found + energy[0]), expected, rtol=1e-12)


@pytest.mark.parametrize("labels", [ONE_HOT, LABELS[:6], LABELS.astype(float)])
def test_energy_cross_entropy_refuses_what_is_no_integer_for_each_image(labels):
    with pytest.raises(ValueError, match=r"labels are integers of shape \(7,\), 0 for an outlier; got"):
        EnergyCrossEntropy().forward(jnp.asarray(LOGITS["noise"]), jnp.asarray(labels))


def test_the_weight_of_outliers_is_above_0():
    with pytest.raises(SpecError, match="outlier_weight is above 0; got 0"):
        EnergyCrossEntropy(0)


def test_distillation_at_temperature_1_is_softmax_cross_entropy():
    logits, targets = jnp.asarray(LOGITS["noise"]), jnp.asarray(SOFT)
    expected, found = (loss.forward(logits, targets) for loss in (SoftmaxCrossEntropy(), Distillation(1.0)))
    jax.tree.map(np.testing.assert_array_equal, expected, found)


@pytest.mark.parametrize("temperature", [0, -1])
def test_a_temperature_is_above_0(temperature):
    with pytest.raises(SpecError, match="temperature is above 0; got"):
        Distillation(temperature)
