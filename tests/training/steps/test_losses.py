"""Losses of a user, and the weights of classes."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.nn.losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy
from jaxdoodle.training import loop
from jaxdoodle.training.steps.losses import OUTLIER_WEIGHT, class_weights, weighted, with_outliers
from tests.fixtures.bars import CONFIG, SPEC, TRAIN

pytestmark = pytest.mark.usefixtures("as_users_run")

RNG = np.random.default_rng(0)
OUTPUTS, LABELS = jnp.asarray(RNG.normal(size=(5, 3)), jnp.float32), jnp.asarray([0, 2, 2, 1, 0], jnp.int32)
PAIR = (lambda outputs, labels: SoftmaxCrossEntropy().forward(outputs, labels), SoftmaxCrossEntropy().backward)
OURS, SHORT = SoftmaxCrossEntropy(), replace(CONFIG, epochs=1)


def per_image(outputs, labels):
    return optax.softmax_cross_entropy_with_integer_labels(outputs, labels)


@pytest.mark.parametrize(
    "loss, gradients",
    [
        (OURS, "hand"),
        (PAIR, "hand"),
        (PAIR, "autodiff"),
        (per_image, "autodiff"),
        (lambda outputs, labels: per_image(outputs, labels).mean(), "autodiff"),
    ],
    ids=["ours", "pair", "pair by autodiff", "one value per image", "mean"],
)
def test_a_loss_in_any_form_trains_as_the_loss_of_the_same_name(loss, gradients):
    expected = loop.fit(SPEC, TRAIN, None, SHORT).step_losses
    found = loop.fit(SPEC, TRAIN, None, replace(SHORT, gradients=gradients), loss=loss).step_losses
    np.testing.assert_allclose(found, expected, rtol=1e-4)


REFUSED = [
    (per_image, "loss per_image is a function without a backward pass; say gradients=.autodiff., or hand in the pair"),
    (SoftmaxCrossEntropy, "loss is an instance; got the class SoftmaxCrossEntropy"),
    ((per_image,), "loss is a pair of functions"),
    ("cross entropy", "loss is a loss, a pair .forward, backward. or a function; got 'cross entropy'"),
]


@pytest.mark.parametrize("loss, message", REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_no_loss_is_refused(loss, message):
    with pytest.raises(InputError, match=message):
        loop.fit(SPEC, TRAIN, None, CONFIG, loss=loss)


@pytest.mark.parametrize("loss", [OURS, SoftmaxCrossEntropy(0.2), MeanSquaredError(), BinaryCrossEntropy()], ids=str)
def test_weights_multiply_each_images_share_and_the_gradient_is_that_of_the_value(loss):
    weights = (0.5, 2.0, 0.0)
    value, residuals = weighted(loss, weights).forward(OUTPUTS, LABELS)
    each = [loss.forward(o[None], y[None])[0] for o, y in zip(OUTPUTS, LABELS, strict=True)]
    np.testing.assert_allclose(value, np.mean(np.array(weights)[LABELS] * each), rtol=1e-5)
    gradient = jax.jit(jax.grad(lambda outputs: weighted(loss, weights).forward(outputs, LABELS)[0]))(OUTPUTS)
    np.testing.assert_allclose(weighted(loss, weights).backward(residuals), gradient, atol=1e-6)
    even = weighted(loss, (1.0, 1.0, 1.0))
    np.testing.assert_allclose(even.forward(OUTPUTS, LABELS)[0], loss.forward(OUTPUTS, LABELS)[0], rtol=1e-5)


def test_balanced_weights_make_classes_count_alike():
    uneven = TRAIN.take(np.concatenate([np.flatnonzero(TRAIN.labels == c)[:n] for c, n in enumerate((5, 20, 0))]))
    found = np.array(class_weights("balanced", uneven))
    np.testing.assert_allclose(found * uneven.counts, [12.5, 12.5, 0])
    assert class_weights((1, 2, 3), TRAIN) == (1.0, 2.0, 3.0) and class_weights(None, TRAIN) is None
    with pytest.raises(InputError, match="class_weights has 2 numbers; bars has 3 classes"):
        class_weights((1, 2), TRAIN)


@pytest.mark.parametrize("gradients", ["hand", "autodiff"])
def test_class_weights_reach_the_training(gradients):
    """Of three classes only one counts: the network says it always."""
    config = replace(CONFIG, class_weights=(0, 0, 1), gradients=gradients, learning_rate=0.03)
    result = loop.fit(SPEC, TRAIN, None, config)
    assert result.history[-1].training.correct == TRAIN.counts[2]


def test_outliers_behind_the_images_count_half_of_one_each_and_the_gradient_is_that_of_the_value():
    outputs = jnp.concatenate([OUTPUTS, OUTPUTS[:2] + 1])
    for loss in (OURS, weighted(OURS, (0.5, 2.0, 0.0)), MeanSquaredError()):
        both = with_outliers(loss, 2 / 5)
        value, residuals = both.forward(outputs, LABELS)
        energies = jax.nn.logsumexp(outputs, axis=1)
        known, others = jax.nn.softplus(-energies[:5]), jax.nn.softplus(energies[5:])
        expected = loss.forward(OUTPUTS, LABELS)[0] + (known.sum() + OUTLIER_WEIGHT * others.sum()) / 5
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        gradient = jax.jit(jax.grad(lambda z, both=both: both.forward(z, LABELS)[0]))(outputs)
        np.testing.assert_allclose(both.backward(residuals), gradient, atol=1e-6)
