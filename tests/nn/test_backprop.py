"""Level 3: whole networks, the reverse pass against ``jax.value_and_grad``; on noise and on doodles."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.nn import (
    AvgPool2D,
    BatchNorm,
    Clip,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    LeakyReLU,
    MaxPool2D,
    ModelSpec,
    Pad2D,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
    Tanh,
    backprop,
    model,
)
from jaxdoodle.nn import layers as builtin
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn
from jaxdoodle.nn.losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy
from jaxdoodle.nn.penalties import L1, L2

DIGITS = [str(d) for d in range(10)]
EVERYTHING = ModelSpec(
    (
        Pad2D(((0, 0), (0, 0))), Conv2D(4, (3, 2), padding="SAME"), LeakyReLU(), Clip(-1.0, 2.0),
        BatchNorm(), AvgPool2D(3, 1), Dropout(0.3),
        Conv2D(3, 2, stride=2), Tanh(), MaxPool2D(), Flatten(), Dense(6), Sigmoid(),
        Residual((Dense(6), Dropout(0.2), Residual((Dense(6), Tanh())))), Dense(5), Softmax(),
    ),
    (13, 10, 2),
)  # fmt: skip
POOLED = ModelSpec((Conv2D(4, 3, padding="SAME"), ReLU(), MaxPool2D(), Conv2D(5, 2), GlobalAvgPool2D()), (12, 11, 1))
CASES = {
    "mlp": (mlp(DIGITS, (32, 16), drop_rate=0.2), SoftmaxCrossEntropy(), (L2(1e-3, layers=(1,)), L1(1e-4))),
    "logistic regression": (mlp(DIGITS, ()), SoftmaxCrossEntropy(0.1), ()),
    "digit cnn": (digit_cnn(DIGITS), SoftmaxCrossEntropy(), ()),
    "sketch cnn": (sketch_cnn(DIGITS), SoftmaxCrossEntropy(), ()),
    "global average": (POOLED, BinaryCrossEntropy(), ()),
    "every kind of layer": (EVERYTHING, MeanSquaredError(), (L2(1e-2, leaves=("w", "b", "scale")),)),
}
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
KEYS = {"training": jax.random.key(5), "evaluation": None}


def test_every_layer_is_in_some_network():
    assert {type(layer) for spec, *_ in CASES.values() for layer in spec.layers} == {
        getattr(builtin, name) for name in builtin.__all__
    }


def doodles(rng, shape):
    """A few straight pen strokes on blank: mostly exact zeros, as in real data."""
    images = np.zeros(shape)
    for image in images:
        image[rng.integers(shape[1]), :, :] = rng.uniform(size=(shape[2], 1)).round(2)
        image[:, rng.integers(shape[2]), :] = 1
    return images


INPUTS = {"noise": lambda rng, shape: rng.normal(size=shape), "doodles": doodles}


def draw(spec, inputs, dtype, batch=3):
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), model.init(spec, jax.random.key(1)))
    for p in params:
        for name in [name for name in p if name.rpartition(".")[2] in ("b", "shift", "mean")]:
            p[name] = jnp.asarray(0.1 * rng.normal(size=p[name].shape), dtype)
    x = jnp.asarray(INPUTS[inputs](rng, (batch, *spec.input_shape)), dtype)
    return params, x, jnp.asarray(rng.integers(0, spec.output_shape[0], batch))


@pytest.mark.parametrize(
    ("name", "mode", "dtype"),
    [
        *((name, "training", np.float64) for name in reversed(CASES)),
        ("every kind of layer", "evaluation", np.float64),
        ("every kind of layer", "training", np.float32),
        ("digit cnn", "training", np.float32),  # fused blocks
    ],
)
def test_the_reverse_pass_gives_the_gradient_of_autodiff(name, dtype, mode):
    spec, loss, penalties = CASES[name]
    key = KEYS[mode]
    hand, auto = (
        jax.jit(make(spec, loss, penalties), static_argnames="training")
        for make in (backprop.value_and_grad, backprop.autodiff)
    )
    for inputs in INPUTS:
        arguments = draw(spec, inputs, dtype)
        mode = {"training": key is not None, "key": key}
        (value, aux), grads = hand(*arguments, **mode)
        (auto_value, auto_aux), auto_grads = auto(*arguments, **mode)
        np.testing.assert_allclose(value, auto_value, rtol=TOLERANCE[dtype])
        assert jax.tree.structure(aux) == jax.tree.structure(auto_aux)
        for found, expected in zip(jax.tree.leaves(grads), jax.tree.leaves(auto_grads), strict=True):
            assert found.dtype == dtype and found.shape == expected.shape
            assert np.linalg.norm(found - expected) <= TOLERANCE[dtype] * max(np.linalg.norm(expected), 1e-3)


def test_the_derivative_along_a_random_direction_is_that_of_central_differences():
    spec, loss, penalties = CASES["every kind of layer"]
    params, x, labels = draw(spec, "noise", np.float64)
    objective = jax.jit(model.loss_fn(spec, loss, penalties))
    _, grads = jax.jit(backprop.value_and_grad(spec, loss, penalties))(params, x, labels, key=KEYS["training"])
    rng = np.random.default_rng(3)
    direction = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), params)
    ahead, behind = (
        objective(jax.tree.map(lambda p, d, h=h: p + h * d, params, direction), x, labels, key=KEYS["training"])[0]
        for h in (1e-6, -1e-6)
    )
    slope = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(grads), jax.tree.leaves(direction), strict=True))
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize("make", backprop.GRADIENTS.values(), ids=backprop.GRADIENTS)
def test_the_gradient_of_a_batch_is_the_mean_over_its_images(make):
    """A missing or doubled 1/m shows between two batch sizes."""
    spec, loss, _ = CASES["digit cnn"]
    params, x, labels = draw(spec, "doodles", np.float64, batch=2)
    gradient = jax.jit(partial(make(spec, loss), training=False))
    (_, _), whole = gradient(params, x, labels)
    halves = [gradient(params, x[i : i + 1], labels[i : i + 1])[1] for i in range(2)]
    mean = jax.tree.map(lambda a, b: (a + b) / 2, *halves)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13), whole, mean)


def test_nothing_that_autodiff_differentiates_carries_a_hand_written_derivative():
    """Otherwise autodiff would return the hand-written derivative."""
    for spec, loss, penalties in CASES.values():
        params, x, labels = draw(spec, "noise", np.float64)
        jaxpr = jax.make_jaxpr(model.loss_fn(spec, loss, penalties))(params, x, labels, key=KEYS["training"])
        assert "custom_vjp" not in str(jaxpr)


def test_an_input_of_another_shape_is_refused():
    spec, *_ = CASES["digit cnn"]
    with pytest.raises(ValueError, match=r"takes floating-point inputs \(batch, 28, 28, 1\); got float64 \(3, 784\)"):
        model.apply(spec, [{}] * len(spec.layers), jnp.zeros((3, 784)))
