"""What lies in the margins of a page goes, unless there is nothing else or the drawing may reach there."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.paper.margins import inside_margins
from jaxdoodle.preprocessing.paper.readings import readings_of
from jaxdoodle.preprocessing.paper.surroundings import only, regions_of
from tests.preprocessing.paper.test_surroundings import SEVEN, X, Y

MARGINAL = {
    "desk on one side": X < 9,
    "desk on two sides": (X < 9) | (Y + 0.02 * X > 150),
    "page number": (abs(X - 148) < 6) & (abs(Y - 150) < 7) & (X % 5 < 2),
    "holes": (np.hypot(X - 12, Y % 60 - 30) < 5) & (Y < 120),
    "dot": np.hypot(X - 10, Y - 10) < 8,
    "line of print": (abs(Y - 8) < 5) & (abs(X - 70) < 50) & (X % 10 < 7),
}


def _inside(mask):
    ink = mask.astype(np.float32)
    parts = regions_of(ink)
    kept = inside_margins(parts)
    return None if kept is None else only(ink, parts, kept) > 0


@pytest.mark.parametrize("margin", MARGINAL.values(), ids=MARGINAL)
def test_what_is_in_a_margin_goes_and_the_drawing_stays(margin):
    assert np.array_equal(_inside(SEVEN | margin), SEVEN)


def test_a_margin_that_may_be_of_the_drawing_stays():
    for mask in (
        X < 9,  # nothing else
        SEVEN,
        SEVEN | (np.maximum(abs(X - 80), abs(Y - 80)) > 70),  # all around: an outline
        SEVEN | (X < 9) & (Y < 100),  # along a part of an edge
        SEVEN | (Y < 2) | (abs(X - 80) < 2) | (np.maximum(abs(X - 30), abs(Y - 30)) < 2),  # but a crossing
        SEVEN | (X < 9) | (abs(X - Y) < 3),  # to another edge
        np.roll(SEVEN, 50, axis=1) | MARGINAL["dot"],  # the drawing is near an edge, too
        SEVEN | (np.hypot(X - 80, Y - 8) < 6),  # the dot of a letter
        SEVEN | (np.hypot(X - 30, Y - 30) < 8),  # beside the drawing, not in a corner
    ):
        assert _inside(mask) is None


def test_two_dots_beside_the_drawing_are_its_own_in_a_reading():
    dots = (np.hypot(abs(X - 80) - 14, Y - 140) < 7) | (np.hypot(abs(X - 80) - 14, Y - 20) < 7)
    for where in (Y < 40, Y > 120):
        mask = SEVEN | (dots & where)
        assert _inside(mask) is None and _inside(mask.T) is None
        first, *_ = readings_of(np.where(mask, 0.1, 1.0).astype(np.float32)[..., None])
        assert first.removed == () and np.array_equal(first.ink > 0, mask)
