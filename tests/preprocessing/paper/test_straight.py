"""Straight lines of another pen than the drawing's, and bar codes, are told from what is drawn."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.paper.straight import printed
from jaxdoodle.preprocessing.paper.surroundings import only, regions_of, without_surroundings

Y, X = np.mgrid[:160, :240]
RING = abs(np.hypot(X - 170, Y - 50) - 22) < 3
LINES = {
    "axes": ((abs(X - 30) < 2) | (abs(Y - 140) < 2)) & (X > 28) & (Y < 142) & (X < 220) & (Y > 10),
    "axes with ticks": ((abs(X - 30) < 2) & (Y > 10) & (Y < 142))
    | ((abs(Y - 140) < 2 + 2 * (X % 20 < 2)) & (X > 28) & (X < 220)),
    "divider": (abs(X - 90) < 2) & (abs(Y - 80) < 66),
    "pencil": (abs(X - 80 - 0.15 * (Y - 80)) < 7) & (abs(Y - 80) < 75),
    "line to write on": (abs(Y - 120) < 2) & (abs(X - 60) < 40),
}
CODE = (abs(Y - 125) < 12) & (X > 120) & (X < 220) & (X % 4 < 2)


def _printed(mask):
    parts = regions_of(mask.astype(np.float32))
    return only(mask.astype(np.float32), parts, printed(parts)) > 0


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_straight_lines_of_another_pen_are_not_drawn(lines):
    assert np.array_equal(_printed(RING | lines), lines)
    steps = without_surroundings((RING | lines).astype(np.float32), regions_of((RING | lines).astype(np.float32)))
    assert any(np.array_equal(ink > 0, RING) for _, ink in steps)


@pytest.mark.parametrize("place", [40.0, 40.5])
def test_a_fine_line_is_as_fine_wherever_it_lies_between_the_pixels(place):
    ring = np.clip(1.6 - abs(np.hypot(X - 170, Y - 90) - 15), 0, 1)
    for reach, is_other in ((1.0, True), (1.6, False)):
        line = np.clip(reach - abs(Y - place), 0, 1) * (abs(X - 120) < 90)
        ink = np.maximum(ring, line).astype(np.float32)
        assert np.array_equal(printed(regions_of(ink)), [False, is_other, False])


def test_straight_lines_of_the_same_pen_are_drawn_whatever_their_length():
    for low, high in ((10, 150), (40, 150), (75, 150)):  # a 1 beside a 0, the stem of a lollipop
        stem = (abs(X - 170 - 60 * (low < 50)) < 3) & (Y > low) & (Y < high)
        assert not _printed(RING | stem).any()
    thick = (abs(X - 90) < 5) & (abs(Y - 50) < 32)  # a 1 of another pen, a little taller
    assert not _printed(RING | thick).any()
    deck = (abs(Y - 10) < 3) & (X > 20) & (X < 230)
    seven = ((abs(Y - 30) < 3) & (abs(X - 80) < 22)) | ((abs(X - 100) < 3) & (Y > 28) & (Y < 150))
    for drawn in (deck, seven):
        assert not _printed(RING | drawn).any()


def test_the_first_line_of_another_pen_is_longer_than_the_drawing_and_all_others_go_with_it():
    stamp = abs(np.maximum(abs(X - 35), abs(Y - 35)) - 22) < 1
    short = (abs(X - 110) < 1) & (abs(Y - 50) < 20)
    assert not _printed(RING | stamp | short).any()
    assert np.array_equal(_printed(RING | stamp | short | LINES["divider"]), stamp | short | LINES["divider"])


def test_beside_straight_lines_alone_none_is_print():
    one = (abs(X - 90) < 3) & (abs(Y - 50) < 26)
    check = abs(np.maximum(abs(X - 35), abs(Y - 35)) - 8) < 2
    for drawn in (one, one | check, one | LINES["divider"]):
        assert not _printed(drawn).any()


def test_a_bar_code_is_one_whatever_its_size_and_a_row_of_ones_is_none():
    coarse = (abs(Y - 125) < 12) & np.isin(X, [*range(150, 154), *range(155, 164), *range(166, 174)])
    for code in (CODE, coarse):  # whose gaps are in part finer than its cells
        assert np.array_equal(_printed(RING | code), code)
    apart = (abs(Y - 125) < 12) & (X > 20) & (X % 8 < 3)
    ragged = (abs(Y - 125 - X % 12) < 12) & (X > 120) & (X < 220) & (X % 4 < 2)
    for row in (apart, ragged, CODE & (X < 126)):  # too far apart, of several heights, too few
        assert not _printed(RING | row).any()


def test_bars_are_straight_in_any_direction_and_curves_are_not():
    slanted = (abs(X - 2 * Y) < 2) & (Y > 12) & (Y < 75)
    assert np.array_equal(_printed(RING | slanted), slanted)
    bow = (abs(np.hypot(X + 60, Y - 80) - 120) < 1) & (abs(Y - 80) < 60)
    assert not _printed(RING | bow).any()
