"""Straight lines that are longer than the drawing beside them, and bar codes, are told from what is drawn."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.paper.straight import printed, straight_of
from jaxdoodle.preprocessing.paper.surroundings import only, regions_of, without_surroundings

Y, X = np.mgrid[:160, :240]
RING = abs(np.hypot(X - 170, Y - 50) - 22) < 3
LINES = {
    "axes": ((abs(X - 30) < 2) | (abs(Y - 140) < 2)) & (X > 28) & (Y < 142) & (X < 220) & (Y > 10),
    "axes with ticks": ((abs(X - 30) < 2) & (Y > 10) & (Y < 142))
    | ((abs(Y - 140) < 2 + 2 * (X % 20 < 2)) & (X > 28) & (X < 220)),
    "divider": (abs(X - 90) < 2) & (abs(Y - 80) < 66),
    "pencil": (abs(X - 80 - 0.15 * (Y - 80)) < 5) & (abs(Y - 80) < 60),
    "line to write on": (abs(Y - 120) < 2) & (abs(X - 60) < 40),
}
CODE = (abs(Y - 125) < 12) & (X > 120) & (X < 220) & (X % 6 < 2)


def _printed(mask):
    parts = regions_of(mask.astype(np.float32))
    return only(mask.astype(np.float32), parts, printed(parts)) > 0


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_straight_lines_that_are_longer_than_the_drawing_are_not_drawn(lines):
    assert np.array_equal(_printed(RING | lines), lines)
    steps = without_surroundings((RING | lines).astype(np.float32), regions_of((RING | lines).astype(np.float32)))
    assert any(np.array_equal(ink > 0, RING) for _, ink in steps)


def test_a_bar_code_is_one_whatever_its_size_and_a_row_of_ones_is_none():
    assert np.array_equal(_printed(RING | CODE), CODE)
    apart = (abs(Y - 125) < 12) & (X > 20) & (X % 20 < 2)
    ragged = (abs(Y - 125 - X % 12) < 12) & (X > 120) & (X < 220) & (X % 6 < 2)
    for row in (apart, ragged, CODE & (X < 150)):  # too far apart, of several heights, too few
        assert not _printed(RING | row).any()


def test_beside_a_line_that_is_print_a_box_is_print():
    box = abs(np.maximum(abs(X - 35), abs(Y - 35)) - 22) < 1
    assert np.array_equal(_printed(RING | box | LINES["divider"]), box | LINES["divider"])
    assert not _printed(RING | box).any()


def test_what_may_be_a_digit_is_not_print():
    one = (abs(X - 90) < 3) & (abs(Y - 50) < 26)
    check = abs(np.maximum(abs(X - 35), abs(Y - 35)) - 8) < 2
    seven = ((abs(Y - 30) < 3) & (abs(X - 80) < 22)) | ((abs(X - 100 + (Y - 30) / 2) < 3) & (abs(Y - 52) < 24))
    for drawn in (one, one | RING, one | check, seven, seven | one, RING | seven):
        assert not _printed(drawn).any()
    line = LINES["line to write on"] & (X < 100)
    assert np.array_equal(_printed(one | line), line)  # a 1 is as straight as the line that it stands on


def test_bars_are_straight_in_any_direction_and_curves_are_not():
    slanted = (abs(X - 2 * Y) < 4) & (Y < 75)
    assert straight_of(regions_of(slanted.astype(np.float32)))[1:].all()
    bow = (abs(np.hypot(X + 60, Y - 80) - 120) < 3) & (abs(Y - 80) < 60)
    for curve in (RING, bow):
        assert not straight_of(regions_of(curve.astype(np.float32))).any()


def test_a_fine_line_need_be_less_longer_than_the_drawing_than_a_thick_one():
    for width, half, expected in ((1, 32, True), (4, 38, False), (4, 46, True)):
        bar = (abs(X - 90) < width) & (abs(Y - 80) < half)
        assert _printed(RING | bar).any() == expected
