"""The pane of a window is cut out of a screenshot, and nothing is cut from a canvas or a drawing."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.paper.pane import pane_of
from jaxdoodle.preprocessing.paper.readings import readings_of
from jaxdoodle.preprocessing.resample import moved
from tests.preprocessing.paper.test_surroundings import SEVEN

PAGE = np.where(SEVEN[..., None], (0.1, 0.1, 0.5), (1.0, 1.0, 0.96)).astype(np.float32)


def _window(page, bar=14, border=2, tone=0.3):
    whole = np.pad(page, ((bar, border), (border, border), (0, 0)), constant_values=tone)
    if bar > 6:
        whole[3 : bar - 3, 4:24] = (0.9, 0.3, 0.3)[: page.shape[2]]  # its buttons
    return whole


@pytest.mark.parametrize("border", [0, 1, 2, 4])
def test_a_window_shows_what_is_within_its_bar_and_borders(border):
    for turned in (False, True):
        window = _window(PAGE, border=border)
        found, *begin, bordered = pane_of(window.swapaxes(0, 1) if turned else window)
        assert begin == ([border, 14] if turned else [14, border]) and bordered == (border > 0)
        assert np.array_equal(found.swapaxes(0, 1) if turned else found, PAGE)
    *whole, reading = readings_of(_window(PAGE, border=border))
    assert reading.removed == (() if border else ("bars of a window",)) and np.array_equal(reading.ink > 0.5, SEVEN)
    assert bool(whole) == (border == 0)
    (alone,) = readings_of(PAGE)
    assert moved(reading.box, reading.place) == pytest.approx(np.add(alone.box, (14, border, 14, border)))


def test_a_row_that_is_mixed_of_bar_and_pane_goes_with_the_bar():
    window = _window(PAGE)
    window[14] = 0.6
    assert np.array_equal(pane_of(window)[0], PAGE[1:])


@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        _window(PAGE, bar=8, border=8),  # as a drawing that was cut to its outline
        _window(PAGE, bar=2, border=1),
        np.pad(SEVEN[55:110, 60:105], ((0, 1), (0, 0)))[..., None] == 0,
        np.dstack([PAGE, np.ones(SEVEN.shape, np.float32)]),
        np.zeros((8, 8, 1), np.float32),
        np.random.default_rng(0).random((60, 60, 3), np.float32),
    ],
    ids=["canvas", "outline", "thin lines", "seven cut to its ink", "alpha", "tiny", "noise"],
)
def test_where_no_bar_is_wider_than_the_borders_there_is_no_pane(page):
    assert pane_of(np.asarray(page, np.float32)) is None


def test_a_bar_that_stands_apart_is_in_a_reading_where_the_picture_is_cut_to_the_drawing():
    y, x = np.mgrid[:120, :100]
    drawn = (y < 14) | (np.hypot(x - 49.5, y - 74) < 50) & (np.hypot(x - 49.5, y - 74) > 38)
    first, *_, last = readings_of(np.where(drawn, 0.1, 1.0).astype(np.float32)[..., None])
    assert first.removed == () and np.array_equal(first.ink > 0, drawn)
    assert "bars of a window" in last.removed and np.array_equal(last.ink > 0, drawn[14:])
