"""The experiment's parts on a small scale, and what its record must hold."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.studies import abstention
from experiments.studies.abstention import (
    ALWAYS,
    NETS,
    SCORES,
    SEEDS,
    foreign_pictures,
    markdown,
    measure,
    prepare_all,
    scribble,
)
from jaxdoodle.data import generate_doodles
from jaxdoodle.data.splits import split_by_hash
from jaxdoodle.inference.model import Model
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW

RECORD = Path(abstention.__file__).parents[1] / "records" / "abstention" / "record.json"


def test_a_scribble_is_a_line_that_wanders_and_no_two_are_equal():
    rng = np.random.default_rng(0)
    pictures = [scribble(rng) for _ in range(5)]
    assert len({picture.tobytes() for picture in pictures}) == 5
    for picture in pictures:
        assert picture.shape == (140, 140) and set(np.unique(picture)) == {0, 255}
        assert 0.01 < (picture > 0).mean() < 0.5
        assert not picture[[0, -1]].any() and not picture[:, [0, -1]].any()


def test_what_shows_no_drawing_is_counted_and_the_others_are_prepared():
    page = np.zeros((60, 60), np.uint8)
    line = page.copy()
    line[10:50, 28:33] = 255
    bitmaps, refused = prepare_all([page, line, page], MNIST)
    assert bitmaps.shape == (1, 28, 28) and bitmaps.any() and refused == 2


@pytest.fixture(scope="module")
def splits():
    return split_by_hash(generate_doodles(("clock", "hexagon"), 60, 0), QUICKDRAW, 0.5)


def model_of(splits, scale):
    """Logits are the ink in the upper and in the lower half."""
    w = np.zeros((28, 28, 2), np.float32)
    w[:14, :, 0] = w[14:, :, 1] = scale
    params = [{}, {"w": w.reshape(784, 2), "b": np.zeros(2, np.float32)}]
    spec = ModelSpec((Flatten(), Dense(2)), (28, 28, 1), splits.classes)
    return Model(ModelFile(spec, params, QUICKDRAW, splits.test.images[:1], np.zeros((1, 2), np.float32), 2.0))


def test_the_counts_are_of_what_scores_below_nineteen_in_twenty(splits):
    model = model_of(splits, 0.1)
    faint, strong = np.zeros((7, 28, 28), np.uint8), np.full((5, 28, 28), 255, np.uint8)
    found = measure(model, splits, {"faint": (faint, 3), "strong": (strong, 0)})
    assert found["refused"]["faint"] == {"of": 10, "unprepared": 3, "energy": 10, "largest logit": 10}
    assert found["refused"]["strong"] == {"of": 5, "unprepared": 0, "energy": 0, "largest logit": 0}
    assert found["auroc"] == {"faint": dict.fromkeys(SCORES, 1.0), "strong": dict.fromkeys(SCORES, 0.0)}
    chosen = model.logits(splits.validation.images)
    for score, by in SCORES.items():
        assert (by(chosen) >= found["thresholds"][score] - 1e-3).mean() == pytest.approx(0.95, abs=0.03)
        own = by(model.logits(splits.test.images))
        assert abs(found["kept"][score] - (own >= found["thresholds"][score]).sum()) <= 1
    assert found["temperature"] == 2.0 and found["calibration"]["before"] != found["calibration"]["after"]


def test_the_foreign_are_none_that_the_networks_know(data_root, monkeypatch):
    from jaxdoodle.data import load_dataset

    monkeypatch.setenv("JAXDOODLE_DATA", str(data_root))
    monkeypatch.setattr(abstention, "SHOWN", 60)
    sides = {"mnist": load_dataset("mnist")}
    kinds = foreign_pictures(sides)
    assert set(kinds) == {kind for net in NETS.values() for kind in net.foreign}
    known = load_dataset("quickdraw", classes=abstention.KNOWN, per_class=20)
    seen = {image.tobytes() for side in known.sets.values() for image in side.images}
    assert not any(picture.tobytes() in seen for picture in kinds["other doodles"])


def test_the_record_is_of_every_network_and_seed_and_no_blank_page_was_accepted():
    record = json.loads(RECORD.read_text())
    assert list(record["nets"]) == list(NETS)
    for name, net in record["nets"].items():
        assert [one["seed"] for one in net["runs"]] == list(SEEDS)
        for one in net["runs"]:
            assert set(one["refused"]) == {*ALWAYS, *NETS[name].foreign}
            for score in SCORES:
                assert one["refused"]["blank pages"][score] == one["refused"]["blank pages"]["of"]
                assert abs(one["kept"][score] / one["kept"]["of"] - 0.95) < 0.02
    assert len(markdown(record).splitlines()) == 2 + len(NETS)
