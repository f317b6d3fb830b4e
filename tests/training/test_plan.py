"""The plan of a run: what the config leaves open, for a training set."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.nn import BinaryCrossEntropy
from jaxdoodle.preprocessing import Preprocessing
from jaxdoodle.training import Augment, TrainConfig, batches
from jaxdoodle.training.plan import choose, make_plan, summarize
from tests.fixtures.bars import TRAIN


def of_size(count):
    """A training set of so many images; their pixels are not looked at."""
    images = np.broadcast_to(np.zeros((1, 28, 28, 1), np.uint8), (count, 28, 28, 1))
    return Dataset("some", images, (np.arange(count) % 2).astype(np.int32), ("a", "b"))


@pytest.mark.parametrize(
    "count, epochs, steps, batch_size, rate, augmented",
    [
        (2, 300, 300, 2, 3e-3, True),
        (70, 300, 900, 32, 3e-3, True),
        (999, 47, 1504, 32, 3e-3, True),
        (1_000, 94, 1504, 64, 3e-3, True),
        (9_999, 10, 1570, 64, 3e-3, True),
        (10_000, 19, 1501, 128, 1e-3, False),
        (48_000, 10, 3750, 128, 1e-3, False),
    ],
)
def test_what_is_left_open_is_chosen_by_the_size_of_the_set(count, epochs, steps, batch_size, rate, augmented):
    train = of_size(count)
    plan, config = make_plan(TrainConfig(), train), choose(TrainConfig(), train)
    assert (plan.epochs, plan.steps, plan.batch_size, config.augment) == (
        epochs, steps, batch_size, Augment() if augmented else None
    )  # fmt: skip
    assert config.keep == ("last" if count < 1_000 else "best")
    assert config.learning_rate == rate and choose(config, of_size(60_000)) == config
    said = f"{epochs} epochs, {steps:,} steps of {batch_size} images, learning rate {rate:g}, augmentation "
    shown = "0.25 outliers for each image" if count >= 1_000 else "no outliers"
    said += f"{'on' if augmented else 'off'}, {shown}, {config.keep} epoch kept; what is not"
    assert summarize(TrainConfig(), train).startswith(f"training: {said}")


@pytest.mark.parametrize("length", [{"epochs": 3}, {"steps": 3}])
def test_where_epochs_or_steps_are_given_the_size_of_the_set_chooses_nothing(length):
    config = TrainConfig(**length)
    chosen = {"batch_size": 128, "learning_rate": 1e-3, "keep": "best", "outliers": 0.0}
    assert choose(config, of_size(70)) == replace(config, **chosen)
    assert summarize(config, of_size(70)).endswith(
        "no outliers, best epoch kept; as epochs or steps are given, nothing is chosen by the size of the set"
    )


@pytest.mark.parametrize("config", [TrainConfig(), TrainConfig(epochs=3), TrainConfig(outliers=2.0)], ids=str)
def test_outliers_are_shown_on_sets_of_drawings_that_are_not_few_with_softmax_cross_entropy(config):
    given = config.outliers
    assert choose(config, of_size(1_000)).outliers == (given or 0.25)
    as_is = replace(of_size(1_000), preprocessing=Preprocessing(centering="as-is"))
    for train, loss in ((of_size(999), None), (as_is, None), (of_size(1_000), BinaryCrossEntropy())):
        assert choose(config, train, loss).outliers == (given or 0.0)
    assert choose(replace(config, loss=BinaryCrossEntropy()), of_size(1_000)).outliers == (given or 0.0)
    assert choose(replace(config, outliers=0), of_size(1_000)).outliers == 0


@given(
    given=st.fixed_dictionaries({}, optional={
        "batch_size": st.sampled_from([2, 16]), "learning_rate": st.just(0.5), "seed": st.just(7),
        "augment": st.sampled_from([Augment(rotate=3), False, True]), "optimizer": st.sampled_from(["sgd", "adamw"]),
        "devices": st.sampled_from([1, 2]),
    }),
    count=st.sampled_from([70, 2_000, 20_000]),
)  # fmt: skip
def test_what_is_given_is_never_chosen_otherwise(given, count):
    chosen = choose(TrainConfig(**given), of_size(count))
    expected = given | (
        {"augment": Augment() if given["augment"] is True else given["augment"] or None} if "augment" in given else {}
    )
    assert {name: getattr(chosen, name) for name in given} == expected
    assert chosen.batch_size % chosen.devices == 0
    if "learning_rate" not in given:
        assert chosen.learning_rate == (3e-3 if count < 10_000 and chosen.optimizer != "sgd" else 1e-3)


def test_patience_keeps_the_best_epoch():
    assert choose(TrainConfig(patience=3), of_size(70)).keep == "best"
    with pytest.raises(InputError, match="keep is best beside it, got last"):
        TrainConfig(patience=3, keep="last")


def test_one_class_is_refused():
    train = of_size(9).select(("a",))
    with pytest.raises(InputError, match="some: has one class alone, a; a classifier needs two or more"):
        make_plan(TrainConfig(), train)


@pytest.mark.parametrize("steps, sizes", [(1, [[32]]), (10, [[300]]), (13, [[300], [96]]), (20, [[300], [300]])])
def test_steps_cut_the_last_epoch(steps, sizes):
    plan = make_plan(TrainConfig(steps=steps, batch_size=32), TRAIN)
    assert [plan.sizes(epoch) for epoch in range(plan.epochs)] == sizes


def test_the_places_of_a_plan_are_its_chunks_in_order_from_any_place(monkeypatch):
    monkeypatch.setattr(batches, "CHUNK_IN_MEMORY", 100 * 784)
    plan = make_plan(TrainConfig(steps=25, batch_size=32), TRAIN)
    assert plan.chunks == (128, 172) and plan.steps_per_epoch == 10, "no chunk of 44: one whole step is no loop"
    assert list(plan.places()) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert list(plan.places(1, 1)) == [(1, 1), (2, 0), (2, 1)] and plan.sizes(2) == [128, 32]


def test_more_devices_than_drawings_are_refused():
    with pytest.raises(InputError, match="bars: has 3 drawings; devices is at most that, got 4"):
        make_plan(TrainConfig(devices=4, batch_size=4), TRAIN.take(np.arange(3)))
