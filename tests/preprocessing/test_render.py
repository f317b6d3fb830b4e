"""One way from strokes to the bitmap of a network."""

from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.preprocessing.render import render_drawing, render_drawings
from jaxdoodle.strokes.drawing import simplify
from jaxdoodle.strokes.raster import rasterize

TICK = [([0, 80, 255], [100, 180, 0]), ([30, 60], [20, 25])]
FREE = replace(MNIST, image_shape=(40, 32, 1), center=(12.0, 17.0), longest_side=18.0)
RAW = [([x / 3 + 7 for x in xs], [y / 3 + 40 for y in ys], [0] * len(xs)) for xs, ys in TICK]


def test_with_the_preprocessing_of_quickdraw_it_is_the_published_rendering():
    assert (render_drawing(TICK, QUICKDRAW) == rasterize([TICK])[0]).all()


@pytest.mark.parametrize("preprocessing", [MNIST, QUICKDRAW, FREE], ids=["mnist", "quickdraw", "free"])
def test_size_place_and_stroke_width_are_those_of_the_preprocessing(preprocessing):
    bitmap = render_drawing(TICK, preprocessing).astype(float)
    assert bitmap.shape == preprocessing.image_shape[:2]
    ink = bitmap / 255
    rows, columns = (np.flatnonzero(ink.max(axis=axis)) for axis in (1, 0))
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    assert preprocessing.longest_side - 0.5 <= longest <= preprocessing.longest_side + 2
    if preprocessing.centering == "mass":
        middle = [(ink.sum(axis=a) @ np.arange(ink.shape[1 - a])) / ink.sum() for a in (1, 0)]
    else:
        middle = [(rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2]
    assert np.abs(np.subtract(middle, preprocessing.center)).max() <= 0.5
    expected = (
        render_drawing([([0, 255], [0, 0])], preprocessing).sum() / 255
    )  # a level line: length times stroke width
    assert expected == pytest.approx(
        (preprocessing.longest_side - 0.21 * preprocessing.stroke_width) * preprocessing.stroke_width, rel=0.03
    )


def test_where_and_how_large_it_was_drawn_does_not_matter():
    apart = np.abs(render_drawing(RAW, QUICKDRAW).astype(int) - render_drawing(TICK, QUICKDRAW))
    assert apart.mean() < 1


def test_preprocess_takes_strokes_and_says_so():
    preprocessed = preprocess(RAW, MNIST)
    assert (preprocessed.bitmap == render_drawing(RAW, MNIST)).all()
    assert preprocessed.background == "strokes"
    assert preprocessed.box == (40, 7, 40 + 180 / 3, 7 + 255 / 3)
    assert preprocessed.scale == pytest.approx((20 - 2.4) / 85)


def test_what_is_simplified_stays_as_it_is():
    once = simplify(RAW)
    assert simplify(once) == once


@pytest.mark.parametrize("preprocessing", [MNIST, QUICKDRAW, FREE], ids=["mnist", "quickdraw", "free"])
def test_many_drawings_at_once_are_each_as_alone(preprocessing):
    drawings = [TICK, RAW, [([5], [5])], [([0, 255, 3], [7, 9, 80])]] * 30
    together = render_drawings(drawings, preprocessing)
    assert together.dtype == np.uint8 and together.shape == (120, *preprocessing.image_shape[:2])
    for drawing, bitmap in zip(drawings[:4], together[-4:], strict=True):
        np.testing.assert_array_equal(bitmap, render_drawing(drawing, preprocessing))
    assert render_drawings([], preprocessing).shape == (0, *preprocessing.image_shape[:2])


def test_mass_is_brought_to_its_place_to_a_fraction_of_a_pixel():
    bitmaps = render_drawings([TICK, RAW, [([0, 255, 3], [7, 9, 80])]], FREE) / 255
    for axis, goal in ((1, FREE.center[0]), (0, FREE.center[1])):
        sides = bitmaps.sum(axis=2 if axis else 1)
        assert (sides @ np.arange(sides.shape[1]) / sides.sum(axis=1)) == pytest.approx([goal] * 3, abs=0.02)


def test_strokes_too_narrow_to_leave_ink_leave_none():
    for preprocessing in (MNIST, QUICKDRAW):
        assert not render_drawing(
            [([0, 255], [0, 10])], replace(preprocessing, longest_side=0.1, stroke_width=0.001)
        ).any()


@pytest.mark.parametrize("drawing", [[], [([1, 2], [1])], [1, 2]])
def test_what_is_no_drawing_is_refused(drawing):
    with pytest.raises(InputError, match="stroke"):
        preprocess(drawing, MNIST)


def test_without_a_stroke_width_the_scale_is_that_of_the_default_one():
    free = replace(MNIST, stroke_width=None)
    assert preprocess([([0, 100], [0, 50])], free).scale == pytest.approx(20 * (1 - 1 / 8) / 100)
