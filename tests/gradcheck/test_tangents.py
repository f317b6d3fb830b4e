"""Forward modes and derivatives of backwards, written by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.gradcheck import assert_gradients_match

X = np.random.default_rng(0).normal(size=(6, 4))


def test_forward_mode_and_second_order_are_checked_on_request():
    def cube(x):
        return x**3, x

    assert_gradients_match(cube, lambda x, dy: 3 * x**2 * dy, (X,), second_order=True,
                           jvp=lambda args, tangents: 3 * args[0] ** 2 * tangents[0])  # fmt: skip
    with pytest.raises(AssertionError, match="forward mode"):
        assert_gradients_match(cube, lambda x, dy: 3 * x**2 * dy, (X,), jvp=lambda args, tangents: tangents[0])
    stop = jax.lax.stop_gradient
    with pytest.raises(AssertionError, match="second order"):
        assert_gradients_match(cube, lambda x, dy: 3 * stop(jnp.asarray(x)) ** 2 * dy, (X,), second_order=True)


def test_an_exception_in_a_forward_mode_is_told_in_one_line():
    @jax.custom_jvp
    def square(x):
        return x**2

    @square.defjvp
    def _(primals, tangents):
        raise ValueError("not written yet")

    with pytest.raises(AssertionError, match=r"forward mode \(jvp\) raises ValueError: not written yet"):
        assert_gradients_match(lambda x: (x**2, x), lambda x, dy: 2 * x * dy, (X,),
                               jvp=lambda args, tangents: jax.jvp(square, args, tangents)[1])  # fmt: skip
