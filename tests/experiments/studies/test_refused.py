"""The pictures of no class, and the count of those that are refused."""

import numpy as np

from experiments.studies.refused import LETTERS, letters, lines, measure
from jaxdoodle.data import generate_doodles
from jaxdoodle.data.splits import split_by_hash
from jaxdoodle.inference.model import Model
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing.config import QUICKDRAW


def test_no_two_letters_of_a_font_are_equal_and_none_touches_the_edge():
    pages = letters()
    assert len(pages) % len(LETTERS) == 0
    assert len({page.tobytes() for page in pages[: len(LETTERS)]}) == len(LETTERS)
    assert all(page.max() == 255 and not np.pad(page[2:-2, 2:-2], 2).astype(int).sum() < page.sum() for page in pages)


def test_the_lines_are_horizontal_and_no_two_are_equal():
    pages = lines()
    assert len({page.tobytes() for page in pages}) == len(pages) == 27
    for page in pages:
        rows, columns = np.nonzero(page)
        assert np.ptp(columns) > 2 * np.ptp(rows) and np.ptp(columns) >= 40


def test_what_is_refused_is_counted_with_what_preprocessing_rejects():
    splits = split_by_hash(generate_doodles(("clock", "hexagon"), 60, 0), QUICKDRAW, 0.5)
    w = np.zeros((28, 28, 2), np.float32)
    w[:14, :, 0] = w[14:, :, 1] = 1
    spec = ModelSpec((Flatten(), Dense(2)), (28, 28, 1), splits.classes)
    params = [{}, {"w": w.reshape(784, 2), "b": np.zeros(2, np.float32)}]
    model = Model(spec, params, QUICKDRAW, abstain_below=10.0)
    ink = np.zeros((3, 28, 28), np.uint8)
    ink[0] = 255
    found = measure(model, splits, {"pages": (ink, 4)})
    assert found["own"] == {"kept": len(splits.test), "total": len(splits.test)}
    assert found["refused"] == {"pages": {"refused": 6, "total": 7}} and found["auroc"]["pages"] > 0.8
