"""The stroke width is measured on lines and brought to that of the training images."""

import numpy as np
import pytest
from scipy import ndimage

from jaxdoodle.preprocessing import stroke_width
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW, STROKE_WIDTH_LIMITS, Preprocessing
from jaxdoodle.preprocessing.paper.regions import labeled
from jaxdoodle.preprocessing.pipeline import STROKE_WIDTH_TOLERANCE, preprocess
from jaxdoodle.preprocessing.stroke_width import centerline, distance, redraw, width_by_outline
from tests.fixtures.pictures import INK, drawing


@pytest.mark.parametrize("preprocessing", [MNIST, QUICKDRAW], ids=["mnist", "quickdraw"])
def test_the_stroke_width_is_brought_towards_that_of_the_training_images(preprocessing):
    reference = preprocess(drawing(stroke_width=12), preprocessing).bitmap.astype(float)
    for width in (2, 5, 12, 20, 30):
        picture = drawing(stroke_width=width)
        preprocessed = preprocess(picture, preprocessing)
        kept = preprocess(picture, Preprocessing(**preprocessing.to_dict() | {"stroke_width": None}))
        made = preprocessed.stroke_width * preprocessed.scale + preprocessed.widened
        low, high = (part * preprocessing.stroke_width for part in STROKE_WIDTH_TOLERANCE)
        assert low - 0.1 <= made <= high + 0.1
        assert abs(preprocessed.stroke_width - width) < 0.1 * width + 0.5
        assert kept.widened == 0
        if abs(preprocessed.widened) > 0.3:
            off, before = (np.abs(p.bitmap - reference).mean() for p in (preprocessed, kept))
            assert off < 0.8 * before


@pytest.mark.parametrize("side", [2, 3, 5])
@pytest.mark.parametrize("preprocessing", [MNIST, QUICKDRAW], ids=["mnist", "quickdraw"])
def test_strokes_with_many_small_holes_are_as_wide_as_without(preprocessing, side):
    ink = drawing(stroke_width=24).astype(np.float32) / 255
    small = np.random.default_rng(0).random([n // side + 1 for n in ink.shape]) < 0.06
    holes = small.repeat(side, 0).repeat(side, 1)[: ink.shape[0], : ink.shape[1]]
    whole, worn = (
        redraw(one, preprocessing.longest_side, preprocessing.stroke_width, STROKE_WIDTH_TOLERANCE)
        for one in (ink, np.where(holes, np.float32(0), ink))
    )
    assert abs(worn.measured - whole.measured) < 0.15 * whole.measured


def test_wide_strokes_keep_their_centerlines():
    """Where strokes have run together the lines stay whole, and no piece is lost."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        side = 2 + seed % 5
        mask = np.pad(rng.random((12, 12)).repeat(side, 0).repeat(side, 1) < 0.3, 1)
        line = centerline(mask, 60)
        assert not (line & ~mask).any()
        assert labeled(line).max() == labeled(mask).max()
        inside = np.pad(~mask, 1, constant_values=True), np.pad(~line, 1, constant_values=True)
        four = [ndimage.label(outside)[1] for outside in inside]
        assert four[0] == four[1]


def test_the_stroke_width_is_that_of_lines_not_of_filled_shapes():
    picture = drawing(stroke_width=12).copy()
    picture[300:380, 20:100] = 255
    for y in range(10, 370, 40):  # where two lines have run together, and more of this than of single ones
        picture[y : y + 24, 300:390] = 255
    assert abs(preprocess(picture, QUICKDRAW).stroke_width - 12) < 2


@pytest.mark.parametrize("part", STROKE_WIDTH_LIMITS)
def test_strokes_of_a_large_bitmap_take_no_more_work_than_those_of_a_small_one(part, monkeypatch):
    sizes, real = [], stroke_width.centerline
    monkeypatch.setattr(
        stroke_width, "centerline", lambda mask, layers: sizes.append(max(mask.shape)) or real(mask, layers)
    )
    preprocessing = Preprocessing((1000, 1000, 1), 800.0, "box", (500.0, 500.0), 800 * part)
    bitmap = preprocess(INK, preprocessing).bitmap
    assert sizes and max(sizes) <= stroke_width.MAX_WORK_SIDE + 3 and bitmap.any()


@pytest.mark.parametrize("order", ["C", "F"])
def test_distances_and_centerlines_do_not_depend_on_the_order_in_memory(order):
    rng = np.random.default_rng(0)
    for reach in (1, 4, 40):
        mask = rng.random((30, 20)) < 0.05
        expected = np.minimum(ndimage.distance_transform_edt(~mask), reach + 1) if mask.any() else reach + 1.0
        np.testing.assert_allclose(distance(np.asarray(mask, order=order), reach), expected, rtol=1e-6)
        ink = ~mask
        assert np.array_equal(centerline(np.asarray(ink, order=order), reach), centerline(ink.copy(), reach))
    assert (distance(np.zeros((3, 3), bool, order), 2) == 3).all()


def test_a_width_by_outline_is_the_same_measured_in_bands(monkeypatch):
    ink = INK.astype(np.float32) / 255
    whole = width_by_outline(ink)
    monkeypatch.setattr(stroke_width, "BAND", 1)
    assert width_by_outline(ink) == pytest.approx(whole, rel=1e-5)
    bar = np.pad(np.ones((200, 10), np.float32), 3)
    assert width_by_outline(bar) == pytest.approx(2 * 2000 / 420, rel=0.01)
