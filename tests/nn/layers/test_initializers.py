"""Initial weights: those of JAX's own draws, by one program for many shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.nn.layers import initializers
from jaxdoodle.nn.layers.initializers import draw

SHAPES = [(3, 5), (5, 5, 1, 8), (4, 4, 3, 2), (1, 1)]


@pytest.mark.parametrize("name", ["glorot_uniform", "normal(0.1)"])
def test_many_shapes_are_drawn_by_one_program(name, monkeypatch):
    asked = []
    for kind in ("uniform", "normal"):
        own = getattr(jax.random, kind)
        monkeypatch.setattr(jax.random, kind, lambda *given, own=own: asked.append(given[1]) or own(*given))
    for shape in SHAPES:
        assert draw(name, jax.random.key(0), shape).shape == shape
    assert set(asked) == {(initializers.DRAWN,)}


@pytest.mark.parametrize("least", [8, 64])
def test_weights_are_the_numbers_that_jax_draws_for_their_shape(least, monkeypatch):
    """Whether they fill the program or not, are traced, or come from a generator whose numbers depend on the count."""
    monkeypatch.setattr(initializers, "DRAWN", least)
    for key in (jax.random.key(3), jax.random.key(3, impl="rbg"), jax.random.PRNGKey(3)):
        shape = (3, 4)
        expected = jnp.float32(0.5) * jax.random.normal(key, shape, jnp.float32)
        np.testing.assert_array_equal(draw("normal(0.5)", key, shape), expected)
    traced = jax.jit(lambda key: draw("normal(0.5)", key, shape))(jax.random.key(3))
    np.testing.assert_array_equal(traced, draw("normal(0.5)", jax.random.key(3), shape))
    with jax.threefry_partitionable(False):
        expected = jnp.float32(0.5) * jax.random.normal(jax.random.key(3), shape, jnp.float32)
        np.testing.assert_array_equal(draw("normal(0.5)", jax.random.key(3), shape), expected)
