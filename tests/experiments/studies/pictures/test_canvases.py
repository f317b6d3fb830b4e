"""Canvases: the same drawing on any file, with the stroke width asked for, and drawn again from its seed."""

import numpy as np
import pytest

from experiments.studies.pictures.canvases import FILES, Canvas, canvas_of, of_digit, of_doodle
from experiments.studies.pictures.preprocessing import CONDITIONS
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.preprocessing.render import render_drawing

TICK = [([0, 80, 255], [100, 180, 0]), ([30, 60], [20, 25])]
BITMAP = render_drawing(TICK, MNIST)


@pytest.mark.parametrize("kind", FILES)
def test_a_drawing_on_any_file_is_preprocessed_to_what_it_was(kind):
    canvas = Canvas(side=(300, 300), file=kind)
    for draw, preprocessing in ((of_doodle(TICK), QUICKDRAW), (of_digit(BITMAP), MNIST)):
        bitmap = preprocess(canvas_of(draw, canvas, np.random.default_rng(1)), preprocessing).bitmap
        assert np.abs(bitmap.astype(int) - render_drawing(TICK, preprocessing)).mean() < 10


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 3.0])
def test_strokes_are_as_wide_as_asked_for(factor):
    """A level line's height is its stroke width; a digit's is larger by its soft edges."""
    assert of_doodle([([0, 255], [0, 0])])(271, factor).max(axis=1).sum() == pytest.approx(16 * factor, abs=2)
    level = of_digit(render_drawing([([0, 255], [0, 0])], MNIST))(200, factor)
    assert level[:, level.shape[1] // 2].sum() == pytest.approx(24 * factor, abs=2 + 3 * factor)


def test_the_same_seed_draws_the_same_canvas():
    for canvas, _ in CONDITIONS.values():
        one, other = (np.asarray(canvas_of(of_doodle(TICK), canvas, np.random.default_rng(3))) for _ in range(2))
        assert np.array_equal(one, other) and canvas.side[0] <= one.shape[0]
