"""Few drawings: which drawings train and score, and what the committed record says."""

import statistics

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
def test_every_size_is_trained_from_nothing_and_from_a_network_of_the_other_classes(tmp_path, monkeypatch, capsys):
    for name, value in {"SCORED": 3, "NEW_CLASSES": 2, "SIZES": (3, 5), "CLASSES": 2, "DRAWINGS": 6}.items():
        monkeypatch.setattr(few_drawings, name, value)
    monkeypatch.setattr(few_drawings, "OTHERS", TrainConfig(steps=1, batch_size=4))
    monkeypatch.setattr(few_drawings, "digit_cnn", lambda names: mlp(names, (4,)))
    monkeypatch.setattr(few_drawings, "all_drawings", lambda root: noise(4, 12))
    monkeypatch.setattr(few_drawings, "TrainConfig", lambda **given: TrainConfig(**given, steps=1, batch_size=4))
    assert few_drawings.run(tmp_path, seeds=1) in (0, 1)
    record = Record.read(tmp_path / "record.json")
    small, *new = record.runs
    assert small.name == "small set" and small.data["train"] < 12 and len(small.data["classes"]) == 2
    found = [(one.data["per_class"], one.data["train"], one.extra["start"]) for one in new]
    assert found == [(size, 2 * size, start) for size in (3, 5) for start in ("nothing", "other classes")]
    assert (tmp_path / "new_classes.png").exists() and "5 drawings a class" in capsys.readouterr().out


def test_the_committed_record_reaches_the_goal_on_ten_choices_and_has_three_draws_of_each_size():
    record = Record.read(table.RECORDS / "few_drawings" / "record.json")
    small = [one for one in record.runs if one.name == "small set"]
    new = [one for one in record.runs if one.name == "new classes"]
    scores = [one.scores["others"]["correct"] / one.scores["others"]["total"] for one in small]
    assert len(small) == few_drawings.CHOICES and len({tuple(one.data["classes"]) for one in small}) == len(small)
    assert record.extra["mean_accuracy"] == pytest.approx(statistics.mean(scores)) and statistics.mean(scores) >= 0.75
    for size in few_drawings.SIZES:
        for start in ("nothing", "other classes"):
            assert len(few_drawings._of(new, size, start)) >= few_drawings.DRAWS
