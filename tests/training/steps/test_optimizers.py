"""Optimizers and schedules by name: one step against the formulas, the rates against theirs."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdoodle.training.config import DECAYING, OptimizerConfig
from jaxdoodle.training.steps import optimizers

pytestmark = pytest.mark.usefixtures("as_users_run", "as_optax_runs")

PARAMS = [{"w": jnp.asarray([[2.0, -1.0]], jnp.float32), "b": jnp.asarray([0.5], jnp.float32)}, {}]
GRADS = [{"w": jnp.asarray([[0.3, -4.0]], jnp.float32), "b": jnp.asarray([1.0], jnp.float32)}, {}]


@pytest.fixture
def as_optax_runs():
    """In training, the steps call optax so."""
    with optimizers.as_optax_runs():
        yield


def make(name, learning_rate, **options):
    """The optimizer at a constant learning rate."""
    config = OptimizerConfig(optimizer=name, learning_rate=learning_rate, schedule="constant", **options)
    return optimizers.make_optimizer(config, steps=1, steps_per_epoch=1)


def schedule(name, **options):
    """The schedule from 0.1, over 10 epochs of 10 steps."""
    return optimizers.make_schedule(
        OptimizerConfig(schedule=name, learning_rate=0.1, **options), steps=100, steps_per_epoch=10
    )


def steps(optimizer, count, grads=GRADS):
    params, state = PARAMS, optimizer.init(PARAMS)
    for _ in range(count):
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    return params


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_every_optimizer_goes_downhill_in_float32(name):
    params = steps(make(name, 0.01), 3)
    for leaf, start, grad in ((params[0][n], PARAMS[0][n], GRADS[0][n]) for n in ("w", "b")):
        assert leaf.dtype == jnp.float32
        assert (np.sign(start - leaf) == np.sign(grad)).all()


def test_gradient_descent_is_the_formula():
    np.testing.assert_allclose(steps(make("sgd", 0.1), 2)[0]["w"], [[1.94, -0.2]], rtol=1e-6)


@pytest.mark.parametrize("name, second", [("momentum", 1.9), ("nesterov", 1 + 0.9 + 0.81)])
def test_momentum_keeps_nine_tenths_of_the_last_step(name, second):
    """On a gradient that stays, the first step is 1 (nesterov: 1 + 0.9), the second 1 + 0.9 (1 + 0.9 (1 + 0.9))."""
    first = {"momentum": 1.0, "nesterov": 1.9}[name]
    moved = [PARAMS[0]["w"] - steps(make(name, 0.01), count)[0]["w"] for count in (1, 2)]
    np.testing.assert_allclose(moved[0], 0.01 * first * GRADS[0]["w"], rtol=1e-4)
    np.testing.assert_allclose(moved[1] - moved[0], 0.01 * second * GRADS[0]["w"], rtol=1e-4)


def test_adam_is_the_formulas_of_the_doodle_report():
    """Bilal Ahmad, "Doodle Classifier", section 4.11, with optax's defaults 0.9, 0.999 and 1e-8."""
    theta, m, v, g = np.array([[2.0, -1.0]]), 0.0, 0.0, np.array([[0.3, -4.0]])
    for t in (1, 2, 3):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        theta = theta - 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(steps(make("adam", 0.01), 3)[0]["w"], theta, rtol=1e-6)


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_weight_decay_leaves_biases_alone(name):
    nothing = [{"w": jnp.zeros_like(PARAMS[0]["w"]), "b": jnp.zeros_like(PARAMS[0]["b"])}, {}]
    params = steps(make(name, 0.1), 1, nothing)
    assert (abs(params[0]["w"]) < abs(PARAMS[0]["w"])).all() and params[0]["b"] == PARAMS[0]["b"]


def test_clipping_bounds_the_norm_of_the_whole_gradient():
    params = steps(make("sgd", 1.0, clip_norm=0.1), 1)
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
    rate = schedule(name, **{"schedule_decay": 0.5} if name in DECAYING else {})
    for step in (0, 1, 15, 99):
        np.testing.assert_allclose(rate(jnp.asarray(step)), RATES[name](step), rtol=1e-5, atol=1e-8)


def test_one_cycle_rises_to_its_peak_and_ends_near_nothing():
    rate = schedule("one_cycle")
    rates = np.array([rate(jnp.asarray(step)) for step in range(100)])
    np.testing.assert_allclose(rates.max(), 0.1, rtol=1e-5)
    assert 10 < rates.argmax() < 50 and rates[0] < 0.01 and rates[-1] < 1e-3
    assert set(RATES) | {"one_cycle", "warmup_cosine"} == set(optimizers.SCHEDULES)


def test_warmup_cosine_rises_in_a_twentieth_of_the_steps_and_falls_to_nothing():
    rate = schedule("warmup_cosine")
    rates = np.array([rate(jnp.asarray(step)) for step in range(101)])
    np.testing.assert_allclose(rates[:6], 0.1 * np.arange(6) / 5, rtol=1e-6)
    np.testing.assert_allclose(rates[5:], 0.1 * (1 + np.cos(np.pi * np.arange(96) / 95)) / 2, atol=1e-7)
    assert optimizers.make_schedule(OptimizerConfig(schedule="warmup_cosine"), steps=1, steps_per_epoch=1)(0) == 0


def test_an_optimizer_follows_its_schedule():
    """Gradient descent on a gradient that stays: each update is the rate of its step."""
    config, plan = OptimizerConfig(optimizer="sgd", learning_rate=0.1), {"steps": 10, "steps_per_epoch": 5}
    optimizer, rate = optimizers.make_optimizer(config, **plan), optimizers.make_schedule(config, **plan)
    state = optimizer.init(PARAMS)
    for step in range(10):
        updates, state = optimizer.update(GRADS, state, PARAMS)
        np.testing.assert_allclose(updates[0]["w"], -rate(step) * GRADS[0]["w"], rtol=1e-5, atol=1e-9)
    assert rate(10) == 0


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_every_optimizer_is_that_of_optax(name):
    peers = {"momentum": optax.sgd(0.01, 0.9), "nesterov": optax.sgd(0.01, 0.9, nesterov=True)}
    peers |= {"adamw": optax.adamw(0.01, weight_decay=0.01), "lion": optax.lion(0.01, weight_decay=0.01)}
    made, peer = make(name, 0.01), peers.get(name) or getattr(optax, name)(0.01)
    params = peer_params = [{"w": PARAMS[0]["w"]}]
    state, peer_state = made.init(params), peer.init(params)
    for step in range(4):
        grads = [{"w": GRADS[0]["w"] * (step - 1.5)}]
        updates, state = made.update(grads, state, params)
        peer_updates, peer_state = peer.update(grads, peer_state, peer_params)
        params, peer_params = optax.apply_updates(params, updates), optax.apply_updates(peer_params, peer_updates)
    np.testing.assert_allclose(params[0]["w"], peer_params[0]["w"], rtol=1e-6)


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_weight_decay_takes_a_hundredth_of_the_rate_of_weights_alone(name):
    params = [{"w": jnp.ones(3)}, {"scale": jnp.ones(2), "shift": jnp.ones(2), "mean": jnp.ones(2), "var": jnp.ones(2)}]
    nothing = [{key: jnp.zeros_like(value) for key, value in layer.items()} for layer in params]
    optimizer = make(name, 0.1)
    updates, _ = optimizer.update(nothing, optimizer.init(params), params)
    np.testing.assert_allclose(updates[0]["w"], -0.1 * 0.01, rtol=1e-6)
    assert not any(value.any() for value in updates[1].values())
