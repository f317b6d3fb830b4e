"""Penalties: the gradient is that of exactly what the loss lists."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.nn import SpecError
from jaxdoodle.nn.penalties import L1, L2

RNG = np.random.default_rng(2)
PARAMS = [
    {"w": jnp.asarray(RNG.normal(size=(4, 3))), "b": jnp.asarray(RNG.normal(size=3))},
    {},
    {"w": jnp.asarray(RNG.normal(size=(3, 2))).at[1].set(0), "b": jnp.asarray(RNG.normal(size=2))},
]
CASES = [
    kind(0.3, **options)
    for kind in (L1, L2)
    for options in ({}, {"leaves": ("w", "b")}, {"layers": (2,)}, {"leaves": ("b",), "layers": (0,)})
]


def test_every_penalty_is_covered():
    assert {type(penalty) for penalty in CASES} == {L1, L2}


@pytest.mark.parametrize("penalty", CASES, ids=str)
def test_the_gradient_is_the_derivative_of_the_value(penalty):
    hand = penalty.backward(PARAMS)
    auto = jax.grad(lambda params: penalty.forward(params))(PARAMS)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), hand, auto)


def test_the_values_are_the_formulas_of_the_doodle_report():
    """Bilal Ahmad, "Doodle Classifier", section 4.6: lambda sum |w| and lambda sum w^2."""
    w = np.concatenate([np.ravel(layer["w"]) for layer in (PARAMS[0], PARAMS[2])])
    np.testing.assert_allclose(L1(0.3).forward(PARAMS), 0.3 * np.abs(w).sum())
    np.testing.assert_allclose(L2(0.3).forward(PARAMS), 0.3 * (w**2).sum())


def test_biases_that_the_loss_does_not_list_get_no_gradient():
    """The same report adds the penalty's gradient to biases that its loss leaves out."""
    for penalty in (L1(0.3), L2(0.3)):
        assert all(not np.any(layer["b"]) for layer in penalty.backward(PARAMS) if layer)


def test_a_penalty_on_nothing_is_refused():
    with pytest.raises(ValueError, match="covers no parameter of this network"):
        L2(0.3, layers=(1,)).forward(PARAMS)


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf"), "1", None])
def test_a_rate_that_is_no_penalty_is_refused(rate):
    with pytest.raises(SpecError, match=r"rate of L2 is (at least 0|a finite number); got"):
        L2(rate)


def test_leaves_are_names_and_no_text_that_holds_them():
    with pytest.raises(SpecError, match="leaves of L1 is a tuple of names; got 'weights'"):
        L1(0.3, leaves="weights")
