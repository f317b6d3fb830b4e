"""Lines from edge to edge go, and what they cross stays."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.paper.rules import is_lined, without_lines
from tests.fixtures.pictures import drawing

#: How much of the drawing rules of each slope may change, as a fraction of its ink: measured 0.05, 0.08 and 0.17 at
#: three places of the rules; steep ones leave more where they cross it.
CHANGED = {0.0: 0.06, 0.03: 0.1, -0.09: 0.2}


@pytest.mark.parametrize("strength", [0.4, 1.0])
@pytest.mark.parametrize("slope", CHANGED)
def test_ruled_lines_go_and_the_drawing_stays(strength, slope):
    ink = np.pad(drawing(120, 90, (20, 30), 9), 40).astype(np.float32) / 255
    rows, columns = np.mgrid[: ink.shape[0], : ink.shape[1]]
    rules = np.where((rows + slope * columns + 7) % 30 < 2, np.float32(strength), np.float32(0))
    cleaned, (across, down) = without_lines(np.maximum(ink, rules))
    assert across >= 6 and down == 0
    assert np.abs(cleaned - ink).sum() < CHANGED[slope] * ink.sum()


def test_sides_of_a_cell_go_with_the_lines_that_they_are_between_and_strokes_of_a_pen_stay():
    rows, columns = np.mgrid[:300, :400]
    lines = (abs(rows - 80) < 2) | (abs(rows - 200) < 2)
    sides = ((abs(columns - 150) < 2) | (abs(columns - 260) < 2)) & (rows > 80) & (rows < 200)
    stroke = (abs(columns - 205) < 5) & (rows > 84) & (rows < 196)
    hanging = (abs(columns - 330) < 2) & (rows > 80) & (rows < 160)
    for turn in (False, True):
        drawn = stroke | hanging
        ink = (lines | sides | drawn).astype(np.float32)
        cleared, _ = without_lines(ink.T if turn else ink)
        left = (cleared.T if turn else cleared) > 0
        assert not left[:, :170].any() and not left[:, 240:300].any()
        assert left[stroke].mean() > 0.9 and left[hanging].mean() > 0.9


@pytest.mark.parametrize("shift", range(4))
def test_the_side_of_a_cell_goes_though_print_stands_on_its_end(shift):
    rows, columns = np.mgrid[:300, :400]
    lines = (abs(rows - 80) < 2) | (abs(rows - 200) < 2)
    side = (abs(columns - 150) < 2) & (rows > 80) & (rows < 200)
    print_ = (abs(columns - 155) < 9) & (abs(rows - 66) < 9) & (columns % 6 < 3)
    stroke = (abs(columns - 205) < 5) & (rows > 90) & (rows < 190)
    ink = np.roll((lines | side | print_ | stroke).astype(np.float32), shift, axis=0)
    cleared = np.roll(without_lines(ink)[0], -shift, axis=0)
    assert not cleared[90:190, 140:160].any() and cleared[stroke].mean() > 0.9 and cleared[print_].mean() > 0.9


def test_noise_has_no_lines_and_a_drawing_none_either():
    noise = (np.random.default_rng(0).random((120, 100)) < 0.4).astype(np.float32)
    assert without_lines(noise)[1] == (0, 0)
    ink = np.pad(drawing(60, 60, (20, 30), 6), 20).astype(np.float32) / 255
    assert without_lines(ink)[0] is ink


def test_whether_there_may_be_lines_is_told_from_a_coarse_picture():
    ink = np.zeros((300, 500), np.float32)
    for count in range(1, 4):
        ink[60 * count + np.arange(500) // 50, np.arange(500)] = 1  # falls by 10 pixels
        assert is_lined(ink, 3) == is_lined(ink.T, 3) == (count == 3)
