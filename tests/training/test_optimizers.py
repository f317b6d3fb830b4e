"""Optimizers and schedules by name: one step against the formulas, the rates against theirs."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.training import optimizers

pytestmark = pytest.mark.usefixtures("as_users_run")

PARAMS = [{"w": jnp.asarray([[2.0, -1.0]], jnp.float32), "b": jnp.asarray([0.5], jnp.float32)}, {}]
GRADS = [{"w": jnp.asarray([[0.3, -4.0]], jnp.float32), "b": jnp.asarray([1.0], jnp.float32)}, {}]


def steps(optimizer, count, grads=GRADS):
    params, state = PARAMS, optimizer.init(PARAMS)
    for _ in range(count):
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    return params


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_every_optimizer_goes_downhill_in_float32(name):
    params = steps(optimizers.make_optimizer(name, 0.01), 3)
    for leaf, start, grad in ((params[0][n], PARAMS[0][n], GRADS[0][n]) for n in ("w", "b")):
        assert leaf.dtype == jnp.float32
        assert (np.sign(start - leaf) == np.sign(grad)).all()


def test_gradient_descent_is_the_formula():
    np.testing.assert_allclose(steps(optimizers.make_optimizer("sgd", 0.1), 2)[0]["w"], [[1.94, -0.2]], rtol=1e-6)


@pytest.mark.parametrize("name, second", [("momentum", 1.9), ("nesterov", 1 + 0.9 + 0.81)])
def test_momentum_keeps_nine_tenths_of_the_last_step(name, second):
    """On a gradient that stays, the first step is 1 (nesterov: 1 + 0.9), the second 1 + 0.9 (1 + 0.9 (1 + 0.9))."""
    first = {"momentum": 1.0, "nesterov": 1.9}[name]
    moved = [PARAMS[0]["w"] - steps(optimizers.make_optimizer(name, 0.01), count)[0]["w"] for count in (1, 2)]
    np.testing.assert_allclose(moved[0], 0.01 * first * GRADS[0]["w"], rtol=1e-4)
    np.testing.assert_allclose(moved[1] - moved[0], 0.01 * second * GRADS[0]["w"], rtol=1e-4)


def test_adam_is_the_formulas_of_the_doodle_report():
    """Bilal Ahmad, "Doodle Classifier", section 4.11, with optax's defaults 0.9, 0.999 and 1e-8."""
    theta, m, v, g = np.array([[2.0, -1.0]]), 0.0, 0.0, np.array([[0.3, -4.0]])
    for t in (1, 2, 3):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        theta = theta - 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(steps(optimizers.make_optimizer("adam", 0.01), 3)[0]["w"], theta, rtol=1e-6)


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_weight_decay_leaves_biases_alone(name):
    nothing = [{"w": jnp.zeros_like(PARAMS[0]["w"]), "b": jnp.zeros_like(PARAMS[0]["b"])}, {}]
    params = steps(optimizers.make_optimizer(name, 0.1), 1, nothing)
    assert (abs(params[0]["w"]) < abs(PARAMS[0]["w"])).all() and params[0]["b"] == PARAMS[0]["b"]


def test_clipping_bounds_the_norm_of_the_whole_gradient():
    params = steps(optimizers.make_optimizer("sgd", 1.0, clip_norm=0.1), 1)
    moved = np.concatenate([np.ravel(params[0][n] - PARAMS[0][n]) for n in ("w", "b")])
    np.testing.assert_allclose(np.linalg.norm(moved), 0.1, rtol=1e-5)


RATES = {
    "constant": lambda t: 0.1,
    "cosine": lambda t: 0.1 * (1 + np.cos(np.pi * t / 100)) / 2,
    "exponential": lambda t: 0.1 * 0.5 ** (t / 10),
    "inverse_time": lambda t: 0.1 / (1 + 0.5 * t),
}


@pytest.mark.parametrize("name", RATES)
def test_schedules_are_their_formulas(name):
    schedule = optimizers.make_schedule(name, 0.1, decay=0.5, steps_per_epoch=10, steps=100)
    for step in (0, 1, 15, 99):
        np.testing.assert_allclose(schedule(jnp.asarray(step)), RATES[name](step), rtol=1e-5, atol=1e-8)


def test_one_cycle_rises_to_its_peak_and_ends_near_nothing():
    schedule = optimizers.make_schedule("one_cycle", 0.1, decay=0, steps_per_epoch=10, steps=100)
    rates = np.array([schedule(jnp.asarray(step)) for step in range(100)])
    np.testing.assert_allclose(rates.max(), 0.1, rtol=1e-5)
    assert 10 < rates.argmax() < 50 and rates[0] < 0.01 and rates[-1] < 1e-3
    assert set(RATES) | {"one_cycle"} == set(optimizers.SCHEDULES)


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(InputError, match="'adamm' is not known; there are sgd, momentum"):
        optimizers.make_optimizer("adamm", 0.1)
    with pytest.raises(InputError, match="'linear' is not known; there are constant, cosine"):
        optimizers.make_schedule("linear", 0.1, decay=0, steps_per_epoch=1, steps=1)
