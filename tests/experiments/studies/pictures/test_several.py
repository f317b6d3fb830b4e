import numpy as np
import pytest

from experiments import table
from experiments.studies.pictures import several
from jaxdoodle.core.record import Record
from jaxdoodle.data import Dataset
from jaxdoodle.inference import PageDrawing, PagePrediction, Prediction, Row
from jaxdoodle.preprocessing.config import MNIST

IMAGES = np.zeros((3, 28, 28), np.uint8)
IMAGES[0, 4:24, 12:15] = 255
IMAGES[1, 4:24, 8:20] = 255
IMAGES[1, 7:21, 11:17] = 0
IMAGES[2, 4:7, 8:20] = IMAGES[2, 4:24, 17:20] = 255
LABELS = np.array([1, 0, 7])


@pytest.mark.parametrize("kind", ["clean", *several.PAPER])
def test_a_page_has_the_digits_that_it_says_where_it_says(kind):
    page = several.page_of(IMAGES, LABELS, np.random.default_rng(3), kind)
    assert page.kind == kind and 1 <= len(page.labels) == len(page.boxes) <= several.MOST
    assert [i for row in page.rows for i in row] == list(range(len(page.labels)))
    pixels = np.asarray(page.image if isinstance(page.image, np.ndarray) else page.image.convert("RGB")).astype(int)
    for top, left, bottom, right in page.boxes:
        assert 0 <= top < bottom <= pixels.shape[0] and 0 <= left < right <= pixels.shape[1]
        assert np.ptp(pixels[top:bottom, left:right].mean(axis=2)) > 30


def test_a_page_counts_as_read_where_every_box_is_found_in_its_place():
    page = several.Page(None, "clean", [(0, 0, 20, 10), (0, 20, 20, 30)], [[0, 1]], [4, 2])

    def found(*boxes):
        shown = [PageDrawing(box, Prediction({"4": 0.9, "2": 0.1}, None, None)) for box in boxes]
        return PagePrediction((Row(tuple(shown)),), None)

    alone = Prediction({"4": 1.0}, "it shows 2 drawings", None)
    right = list(several.judged(page, found(*page.boxes), alone))
    assert {"divided", "read", "of_several_refused"} <= set(right) and right.count("right") == 1
    assert "all_digits_right" not in right
    swapped = list(several.judged(page, found(*page.boxes[::-1]), alone))
    assert "divided" in swapped and "read" not in swapped
    for boxes in ([(0, 0, 20, 30)], [*page.boxes, (50, 50, 60, 60)], [(0, 0, 20, 10), (10, 20, 20, 30)]):
        assert "divided" not in list(several.judged(page, found(*boxes), alone))


def test_the_study_writes_a_record_and_a_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(several, "PLAIN", 3)
    monkeypatch.setattr(several, "OTHER", 1)
    monkeypatch.setattr(several, "PAPER", ("ruled",))

    class Given:
        test = Dataset.from_arrays(IMAGES[..., None], LABELS, classes=tuple("0123456789"), preprocessing=MNIST)

    monkeypatch.setattr(several, "load_dataset", lambda *_, **__: Given)
    assert several.run(tmp_path) in (0, 1)
    record = Record.read(tmp_path / "record.json")
    assert [run.extra["counts"]["pages"] for run in record.runs] == [3, 1]
    assert (tmp_path / "pages.png").stat().st_size > 10_000


def test_the_table_is_that_of_the_committed_record():
    readme = table.RECORDS.parent / "README.md"
    assert table.several_table(Record.read(table.RECORDS / "several" / "record.json")) in readme.read_text()
