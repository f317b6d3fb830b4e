"""The experiment's parts on a small scale, and what its record must hold."""

from pathlib import Path

import numpy as np
import pytest

from experiments import table
from experiments.studies import abstention
from experiments.studies.abstention import (
    ALWAYS,
    NETS,
    SCORES,
    SEEDS,
    measure,
    out_of_distribution_images,
    preprocess_all,
    scribble,
)
from jaxdoodle.core.record import Record
from jaxdoodle.data import generate_doodles
from jaxdoodle.data.splits import split_by_hash
from jaxdoodle.inference.model import Model
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW

RECORD = Path(abstention.__file__).parents[1] / "records" / "abstention" / "record.json"


def test_a_scribble_is_a_random_line_and_no_two_are_equal():
    rng = np.random.default_rng(0)
    images = [scribble(rng) for _ in range(5)]
    assert len({image.tobytes() for image in images}) == 5
    for image in images:
        assert image.shape == (140, 140) and set(np.unique(image)) == {0, 255}
        assert 0.01 < (image > 0).mean() < 0.5
        assert not image[[0, -1]].any() and not image[:, [0, -1]].any()


def test_images_without_a_drawing_are_counted_and_the_others_are_preprocessed():
    page = np.zeros((60, 60), np.uint8)
    line = page.copy()
    line[10:50, 28:33] = 255
    bitmaps, rejected = preprocess_all([page, line, page], MNIST)
    assert bitmaps.shape == (1, 28, 28) and bitmaps.any() and rejected == 2


@pytest.fixture(scope="module")
def splits():
    return split_by_hash(generate_doodles(("clock", "hexagon"), 60, 0), QUICKDRAW, 0.5)


def model_of(splits, scale):
    """Logits are the ink in the upper and in the lower half."""
    w = np.zeros((28, 28, 2), np.float32)
    w[:14, :, 0] = w[14:, :, 1] = scale
    params = [{}, {"w": w.reshape(784, 2), "b": np.zeros(2, np.float32)}]
    spec = ModelSpec((Flatten(), Dense(2)), (28, 28, 1), splits.classes)
    return Model(spec, params, QUICKDRAW, temperature=2.0)


def test_the_counts_are_of_what_scores_below_nineteen_in_twenty(splits):
    model = model_of(splits, 0.1)
    faint, strong = np.zeros((7, 28, 28), np.uint8), np.full((5, 28, 28), 255, np.uint8)
    found = measure(model, splits, {"faint": (faint, 3), "strong": (strong, 0)})
    assert found["abstained"]["faint"] == {"total": 10, "rejected": 3, "energy": 10, "largest_logit": 10}
    assert found["abstained"]["strong"] == {"total": 5, "rejected": 0, "energy": 0, "largest_logit": 0}
    assert found["auroc"] == {"faint": dict.fromkeys(SCORES, 1.0), "strong": dict.fromkeys(SCORES, 0.0)}
    chosen = model.logits(splits.validation.images)
    for score, by in SCORES.items():
        assert (by(chosen) >= found["thresholds"][score] - 1e-3).mean() == pytest.approx(0.95, abs=0.03)
        scores = by(model.logits(splits.test.images))
        assert abs(found["in_distribution_kept"][score] - (scores >= found["thresholds"][score]).sum()) <= 1
    assert found["temperature"] == 2.0 and found["calibration"]["before"] != found["calibration"]["after"]


def test_the_networks_know_none_of_the_images_out_of_their_distribution(data_root, monkeypatch):
    from jaxdoodle.data import load_dataset

    monkeypatch.setattr(abstention, "SHOWN", 60)
    kinds = out_of_distribution_images({"mnist": load_dataset("mnist", root=data_root)}, data_root)
    assert set(kinds) == {kind for net in NETS.values() for kind in net.out_of_distribution}
    known = load_dataset("quickdraw", root=data_root, classes=abstention.KNOWN, per_class=20)
    seen = {image.tobytes() for data in known.sets.values() for image in data.images}
    assert not any(image.tobytes() in seen for image in kinds["other_doodles"])


def test_the_record_is_of_every_network_and_seed_and_no_blank_page_was_accepted():
    record = Record.read(RECORD)
    assert [net.name for net in record.runs] == list(NETS)
    for net in record.runs:
        assert [one.config["seed"] for one in net.runs] == list(SEEDS)
        for one in net.runs:
            assert set(one.extra["abstained"]) == {*ALWAYS, *NETS[net.name].out_of_distribution}
            kept, blank = one.extra["in_distribution_kept"], one.extra["abstained"]["blank_pages"]
            for score in SCORES:
                assert blank[score] == blank["total"]
                assert abs(kept[score] / kept["total"] - 0.95) < 0.02
    assert len(table.abstention_table(record).splitlines()) == 2 + len(NETS)
