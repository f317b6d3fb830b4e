import numpy as np
import pytest

from experiments.studies.canvases import FILES, Canvas, canvas_of, of_digit, of_doodle
from experiments.studies.preprocessing import CONDITIONS
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.preprocessing.render import render_drawing

TICK = [([0, 80, 255], [100, 180, 0]), ([30, 60], [20, 25])]
BITMAP = render_drawing(TICK, MNIST)


@pytest.mark.parametrize("kind", FILES)
def test_a_drawing_on_any_file_is_prepared_as_it_was(kind):
    canvas = Canvas(side=(300, 300), file=kind)
    for subject, preprocessing in ((of_doodle(TICK), QUICKDRAW), (of_digit(BITMAP), MNIST)):
        bitmap = preprocess(canvas_of(subject, canvas, np.random.default_rng(1)), preprocessing).bitmap
        assert np.abs(bitmap.astype(int) - render_drawing(TICK, preprocessing)).mean() < 10


@pytest.mark.parametrize("pen", [0.5, 1.0, 2.0, 3.0])
def test_the_pen_is_as_wide_as_asked_for(pen):
    """A level line's height is its pen's; a digit's own pen is broader by what its edges are soft."""
    assert of_doodle([([0, 255], [0, 0])])(271, pen).max(axis=1).sum() == pytest.approx(16 * pen, abs=2)
    level = of_digit(render_drawing([([0, 255], [0, 0])], MNIST))(200, pen)
    assert level[:, level.shape[1] // 2].sum() == pytest.approx(24 * pen, abs=2 + 3 * pen)


def test_the_same_seed_draws_the_same_canvas():
    for canvas, _ in CONDITIONS.values():
        one, other = (np.asarray(canvas_of(of_doodle(TICK), canvas, np.random.default_rng(3))) for _ in range(2))
        assert np.array_equal(one, other) and canvas.side[0] <= one.shape[0]
