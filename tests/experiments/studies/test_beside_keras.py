"""Beside Keras: the same network, what is scored, and what the committed records say."""

import numpy as np
import pytest

from experiments import table
from experiments.pretrained import sketches
from experiments.studies import beside_keras
from jaxdoodle.core.record import Record
from jaxdoodle.data import Dataset, Splits
from jaxdoodle.preprocessing.config import QUICKDRAW

CLASSES = tuple(f"class {number}" for number in range(8))


def drawings(count, seed):
    """A bar for each class at a height of its own, with noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % len(CLASSES)
    images = rng.integers(0, 60, (count, 28, 28, 1), np.uint8)
    images[np.arange(count), 3 * labels + 2] = 255
    return Dataset("bars", images, labels, CLASSES)


@pytest.mark.usefixtures("as_users_run")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")
def test_keras_learns_the_network_of_sketches_and_is_scored_on_the_test_set(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="needs keras")
    assert keras.backend.backend() == "jax"
    splits = Splits(drawings(512, 0), drawings(64, 1), drawings(80, 2), QUICKDRAW)
    monkeypatch.setattr(beside_keras.runner, "load_splits", lambda experiment, data_dir: splits)
    beside_keras.run(tmp_path, epochs=3, seeds=1)
    record = Record.read(tmp_path / "record.json")
    [one] = record.runs
    assert one.scores["test"]["total"] == 80 and one.scores["test"]["mean_recall"] > 0.9
    assert one.scores["validation"]["total"] == 64 and one.extra["epochs"] <= 3
    assert record.config["epochs"] == 3 and {"keras", "jax"} <= set(record.machine["versions"])
    assert beside_keras.sequential(sketches.network(CLASSES)).count_params() == sketches.network(CLASSES).param_count
    assert "mean recall: " in capsys.readouterr().out and (tmp_path / "scores.png").exists()


def test_the_committed_records_are_of_the_same_data_and_sketches_is_ahead_by_the_goal():
    theirs = Record.read(table.RECORDS / "beside_keras" / "record.json")
    ours, *_ = Record.read(table.RECORDS / "sketches" / "record.json").runs
    assert theirs.data == ours.data and theirs.config["epochs"] == ours.config["epochs"]
    assert len(theirs.runs) >= beside_keras.SEEDS
    for score in beside_keras.SCORES:
        assert beside_keras.mean(ours.runs, score) - beside_keras.mean(theirs.runs, score) >= beside_keras.GOAL
