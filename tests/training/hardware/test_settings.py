"""One seed gives one network, however the process was started."""

from contextlib import ExitStack
from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxdoodle.training import evaluate, fit
from jaxdoodle.training.steps.augmentation import Augment
from tests.fixtures.bars import CNN, CONFIG, TRAIN, VALIDATION

SETTINGS = {
    "random numbers": [lambda: jax.default_prng_impl("rbg"), lambda: jax.threefry_partitionable(False)],
    "precision": [lambda: jax.default_matmul_precision("bfloat16"), lambda: jax.enable_x64(True)],
    "strict modes": [
        lambda: jax.numpy_rank_promotion("raise"),
        lambda: jax.numpy_dtype_promotion("strict"),
        lambda: jax.debug_nans(True),
    ],
}
SHORT = replace(CONFIG, epochs=1, augment=Augment(), ema_decay=0.9)


@pytest.fixture(scope="module")
def expected():
    return fit(CNN, TRAIN, VALIDATION, SHORT)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_of_the_process_changes_nothing(setting, expected):
    with ExitStack() as settings:
        for one in SETTINGS[setting]:
            settings.enter_context(one())
        found = fit(CNN, TRAIN, VALIDATION, SHORT)
        scored = evaluate(CNN, found.params, VALIDATION)
    jax.tree.map(np.testing.assert_array_equal, found.params, expected.params)
    assert found.step_losses == expected.step_losses and scored == expected.history[0].validation
