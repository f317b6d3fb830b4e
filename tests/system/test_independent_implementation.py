"""The NumPy network and the JAX layers were written apart: each checks the other's forward pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.inference import network
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
    model,
)
from jaxdoodle.nn import layers as builtin
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn

DIGITS = [str(d) for d in range(10)]
EVERYTHING = ModelSpec(
    (
        Pad2D(((0, 0), (0, 0))), Conv2D(6, (4, 3), padding="SAME"), LeakyReLU(0.2), Clip(-1.0, 2.0),
        BatchNorm(), MaxPool2D(3, 2), Conv2D(5, 2, stride=(2, 1)),
        BatchNorm(), Tanh(), AvgPool2D(2, 1), Dropout(0.5), Flatten(), Dense(12), Sigmoid(), BatchNorm(),
        Residual((Dense(12), Tanh())), Dense(4), Softmax(),
    ),
    (19, 16, 3),
)  # fmt: skip
REMAINDERS = ModelSpec(
    (Conv2D(4, 5, stride=3, padding="SAME"), ReLU(), MaxPool2D((3, 2)), Conv2D(7, 1), GlobalAvgPool2D()), (23, 14, 2)
)
CASES = {
    "mlp": mlp(DIGITS, (128, 64)),
    "digit cnn": digit_cnn(DIGITS),
    "sketch cnn": sketch_cnn(DIGITS),
    "every kind of layer": EVERYTHING,
    "remainders": REMAINDERS,
}


def test_every_table_has_exactly_the_layers_of_the_spec():
    kinds = {getattr(builtin, name) for name in builtin.__all__}
    assert {type(layer) for spec in CASES.values() for layer in spec.layers} == kinds


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("batch", [1, 3, 70])
def test_numpy_and_jax_give_the_same_outputs(name, batch):
    spec, rng = CASES[name], np.random.default_rng(0)
    params = jax.tree.map(np.array, model.init(spec, jax.random.key(0)))
    for p in params:
        for leaf in set(p) - {"w"}:
            p[leaf] = rng.uniform(0.5, 1.5, p[leaf].shape).astype(np.float32)
    x = rng.uniform(size=(batch, *spec.input_shape)).astype(np.float32)
    expected = np.asarray(jax.jit(lambda p, x: model.apply(spec, p, x))(params, jnp.asarray(x)))
    found = network.Network(spec, params).logits(x)
    assert found.dtype == np.float32 and np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
