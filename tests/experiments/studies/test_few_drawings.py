"""Few drawings: which drawings train and score, and what the committed record says."""

import numpy as np
import pytest

from experiments import table
from experiments.studies import few_drawings
from jaxdoodle.core.record import Record
from jaxdoodle.data import Dataset
from jaxdoodle.nn import mlp
from jaxdoodle.training import TrainConfig


def noise(classes, per_class):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes, dtype=np.int32), per_class)
    images = rng.integers(0, 256, (len(labels), 28, 28, 1), np.uint8)
    return Dataset("noise", images, labels, tuple(f"class {number}" for number in range(classes)))


def test_what_scores_is_none_of_what_is_trained_on(monkeypatch):
    monkeypatch.setattr(few_drawings, "SCORED", 5)
    mine, others = few_drawings._draw(noise(4, 20), ("class 3", "class 1"), 7, np.random.default_rng(1))
    assert (
        mine.counts.tolist() == [7, 7] and others.counts.tolist() == [5, 5] and mine.classes == ("class 3", "class 1")
    )
    assert not set(mine.digests.tolist()) & set(others.digests.tolist())


@pytest.mark.usefixtures("as_users_run")
def test_a_part_of_each_small_set_trains_and_other_drawings_score(tmp_path, monkeypatch, capsys):
    for name, value in {"SCORED": 3, "CLASSES": 2, "DRAWINGS": 6}.items():
        monkeypatch.setattr(few_drawings, name, value)
    monkeypatch.setattr(few_drawings, "digit_cnn", lambda names: mlp(names, (4,)))
    monkeypatch.setattr(few_drawings, "all_drawings", lambda root: noise(4, 12))
    monkeypatch.setattr(few_drawings, "TrainConfig", lambda **given: TrainConfig(**given, steps=1, batch_size=4))
    assert few_drawings.run(tmp_path, seeds=1) in (0, 1)
    (small,) = Record.read(tmp_path / "record.json").runs
    assert small.data["train"] < 12 and len(small.data["classes"]) == 2 and small.scores["others"]["total"] == 6
    assert (tmp_path / "choices.png").exists() and "of 1 choices of classes" in capsys.readouterr().out


def test_the_committed_record_reaches_the_goal_on_ten_choices_of_classes():
    record = Record.read(table.RECORDS / "few_drawings" / "record.json")
    assert len({tuple(one.data["classes"]) for one in record.runs}) == len(record.runs) == few_drawings.CHOICES
    assert record.extra["mean_accuracy"] == pytest.approx(few_drawings.mean(record.runs))
    assert few_drawings.mean(record.runs) >= few_drawings.GOAL
