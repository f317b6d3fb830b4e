"""The state of training: where it starts, and its moving average."""

from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

from jaxdoodle.training.steps.state import init_state
from jaxdoodle.training.steps.step import make_step
from tests.fixtures.bars import CONFIG, SPEC, TRAIN

pytestmark = pytest.mark.usefixtures("as_users_run")


def test_the_seed_gives_weights_and_random_numbers():
    first, again, other = (init_state(SPEC, optax.sgd(0.1), replace(CONFIG, seed=seed)) for seed in (3, 3, 4))
    for read in (lambda state: state.params[1]["w"], lambda state: jax.random.key_data(state.key)):
        assert np.array_equal(read(first), read(again)) and not np.array_equal(read(first), read(other))


def test_the_moving_average_follows_its_formula():
    config = replace(CONFIG, ema_decay=0.9)
    optimizer = optax.sgd(0.1)
    state = init_state(SPEC, optimizer, config)
    step = jax.jit(make_step(SPEC, optimizer, config, divisor=255.0))
    expected = state.params
    for n in range(3):
        state, _ = step(state, TRAIN.images[:8], TRAIN.labels[:8])
        keep = np.float32(min(0.9, (1 + n) / (10 + n)))
        expected = jax.tree.map(lambda a, p, keep=keep: keep * a + (1 - keep) * p, expected, state.params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), state.ema_params, expected)
