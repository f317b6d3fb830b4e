"""One seed gives one network, however the process was started."""

from contextlib import ExitStack
from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxdoodle.training import evaluate, fit
from jaxdoodle.training.hardware.settings import compiler_options
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


def test_flags_of_the_user_go_before_the_level_that_an_epoch_is_compiled_at(monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    assert compiler_options() == {"xla_backend_optimization_level": "1"}
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    assert compiler_options() == {}


def test_only_programs_of_processors_are_compiled_at_another_level(monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert compiler_options() == {}
