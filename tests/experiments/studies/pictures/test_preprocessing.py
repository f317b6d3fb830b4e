"""The comparison of preprocessed canvases with the published bitmaps, and its record."""

from types import SimpleNamespace

import numpy as np

from experiments import table
from experiments.studies.pictures import preprocessing
from experiments.studies.pictures.canvases import Canvas, of_doodle
from jaxdoodle.core.record import Record
from jaxdoodle.preprocessing.config import QUICKDRAW
from jaxdoodle.preprocessing.render import render_drawing

RECORD = table.RECORDS / "preprocessing" / "record.json"
TICK = [([0, 80, 255], [100, 180, 0]), ([30, 60], [20, 25])]


def test_correct_answers_are_counted_and_rejected_images_are_wrong():
    bitmap = render_drawing(TICK, QUICKDRAW)
    always_one = SimpleNamespace(preprocessing=QUICKDRAW, logits=lambda images: np.tile([0.0, 1.0], (len(images), 1)))
    draw = of_doodle(TICK)
    renderers = [draw, lambda size, factor: np.full((size, size), 1e-3, np.float32), draw]
    canvas = Canvas(ink=1.0, background=0.0, file="array")
    found = preprocessing._compare(np.stack([bitmap] * 3), np.array([1, 1, 0]), renderers, canvas, [always_one] * 2)
    expected = {"published": [2, 2], "preprocessed": [1, 1], "same_class": [2, 2], "rejected": 1, "total": 3}
    assert found == expected


def test_the_record_has_every_condition_and_network_and_meets_the_first_goal():
    record = Record.read(RECORD)
    assert [one.name for one in record.runs] == ["digits", "doodles"]
    assert [one["name"] for one in record.config["canvases"]] == list(preprocessing.CONDITIONS)
    for images in record.runs:
        assert [one["name"] for one in images.extra["conditions"]] == list(preprocessing.CONDITIONS)
        assert [one.config["seed"] for one in images.runs] == list(preprocessing.SEEDS)
        first = images.extra["conditions"][0]
        assert sum(first["published"]) - sum(first["preprocessed"]) <= 0.003 * 3 * first["total"]


def test_the_record_is_drawn(tmp_path):
    preprocessing.draw(Record.read(RECORD), tmp_path / "preprocessing.png")
    assert (tmp_path / "preprocessing.png").exists()
