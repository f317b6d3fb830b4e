"""The parameters that a network starts from."""

import jax
import numpy as np
import pytest

from jaxdoodle.nn import Conv2D, Dense, Dropout, ModelSpec, Residual, apply, init, mlp

KEYS = {
    "rbg": lambda: jax.random.key(0, impl="rbg"),
    "unsafe_rbg": lambda: jax.random.key(0, impl="unsafe_rbg"),
    "raw": lambda: jax.random.PRNGKey(0),
}


@pytest.mark.parametrize("kind", KEYS)
def test_one_seed_gives_one_network_whatever_makes_its_key(kind):
    spec = mlp(("a", "b"), (4,))
    expected = init(spec, jax.random.key(0, impl="threefry2x32"))
    jax.tree.map(np.testing.assert_array_equal, init(spec, KEYS[kind]()), expected)
    other = init(spec, jax.random.key(1, impl="threefry2x32"))
    assert not np.array_equal(other[1]["w"], expected[1]["w"])


def test_every_layer_is_drawn_by_a_key_of_its_own_also_in_a_block():
    spec = ModelSpec((Dense(4), Dense(4), Residual((Dense(4), Dense(4)))), (4,))
    weights = [value for layer in init(spec, jax.random.key(0)) for name, value in layer.items() if name[-1] == "w"]
    assert len({np.asarray(w).tobytes() for w in weights}) == 4


@pytest.mark.parametrize("block", [False, True])
def test_every_dropout_drops_by_a_key_of_its_own_also_in_a_block(block):
    two = (Dropout(0.5), Dropout(0.5))
    layers, x = (Residual(two),) if block else two, np.ones((1, 4096), np.float32)
    y = apply(ModelSpec(layers, (4096,)), [{}] * len(layers), x, training=True, key=jax.random.key(0))
    assert abs(np.mean(np.asarray(y) - block > 0) - 1 / 4) < 0.04, "half of a half is left"


@pytest.mark.parametrize("make", [Dense, lambda units, init: Conv2D(units, 1, kernel_init=init)])
def test_weights_are_drawn_by_the_initializer_of_their_layer(make):
    shape = (1, 1, 64) if make is not Dense else (64,)
    spreads = [np.std(make(64, name).init(jax.random.key(0), shape)["w"]) for name in ("normal(0.001)", "normal(1)")]
    np.testing.assert_allclose(spreads, [0.001, 1], rtol=0.05)
