"""int8: which answers are compared, and what the committed record says."""

import numpy as np
import pytest

from experiments import table
from experiments.studies import int8
from jaxdoodle.core.record import Record
from jaxdoodle.data.catalog import load_dataset


def test_each_form_answers_the_same_drawings(monkeypatch, doodle_model):
    monkeypatch.setattr(int8, "CALIBRATION", 20)
    monkeypatch.setattr(int8, "MOST", 50)
    splits = load_dataset("doodles", classes=doodle_model.spec.classes, per_class=60)
    found = int8.compare("doodles", doodle_model, splits)
    assert [one.extra["form"] for one in found] == ["c", "onnx", "npz"]
    for one in found:
        scores = one.scores["test"]
        assert scores["total"] == 50 and abs(scores["float32"] - scores["int8"]) <= scores["differ"] <= 5


def test_an_answer_that_differs_is_counted(monkeypatch, doodle_model):
    monkeypatch.setattr(int8, "MOST", 50)
    monkeypatch.setattr(int8.quantize, "logits", lambda model, layers, images: -model.network.logits(images))
    splits = load_dataset("doodles", classes=doodle_model.spec.classes, per_class=60)
    first = int8.compare("doodles", doodle_model, splits)[0]
    assert first.scores["test"]["differ"] == 50


@pytest.mark.parametrize("form", int8.FORMS)
def test_the_committed_record_has_every_network_in_every_form(form):
    record = Record.read(table.RECORDS / "int8" / "record.json")
    scores = [one.scores["test"] for one in record.runs if one.extra["form"] == form]
    assert len(scores) == 4 and np.sum([one["total"] for one in scores]) == 3 * 10_000 + int8.MOST
    if form == "c":
        assert all(one["differ"] <= int8.GOAL * one["total"] for one in scores)
