"""Of a character of which the outline is drawn, the strokes are what lies between its lines."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.paper.outlines import strokes_within
from jaxdoodle.preprocessing.paper.regions import filtered
from jaxdoodle.preprocessing.paper.surroundings import regions_of
from tests.preprocessing.paper.test_surroundings import SEVEN, X, Y


def outline(mask):
    """The edge of a mask, two pixels wide."""
    return mask & ~filtered(np.logical_and, mask, 5)


def within(mask):
    ink = mask.astype(np.float32)
    return strokes_within(ink, regions_of(ink))


LOOP = abs(np.hypot(X - 80, (Y - 80) / 1.3) - 45) < 9
STEM = (abs(X - 120) < 9) & (Y > 80) & (Y < 155)


@pytest.mark.parametrize("mask", [filtered(np.logical_or, SEVEN, 9), LOOP, LOOP | STEM], ids=["7", "0", "9"])
def test_what_an_outline_encloses_is_filled_and_its_loops_are_not(mask):
    whole = within(outline(mask))
    assert whole is not None and np.count_nonzero((whole > 0) ^ mask) < 0.02 * mask.sum()


@pytest.mark.parametrize(
    "drawing",
    [
        SEVEN,
        LOOP,
        abs(np.hypot(X - 80, Y - 80) - 45) < 2,
        abs(np.hypot(X - 80, Y - 50) - 25) < 2,
        (abs(np.hypot(X - 80, Y - 45) - 25) < 2) | ((abs(X - 104) < 2) & (Y > 45) & (Y < 150)),
        (abs(np.hypot(X - 80, Y - 45) - 35) < 2) | (abs(np.hypot(X - 80, Y - 113) - 33) < 2),
    ],
    ids=["7", "0", "fine 0", "small 0", "fine 9", "fine 8"],
)
def test_strokes_with_loops_stay(drawing):
    assert within(drawing) is None


def test_nothing_encloses_nothing():
    assert within(np.zeros_like(SEVEN)) is None
