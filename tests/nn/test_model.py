"""The parameters that a network starts from."""

import jax
import numpy as np
import pytest

from jaxdoodle.nn import init, mlp

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
