"""The comparison of rendered bitmaps with the published ones."""

from pathlib import Path

import numpy as np

from experiments.studies.pictures import rendering
from jaxdoodle.core.record import Record

RECORD = Path(rendering.__file__).parents[2] / "records" / "rendering" / "record.json"


def test_a_drawing_in_another_row_is_found_by_what_it_shows():
    bitmaps = np.random.default_rng(0).integers(0, 256, (9, 28, 28), np.uint8)
    rendered = bitmaps[[0, 1, 5, 3]] ^ 1
    rows, moved = rendering._rows(rendered, bitmaps)
    assert rows.tolist() == [0, 1, 5, 3] and moved == 1


def test_errors_and_agreement_are_counted():
    class ByFirstPixel:
        def logits(self, bitmaps):
            return np.eye(3)[bitmaps[:, 0, 0] % 3]

    published = np.zeros((4, 28, 28), np.uint8)
    published[:, 0, 0] = 0, 1, 2, 2
    rendered = published.copy()
    rendered[3, 0, 0] = 0
    rendered[1, 5, 5] = 200
    found = rendering._compare(rendered, published, np.array([0, 1, 0, 2]), ByFirstPixel())
    assert (found["drawings"], found["same_class"]) == (4, 3)
    assert found["right_class"] == {"jaxdoodle": 2, "published": 3}
    assert found["pixel_error"] == {
        "mean": 202 / (4 * 784),
        "largest_of_a_drawing": 200 / 784,
        "largest_of_a_pixel": 200,
    }


def test_the_record_meets_its_goals():
    record = Record.read(RECORD)
    found, goals = record.extra, record.config["goals"]
    assert found["ok"] and found["drawings"] > 15_000
    assert found["pixel_error"]["mean"] <= goals["pixel_error"]
    assert found["same_class"] >= goals["agreement"] * found["drawings"]
    assert found["drawings_per_cpu_second"] >= 5_000
