"""New classes: what trains and scores them, and what the committed record says."""

import json
from dataclasses import replace

import numpy as np
import pytest

from experiments import table
from experiments.studies import new_classes
from jaxdoodle.core.record import Record
from jaxdoodle.data import Dataset, synthetic
from jaxdoodle.nn import mlp
from jaxdoodle.preprocessing import QUICKDRAW
from jaxdoodle.training import TrainConfig
from tests.fixtures.node import needs_node


def test_what_scores_is_none_of_what_is_learned_and_a_number_names_a_draw(monkeypatch):
    monkeypatch.setattr(new_classes, "SCORED", 4)
    drawings = {name: list(range(10)) for name in "abcdefg"}
    one = new_classes.draw(drawings, 3, 1)
    assert len(set(one.names)) == 5 and set(one.names) < set(drawings)
    for mine, others in zip(one.mine, one.others, strict=True):
        assert len(mine) == 3 and len(others) == 4 and len({*mine, *others}) == 7
    assert new_classes.draw(drawings, 3, 1) == one != new_classes.draw(drawings, 3, 2)


@needs_node
@pytest.mark.usefixtures("as_users_run")
def test_every_size_is_learned_by_the_page_and_trained_with_and_without_the_other_classes(tmp_path, monkeypatch):
    classes, rest = synthetic.CLASSES[:2], synthetic.CLASSES[2:4]
    changed = {"CLASSES": classes, "TOLD_APART": 2, "SIZES": (1, 2), "SCORED": 3, "DRAWS": 2, "TRAINED_DRAWS": 1}
    changed |= {"GOALS": {1: 0.0}, "BASE": TrainConfig(steps=1, batch_size=4), "BASE_SCORED": 4}
    for name, value in changed.items():
        monkeypatch.setattr(new_classes, name, value)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 28, 28, 1), np.uint8)
    noise = Dataset("noise", images, np.arange(24, dtype=np.int32) % 4, (*classes, *rest), QUICKDRAW)
    monkeypatch.setattr(new_classes, "sketch_cnn", lambda names: mlp(names, (4,)))
    monkeypatch.setattr(new_classes.sketches, "network", lambda names: mlp(names, (4,)))
    monkeypatch.setattr(new_classes, "all_drawings", lambda root: noise)
    monkeypatch.setattr(new_classes, "TrainConfig", lambda **given: TrainConfig(**given, steps=1, batch_size=4))
    folder = tmp_path / "quickdraw" / "full" / "simplified"
    folder.mkdir(parents=True)
    for name in classes:
        drawn = [synthetic.generate_drawing(name, rng) for _ in range(6)]
        whole = [[[list(map(int, axis)) for axis in stroke[:2]] for stroke in drawing] for drawing in drawn]
        lines = [json.dumps({"word": name, "drawing": drawing}) for drawing in whole]
        (folder / f"{name}.ndjson").write_text("\n".join(lines), encoding="utf-8")

    assert new_classes.run(tmp_path / "out", data_dir=tmp_path) == 0
    record = Record.read(tmp_path / "out" / "record.json")
    assert record.extra["base"]["classes"] == 2 and record.extra["base"]["total"] == 3
    found = [(one.data["per_class"], one.extra["start"], one.scores["others"]["total"]) for one in record.runs]
    trained = [(size, start, 6) for size in (1, 2) for start in ("fine-tuned", "nothing")]
    assert sorted(found) == sorted([(1, "page", 6)] * 2 + [(2, "page", 6)] * 2 + trained)
    written = (tmp_path / "out" / "base.npz").read_bytes()
    (tmp_path / "out" / "new_classes.png").unlink()
    replace(record, runs=record.runs[:-2]).write(tmp_path / "out" / "record.json")
    new_classes.run(tmp_path / "out", data_dir=tmp_path)
    assert len(Record.read(tmp_path / "out" / "record.json").runs) == len(record.runs)
    assert (tmp_path / "out" / "base.npz").read_bytes() == written
    assert Record.read(tmp_path / "out" / "record.json").extra == record.extra


def test_the_committed_record_has_every_draw_by_the_page_and_as_many_with_and_without_other_classes():
    record = Record.read(table.RECORDS / "new_classes" / "record.json")
    assert record.extra["base"]["classes"] == 335 and tuple(record.data["classes"]) == new_classes.CLASSES
    for size in new_classes.SIZES:
        counts = [len(new_classes._accuracies(record.runs, size, start)) for start in new_classes.STARTS]
        assert counts[0] == new_classes.DRAWS and counts[1] == counts[2] <= new_classes.TRAINED_DRAWS
    assert new_classes.mean(record.runs, 3, "page") >= new_classes.GOALS[3]
