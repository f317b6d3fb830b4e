"""Seeds in one program: each is the run that it is alone, whatever it draws, stops, keeps or learns from."""

import signal
from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, ModelSpec, ReLU
from jaxdoodle.training import Checkpoints, fit
from jaxdoodle.training.loop import DivergedError
from jaxdoodle.training.seeds import fit_seeds, refusal
from jaxdoodle.training.steps.augmentation import Augment
from tests.fixtures.bars import CLASSES, CONFIG, SPEC, TRAIN, VALIDATION

pytestmark = pytest.mark.usefixtures("as_users_run")

SEEDS = (5, 2)
#: Float32: a product of several matrices adds in another order. Not with Adam, which divides rounding by rounding.
TOLERANCE = 2e-5
FEW = TRAIN.take(np.arange(72))
SHORT = replace(CONFIG, epochs=2, batch_size=32, keep="last", optimizer="momentum", schedule="warmup_cosine")
NORMALIZED = ModelSpec((Flatten(), Dense(8), BatchNorm(), ReLU(), Dropout(0.3), Dense(3)), (28, 28, 1), CLASSES)
CONVOLVED = ModelSpec((Conv2D(4, 5, stride=3), ReLU(), Dropout(0.3), Flatten(), Dense(3)), (28, 28, 1), CLASSES)
CASES = {
    "hand": (NORMALIZED, replace(SHORT, batch_size=36, augment=Augment(), ema_decay=0.9, outliers=0.25)),
    "autodiff": (CONVOLVED, replace(SHORT, gradients="autodiff")),
}


def assert_close(found, expected):
    assert found.best_epoch == expected.best_epoch and len(found.history) == len(expected.history)
    np.testing.assert_allclose(found.step_losses, expected.step_losses, rtol=TOLERANCE)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=TOLERANCE), found.params, expected.params)


@pytest.mark.parametrize("gradients", CASES)
def test_each_seed_is_what_it_is_alone_with_all_that_is_random(gradients):
    """Weights, order, dropout, augmentation, outliers; statistics, moving average, a batch of what is left over."""
    spec, config = CASES[gradients]
    for seed, one in zip(SEEDS, fit_seeds(spec, FEW, VALIDATION, config, SEEDS), strict=True):
        expected = fit(spec, FEW, VALIDATION, replace(config, seed=seed))
        assert_close(one, expected)
        for found, scores in zip(one.history, expected.history, strict=True):
            assert found.training.correct == scores.training.correct
            assert found.validation == pytest.approx(scores.validation, abs=TOLERANCE)


def test_a_seed_that_stops_keeps_its_result_while_the_others_go_on():
    stops = [[lambda epoch, state, metrics: epoch == 1], [lambda epoch, state, metrics: seen.append(int(state.step))]]
    config, seen = replace(SHORT, epochs=3), []
    early, late = fit_seeds(SPEC, FEW, VALIDATION, config, SEEDS, callbacks=stops)
    assert [len(one.history) for one in (early, late)] == [1, 3] and [early.stopped, late.stopped] == [True, False]
    assert seen == [3, 6, 9] and not early.interrupted
    alone = fit(SPEC, FEW, VALIDATION, replace(config, seed=SEEDS[0]), callbacks=stops[0])
    assert_close(early, alone)


def test_patience_is_that_of_each_seed():
    config = replace(SHORT, epochs=8, keep="best", patience=1, learning_rate=0.5)
    found = fit_seeds(SPEC, FEW, VALIDATION, config, (0, 1, 2, 3))
    for one in found:
        assert len(one.history) == (one.best_epoch + 1 if one.stopped else 8)


def test_a_loss_that_is_no_number_names_its_seed():
    with pytest.raises(DivergedError, match=r"seed 5: .* became \S+ at step \d+ "):
        fit_seeds(SPEC, FEW, None, replace(SHORT, schedule="constant", learning_rate=1e30), SEEDS)


def test_a_signal_leaves_a_checkpoint_of_each_seed_which_goes_on_alone(tmp_path):
    folders = [tmp_path / str(seed) for seed in SEEDS]

    def stop(epoch, state, metrics):
        if epoch == 1:
            signal.raise_signal(signal.SIGTERM)

    found = fit_seeds(
        SPEC,
        FEW,
        VALIDATION,
        SHORT,
        SEEDS,
        callbacks=[[stop], []],
        checkpoints=[Checkpoints(folder, interval=1000) for folder in folders],
    )
    assert all(one.interrupted and len(one.history) == 1 for one in found)
    for seed, folder in zip(SEEDS, folders, strict=True):
        config = replace(SHORT, seed=seed)
        resumed = fit(SPEC, FEW, VALIDATION, config, checkpoints=Checkpoints(folder))
        assert_close(resumed, fit(SPEC, FEW, VALIDATION, config))
    with pytest.raises(InputError, match="holds a checkpoint; seeds go on in turn"):
        fit_seeds(SPEC, FEW, VALIDATION, SHORT, SEEDS, checkpoints=[Checkpoints(folder) for folder in folders])


def test_what_seeds_cannot_share_is_refused(put_on_disk):
    assert refusal(SHORT, [FEW, TRAIN.take(np.arange(72))]) == ""
    assert "on disk" in refusal(SHORT, [put_on_disk(FEW)])
    assert "several devices" in refusal(replace(SHORT, devices=2), [FEW])
    assert refusal(SHORT, [FEW, TRAIN]) == "the drawings of bars differ from seed to seed"
    with pytest.raises(InputError, match="^seeds cannot be trained at once: several devices"):
        fit_seeds(SPEC, FEW, None, replace(SHORT, devices=2), SEEDS)
