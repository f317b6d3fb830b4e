"""Pages of every kind are drawn and counted."""

from types import SimpleNamespace

import numpy as np
import pytest

from experiments import table
from experiments.studies.pictures import pages, paper
from experiments.studies.pictures.canvases import of_doodle
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


def test_confident_mistakes_are_counted():
    answers = [("a", 0.95, None), ("b", 0.95, None), ("b", 0.6, None), ("a", 1.0, "it is blank"), ("b", 0.9, None)]
    guesses = [Prediction({label: p, "c": 1 - p}, reason, None) for label, p, reason in answers]
    model = SimpleNamespace(predict_all=lambda _: guesses)
    assert pages.count(model, [None] * 5, ["a"] * 5) == {"right": 1, "wrong": 3, "sure": 2, "refused": 1}


def test_a_kind_misses_a_goal_where_more_are_wrong_with_confidence_or_fewer_right_than_of_clean_pages():
    kinds = {"clean": (97, 1, 1), "near": (94, 1, 1), "fewer": (93, 1, 1), "sure": (97, 2, 2)}
    rows = [
        {"name": name, "right": r, "wrong": w, "sure": s, "refused": 100 - r - w} for name, (r, w, s) in kinds.items()
    ]
    assert pages.missed(Record("set", extra={"kinds": rows})) == ["fewer", "sure"]


@pytest.fixture(scope="module")
def record():
    return Record.read(RECORD)


def test_the_record_has_every_kind_and_its_figure_shows_them(record, pages, tmp_path):
    from experiments.studies.pictures.pages import draw

    kinds = [*paper.KINDS, *paper.PENS]
    for images in record.runs:
        assert [one["name"] for one in images.extra["kinds"]] == kinds
        totals = {one["right"] + one["wrong"] + one["refused"] for one in images.extra["kinds"]}
        assert len(totals) == 1 and max(totals) <= record.config["drawings"]
    draw(record, tmp_path / "pages.png")
    check_readable(pages[-1], tmp_path / "pages.png")
    assert set(kinds) <= set(texts_of(pages[-1]))


def test_few_answers_of_the_record_are_wrong_with_confidence(record):
    for images in record.runs:
        kinds = images.extra["kinds"]
        total = sum(one[key] for one in kinds for key in ("right", "wrong", "refused"))
        assert sum(one["sure"] for one in kinds) <= 0.03 * total


def test_the_readme_shows_the_record(record):
    assert table.pages_table(record) in (RECORD.parents[2] / "README.md").read_text()
