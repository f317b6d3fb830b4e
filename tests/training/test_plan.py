"""The plan of a run: what the config leaves open, for a training set."""

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.training import TrainConfig, batches
from jaxdoodle.training.plan import make_plan
from tests.fixtures.bars import TRAIN


def test_without_a_word_a_run_has_ten_epochs_of_batches_of_128():
    plan = make_plan(TrainConfig(), TRAIN)
    assert (plan.epochs, plan.batch_size, plan.steps_per_epoch, plan.steps, plan.chunks) == (10, 128, 3, 30, (300,))


@pytest.mark.parametrize("steps, sizes", [(1, [[32]]), (10, [[300]]), (13, [[300], [96]]), (20, [[300], [300]])])
def test_steps_cut_the_last_epoch(steps, sizes):
    plan = make_plan(TrainConfig(steps=steps, batch_size=32), TRAIN)
    assert [plan.sizes(epoch) for epoch in range(plan.epochs)] == sizes


def test_the_places_of_a_plan_are_its_chunks_in_order_from_any_place(monkeypatch):
    monkeypatch.setattr(batches, "CHUNK_IN_MEMORY", 100 * 784)
    plan = make_plan(TrainConfig(steps=25, batch_size=32), TRAIN)
    assert plan.chunks == (128, 128, 44) and plan.steps_per_epoch == 10
    assert list(plan.places()) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
    assert list(plan.places(1, 2)) == [(1, 2), (2, 0), (2, 1)] and plan.sizes(2) == [128, 32]


def test_more_devices_than_drawings_are_refused():
    with pytest.raises(InputError, match="bars: has 3 drawings; devices is at most that, got 4"):
        make_plan(TrainConfig(devices=4, batch_size=4), TRAIN.take(np.arange(3)))
