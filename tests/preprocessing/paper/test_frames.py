"""A straight frame is found though a drawing touches it; a drawing of straight lines has none."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.paper.frames import within_frame
from tests.preprocessing.paper.test_surroundings import SEVEN, X, Y


@pytest.mark.parametrize("wide", (2, 9))
@pytest.mark.parametrize("tilt", (0.0, 0.02))
def test_the_drawing_is_left_of_a_frame_that_it_touches(wide, tilt):
    x, y = X - 80 + tilt * (Y - 82), Y - 82 - tilt * (X - 80)
    outside = np.maximum(abs(x) - 24, abs(y) - 34)
    drawing = (SEVEN | ((abs(y + 24) < 3) & (x < 0))) & (outside < 0)  # to the frame
    ink = (drawing | (abs(outside - wide) <= wide)).astype(np.float32)
    cut = np.s_[ink.any(axis=1).argmax() : 160 - ink[::-1].any(axis=1).argmax(), ink.any(axis=0).argmax() :]
    cut = cut[0], slice(cut[1].start, 160 - ink[:, ::-1].any(axis=0).argmax())
    held, well_inside = within_frame(ink[cut]) > 0, (outside < -3)[cut]
    assert np.array_equal(held & well_inside, drawing[cut] & well_inside) and not held[(outside > 0)[cut]].any()


def test_what_has_no_line_along_each_side_has_no_frame():
    loop = abs(np.hypot(X - 80, Y - 80) - 79) < 2
    grid = (abs(X - 80) < 3) | (abs(Y - 80) < 3)
    open_box = (X < 4) | (Y > 155) | (X > 155)
    for mask in (loop, grid, open_box, SEVEN, np.ones((160, 160), bool)):
        assert within_frame(mask.astype(np.float32)) is None
