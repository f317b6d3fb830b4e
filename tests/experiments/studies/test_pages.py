"""Pages of every kind are drawn and counted, and the record's goals are of the drawings held out."""

from types import SimpleNamespace

import numpy as np
import pytest

from experiments import table
from experiments.studies import pages, paper
from experiments.studies.canvases import of_doodle
from jaxdoodle.core.record import Record
from jaxdoodle.inference.predictions import Prediction
from jaxdoodle.preprocessing.inputs.pictures import pixels_of
from tests.fixtures.pages import check_readable, texts_of

RECORD = table.RECORDS / "pages" / "record.json"
TICK = of_doodle([([0, 80, 255], [100, 180, 0]), ([30, 60], [20, 25])])


@pytest.mark.parametrize("kind", [*paper.KINDS, *paper.PENS])
def test_a_page_of_each_kind_is_a_picture_that_depends_on_the_seed_alone(kind):
    first, same, other = (np.asarray(paper.page_of(TICK, kind, np.random.default_rng(seed))) for seed in (3, 3, 4))
    assert np.array_equal(first, same) and not (first.shape == other.shape and np.array_equal(first, other))
    assert np.ptp(pixels_of(first, 1024)[0]) > 0.1


def test_every_other_page_is_held_out_and_confident_mistakes_are_counted():
    answers = [("a", 0.95, None), ("b", 0.95, None), ("b", 0.6, None), ("a", 1.0, "it is blank"), ("b", 0.9, None)]
    guesses = [Prediction({label: p, "c": 1 - p}, reason, None) for label, p, reason in answers]
    model = SimpleNamespace(predict_all=lambda _: guesses)
    assert pages.count(model, [None] * 5, ["a"] * 5) == {
        "tuned": {"right": 1, "wrong": 2, "sure": 1, "refused": 0},
        "held_out": {"right": 0, "wrong": 1, "sure": 1, "refused": 1},
    }


def test_a_kind_misses_a_goal_by_the_held_out_drawings_alone():
    kinds = {"clean": (97, 1, 1), "near": (94, 1, 1), "fewer": (93, 1, 1), "sure": (97, 2, 2)}
    bad = dict.fromkeys(pages.OUTCOMES, 50)
    rows = [
        {"name": name, "tuned": bad, "held_out": {"right": r, "wrong": w, "sure": s, "refused": 100 - r - w}}
        for name, (r, w, s) in kinds.items()
    ]
    assert pages.missed(Record("set", extra={"kinds": rows})) == ["fewer", "sure"]


@pytest.fixture(scope="module")
def record():
    return Record.read(RECORD)


def test_the_record_has_every_kind_and_its_figure_shows_them(record, pages, tmp_path):
    from experiments.studies.pages import HALVES, OUTCOMES, draw

    kinds = [*paper.KINDS, *paper.PENS]
    for images in record.runs:
        assert [one["name"] for one in images.extra["kinds"]] == kinds
        for one in images.extra["kinds"]:
            half = [sum(one[half][key] for key in OUTCOMES if key != "sure") for half in HALVES]
            assert sum(half) == record.config["drawings"] and half[0] - half[1] in (0, 1)
    draw(record, tmp_path / "pages.png")
    check_readable(pages[-1], tmp_path / "pages.png")
    assert set(kinds) <= set(texts_of(pages[-1]))


def test_few_answers_of_the_record_are_wrong_with_confidence(record):
    for images in record.runs:
        held = [one["held_out"] for one in images.extra["kinds"]]
        total = sum(one[key] for one in held for key in ("right", "wrong", "refused"))
        assert sum(one["sure"] for one in held) <= 0.03 * total  # of clean pages alone it is one in thirty


def test_the_readme_shows_the_record(record):
    assert table.pages_table(record) in (RECORD.parents[2] / "README.md").read_text()
