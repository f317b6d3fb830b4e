"""A picture may be seen in several ways: the paper's part goes, what may be drawn is told with and without."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.config import MNIST
from jaxdoodle.preprocessing.paper import surroundings
from jaxdoodle.preprocessing.paper.readings import readings_of
from jaxdoodle.preprocessing.paper.sheet import SHEET
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.preprocessing.resample import moved
from tests.preprocessing.paper.test_surroundings import AROUND, SEVEN, X, Y


def _page(mask, ink=0.1):
    return np.where(mask, ink, 1.0).astype(np.float32)[..., None]


def test_a_frame_is_kept_in_the_first_reading_and_removed_in_the_second():
    framed, inner = readings_of(_page(SEVEN | AROUND["frame"]))
    assert framed.removed == () and inner.removed == ("in the frame",)
    assert np.array_equal(inner.ink > 0, SEVEN)
    preprocessed = preprocess(_page(SEVEN | AROUND["frame"]), MNIST)
    alone = preprocess(_page(SEVEN), MNIST)
    assert alone.alternatives == () and np.array_equal(preprocessed.alternatives[0].bitmap, alone.bitmap)


def test_rules_are_the_papers_in_every_reading():
    (reading,) = readings_of(_page(SEVEN | (Y % 25 == 12)))
    assert reading.removed == () and (reading.ink > 0).sum() < 1.1 * SEVEN.sum()


def test_rules_that_end_before_the_edge_are_told_with_and_without():
    page = _page(SEVEN | (Y % 20 == 12) & (abs(X - 80) < 70))
    assert any(np.count_nonzero((reading.ink > 0) ^ SEVEN) < 0.1 * SEVEN.sum() for reading in readings_of(page))
    assert readings_of(page)[0].removed == () and np.array_equal(readings_of(page)[0].ink > 0, page[..., 0] < 0.5)


def test_a_line_far_finer_than_the_strokes_is_told_with_and_without():
    wire = abs(X + 0.6 * Y - 130) < 1
    first, *_, fine = readings_of(_page(SEVEN | wire))
    assert first.removed == () and fine.removed == ("fine lines",)
    assert np.count_nonzero((fine.ink > 0) ^ SEVEN) < 0.1 * SEVEN.sum()


def test_the_regions_of_one_ink_are_found_once(monkeypatch):
    real, found = surroundings.parts_of, []
    monkeypatch.setattr(surroundings, "parts_of", lambda ink, *how: found.append(id(ink)) or real(ink, *how))
    soft = np.clip(1.5 - np.hypot(*np.ogrid[-80:80, -80:80]) / 40, 0, 1).astype(np.float32)  # ink that pales outwards
    readings = readings_of(1 - soft[..., None])
    assert len(readings) == 2 and not any(one.parts.several for one in readings)
    assert len(found) == len(set(found)) == 2


def test_grain_that_smoothing_takes_away_is_in_no_reading():
    rng = np.random.default_rng(0)
    dithered = rng.random(SEVEN.shape) < np.where(SEVEN, 0.95, 0.1)
    readings = readings_of(_page(dithered, 0.0))
    assert readings and all(any("smoothed" in name for name, _ in reading.steps) for reading in readings)
    assert all((reading.ink > 0.5).sum() < 2 * SEVEN.sum() for reading in readings)


def test_a_shadow_across_the_drawing_is_no_edge_of_a_sheet():
    page = _page(SEVEN)
    beside, across = (readings_of(np.where(X + 0.05 * Y < at, 0.3, 1.0)[..., None] * page) for at in (30, 80))
    assert any("what is beyond the sheet" in reading.removed for reading in beside)
    assert not any("what is beyond the sheet" in reading.removed for reading in across)


def test_light_on_a_dark_desk_beside_the_sheet_is_no_part_of_the_drawing():
    desk = (Y < 30) | (Y > 135) | (X + 0.05 * Y < 30)  # the sheet runs off to the right
    lit = (Y < 30) & (X > 40) & (X < 125)
    readings = readings_of((np.where(desk, np.where(lit, 0.3, 0.1), 1.0)[..., None] * _page(SEVEN)).astype(np.float32))
    assert readings[0].found.background == "dark"
    (beyond,) = [reading for reading in readings if "what is beyond the sheet" in reading.removed]
    assert np.array_equal(beyond.ink > 0, SEVEN)


def test_a_drawing_on_a_flat_sheet_is_told_with_and_without_what_is_around_it():
    sheet = np.pad(np.where(SEVEN, 0.1, 1.0)[20:140, 20:140], 30, constant_values=0.2).astype(np.float32)[..., None]
    whole, inner = readings_of(sheet)
    assert whole.removed == () and inner.removed == ("on the sheet",)
    assert whole.found.background == "dark" and inner.found.background == "light"


@pytest.mark.parametrize(("side", "is_board"), [(150, True), (60, False)])
def test_chalk_on_a_board_before_a_bright_wall_is_told_with_and_without_the_wall(side, is_board):
    y, x = np.mgrid[:200, :240]
    board = np.maximum(abs(y - 100), abs(x - 120)) < side / 2
    drawn = (abs(x - 120) < 4) & (abs(y - 100) < side / 5)
    light = 0.4 + 0.1 * x / 240 + 0.02 * np.random.default_rng(0).random((200, 240))
    picture = np.where(drawn | ~board, 0.95, light).astype(np.float32)[..., None]
    found = [reading for reading in readings_of(picture) if SHEET in reading.removed]
    assert bool(found) == is_board
    box = (100 - side / 5, 116.5, 100 + side / 5, 124.5)
    for reading in found:
        assert np.abs(np.subtract(moved(reading.box, reading.place), box)).max() < 3
