"""Lines of the paper far finer than the strokes go, whatever their slope; strokes of any width stay."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.paper.fine import without_fine_lines
from tests.preprocessing.paper.test_surroundings import SEVEN, X, Y


@pytest.mark.parametrize("slope", [0, 0.5, 1, 3])
def test_a_fine_line_goes_and_the_drawing_stays(slope):
    line = abs((Y - 80) - slope * (X - 80)) < 0.5 * np.hypot(1, slope)
    left = without_fine_lines((SEVEN | line).astype(np.float32))
    assert np.count_nonzero((left > 0) ^ SEVEN) < 0.06 * SEVEN.sum()


@pytest.mark.parametrize("width", [1, 2, 4, 9])
def test_lines_of_one_width_stay(width):
    loop = abs(np.hypot(X - 80, Y - 80) - 50) < width
    assert without_fine_lines(loop.astype(np.float32)) is None


@pytest.mark.parametrize("thin", ["loop", "foot", "bar", "rays"])
@pytest.mark.parametrize("cut", [False, True])
def test_a_fine_stroke_of_the_drawing_stays(thin, cut):
    thick = (abs(np.hypot(X - 80, Y - 100) - 30) < 6) if thin in ("loop", "rays") else (abs(X - 80) < 6) & (Y < 130)
    fine = {
        "loop": abs(np.hypot(X - 80, Y - 45) - 25) < 1,
        "foot": (abs(Y - 130) < 1) & (abs(X - 80) < 50),
        "bar": (abs(Y - 80) < 1) & (abs(X - 70) < 50),
        "rays": (np.minimum(abs(X - 80), abs(Y - 100)) < 1) & (np.hypot(X - 80, Y - 100) < 55),
    }[thin] & ((thin != "rays") | (np.hypot(X - 80, Y - 100) > 30))
    drawing = (thick | fine) & (Y > 20)
    if cut:  # to the box of the drawing
        drawing = drawing[np.ix_(drawing.any(axis=1), drawing.any(axis=0))]
    assert without_fine_lines(drawing.astype(np.float32)) is None


def test_a_large_picture_is_looked_at_in_cells():
    large = np.kron(SEVEN | (abs(Y - 80) < 1), np.ones((8, 8))).astype(np.float32)
    assert np.count_nonzero((without_fine_lines(large)[::8, ::8] > 0) ^ SEVEN) < 0.06 * SEVEN.sum()
