"""A batch in parts gives loss, gradients and logits of the whole."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle import nn
from jaxdoodle.nn import backprop, model
from jaxdoodle.training.hardware.parts import in_parts, most_images
from jaxdoodle.training.steps.losses import with_outliers, with_teacher
from tests.fixtures.bars import CNN

pytestmark = pytest.mark.usefixtures("as_users_run")

SPEC = nn.ModelSpec((nn.Conv2D(3, 3), nn.ReLU(), nn.MaxPool2D(), nn.Flatten(), nn.Dense(4)), (8, 8, 1))
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 4, 12).astype(np.int32)
X = RNG.normal(size=(18, 8, 8, 1)).astype(np.float32)
TAUGHT = RNG.dirichlet(np.ones(4), 12).astype(np.float32)
PLAIN = nn.SoftmaxCrossEntropy(0.1)
CASES = {
    "labels": (PLAIN, X[:12], LABELS),
    "targets": (nn.MeanSquaredError(), X[:12], TAUGHT),
    "outliers": (with_outliers(PLAIN, 0.5), X, LABELS),
    "a teacher and outliers": (with_outliers(with_teacher(PLAIN, 0.7, 2.0), 0.5), X, (LABELS, TAUGHT)),
}


@pytest.mark.parametrize("name, most", [("labels", 1), ("labels", 100), *((name, 5) for name in CASES)])
def test_parts_give_what_the_whole_gives(name, most):
    loss, x, labels = CASES[name]
    params = model.init(SPEC, jax.random.key(0))
    whole = backprop.value_and_grad(SPEC, loss, [nn.L2(0.1)])
    key = jax.random.key(1)
    found, expected = (jax.jit(one)(params, x, labels, key=key) for one in (in_parts(whole, most), whole))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, expected)


def test_dropout_draws_anew_in_every_part():
    spec = nn.ModelSpec((nn.Flatten(), nn.Dropout(0.5), nn.Dense(4)), (8, 8, 1))
    params = model.init(spec, jax.random.key(0))
    objective = in_parts(backprop.value_and_grad(spec, PLAIN), 2)
    same = jnp.asarray(np.repeat(X[:1], 4, axis=0))
    (_, aux), _ = objective(params, same, jnp.asarray(LABELS[:4]), key=jax.random.key(0))
    assert len(np.unique(np.asarray(aux.logits), axis=0)) == 4


def test_larger_networks_are_computed_in_smaller_parts():
    sketch = nn.sketch_cnn([str(number) for number in range(345)])
    assert 16 <= most_images(sketch, PLAIN, "cpu") <= 64 < 128 <= most_images(nn.digit_cnn("0123456789"), PLAIN, "cpu")


OWN = type("Own", (nn.ReLU,), {})


@pytest.mark.parametrize(
    "spec, loss, backend",
    [
        (CNN, PLAIN, "cpu"),  # batch normalization looks at the whole batch
        (SPEC, nn.EnergyCrossEntropy(), "cpu"),  # so does a mean over those of a kind
        (replace(SPEC, layers=(*SPEC.layers[:1], OWN(), *SPEC.layers[2:])), PLAIN, "cpu"),  # and so may a user's layer
        (nn.mlp("abc", (8,)), PLAIN, "cpu"),  # nothing is gained
        (SPEC, PLAIN, "gpu"),
    ],
)
def test_a_batch_is_left_whole_where_parts_would_be_another_loss_or_no_gain(spec, loss, backend):
    assert most_images(SPEC, PLAIN, "cpu") and most_images(spec, loss, backend) is None
