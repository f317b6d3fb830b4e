import tracemalloc
from itertools import islice

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.strokes import raster
from jaxdoodle.strokes.raster import paint, rasterize
from jaxdoodle.strokes.readers import read_drawings
from tests.fixtures.drawings import DRAWINGS


def by_cairo(drawing, size, line_width, padding):
    """As Quick, Draw! renders."""
    cairo = pytest.importorskip("cairocffi", reason="needs cairocffi, the reference")
    surface = cairo.ImageSurface(cairo.FORMAT_A8, size, size)
    context = cairo.Context(surface)
    context.set_antialias(cairo.ANTIALIAS_BEST)
    context.set_line_cap(cairo.LINE_CAP_ROUND)
    context.set_line_join(cairo.LINE_JOIN_ROUND)
    context.set_line_width(line_width)
    context.scale(size / (256 + 2 * padding + line_width), size / (256 + 2 * padding + line_width))
    offset = [(256 - max(max(stroke[axis]) for stroke in drawing)) / 2 + padding + line_width / 2 for axis in (0, 1)]
    for x, y in drawing:
        context.move_to(x[0] + offset[0], y[0] + offset[1])
        for point in zip(x, y, strict=True):
            context.line_to(point[0] + offset[0], point[1] + offset[1])
        context.stroke()
    rows = np.frombuffer(bytes(surface.get_data()), np.uint8).reshape(size, surface.get_stride())
    return rows[:, :size].astype(int)


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize(
    "size, line_width, padding", [(28, 16, 16), (28, 40, 5), (64, 16, 16), (200, 9, 0), (40, 6, 30)]
)
def test_rendering_agrees_with_cairo(name, size, line_width, padding):
    rendered = rasterize([DRAWINGS[name]], size, line_width, padding)[0].astype(int)
    expected = by_cairo(DRAWINGS[name], size, line_width, padding)
    assert expected.any()
    assert np.abs(rendered - expected).max() <= 20  # one of the fifteen lines of a pixel is 17
    assert np.abs(rendered - expected)[(rendered > 0) | (expected > 0)].mean() <= 5


@pytest.mark.parametrize("most", [150, pytest.param(None, marks=pytest.mark.slow)])
def test_official_bitmaps_are_reproduced(most, data_root):
    folder = data_root / "quickdraw" / "full"
    errors = []
    for path in sorted((folder / "simplified").glob("*.ndjson")):
        official = np.load(folder / "numpy_bitmap" / f"{path.stem}.npy").reshape(-1, 28, 28).astype(np.int16)
        rendered = rasterize(list(islice(read_drawings(path), most)))
        class_errors = np.abs(official[: len(rendered)] - rendered).mean((1, 2))
        for index in np.flatnonzero(class_errors > 5):  # in some files the rows are not in the order of the lines
            class_errors[index] = np.abs(official - rendered[index]).mean((1, 2)).min()
        errors.append(class_errors)
    errors = np.concatenate(errors)
    assert len(errors) > (4_000 if most else 15_000)
    assert errors.mean() <= 0.2
    assert errors.max() <= 1.5


def test_rendering_does_not_depend_on_what_else_is_rendered():
    drawings = list(DRAWINGS.values()) * 20
    together = rasterize(drawings)
    assert together.shape == (len(drawings), 28, 28) and together.dtype == np.uint8
    for drawing, image in zip(DRAWINGS.values(), together[-len(DRAWINGS) :], strict=True):
        np.testing.assert_array_equal(rasterize([drawing])[0], image)


def test_memory_does_not_grow_with_the_number_of_drawings():
    def peak(count):
        tracemalloc.start()
        images = rasterize([DRAWINGS["a scribble"]] * count)
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high - images.nbytes

    assert peak(500) < 1.5 * peak(100)


def test_a_drawing_too_large_for_its_band_is_painted_the_same(monkeypatch):
    drawings = [DRAWINGS["many strokes"], DRAWINGS["a scribble"]]
    whole = rasterize(drawings, 50)
    for rows in (1, 7):
        load = sum(len(drawing) * 50 + 15 * sum(len(x) - 1 for x, _ in drawing) for drawing in drawings[:1])
        monkeypatch.setattr(raster, "_BAND_SIZE", rows * load)
        apart = np.abs(rasterize(drawings, 50).astype(int) - whole)
        assert apart.max() <= 17 and (apart > 1).mean() < 1e-3  # a line may fall on the other side of an edge


def test_painting_takes_any_shape_scale_stroke_width_and_place():
    dot, line = [([10], [20])], [([0, 10], [0, 0])]
    images = paint([dot, line], (20, 30), 2.0, 4.0, np.array([[-10.0, -30.0], [5.0, 10.0]]))
    assert images.shape == (2, 20, 30)
    rows, columns = (np.arange(n) + 0.5 for n in (20, 30))
    ink = images / 255
    assert ink[0].sum() == pytest.approx(np.pi * 4, rel=0.05)
    assert (columns @ ink[0].sum(0) / ink[0].sum(), rows @ ink[0].sum(1) / ink[0].sum()) == pytest.approx((10, 10))
    assert ink[1].sum() == pytest.approx(20 * 4 + np.pi * 4, rel=0.02)
    assert (columns @ ink[1].sum(0) / ink[1].sum(), rows @ ink[1].sum(1) / ink[1].sum()) == pytest.approx((15, 10))


def test_many_strokes_on_a_large_bitmap_take_little_memory_and_are_all_painted(monkeypatch):
    rng = np.random.default_rng(0)
    drawing = [([x], [y]) for x, y in rng.integers(0, 400, (10_000, 2)).tolist()]
    some = drawing[:50]
    whole = paint([some], (20, 400), 1.0, 3.0, np.zeros((1, 2)))
    tracemalloc.start()
    bitmap = paint([drawing], (20, 400), 1.0, 3.0, np.zeros((1, 2)))
    high = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert high < 80e6 and (bitmap >= whole).all() and bitmap.sum() > 2 * whole.sum()
    monkeypatch.setattr(raster, "_BAND_SIZE", 400 * 7)  # seven strokes at a time
    np.testing.assert_array_equal(paint([some], (20, 400), 1.0, 3.0, np.zeros((1, 2))), whole)


def test_a_single_huge_stroke_takes_little_memory():
    x, y = np.random.default_rng(0).integers(0, 256, (2, 20_000)).tolist()
    tracemalloc.start()
    rasterize([[(x, y)]], 28)
    high = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert high < 2e8


def test_no_drawings_give_no_images():
    assert rasterize([]).shape == (0, 28, 28)


def test_a_drawing_is_centered_by_its_maximum():
    row, column = (
        np.average(np.arange(28), weights=rasterize([[([0, 255], [0, 100])]])[0].sum(axis)) for axis in (1, 0)
    )
    assert column == pytest.approx(13.5, abs=0.1)
    assert row == pytest.approx(13.5, abs=0.1)


def test_ink_of_one_stroke_is_a_union_and_ink_of_two_is_laid_over():
    once, back_and_forth, twice = (
        rasterize([drawing])[0].astype(float) / 255
        for drawing in (
            [([0, 255], [0, 90])],
            [([0, 255, 0], [0, 90, 0])],
            [([0, 255], [0, 90]), ([0, 255], [0, 90])],
        )
    )
    np.testing.assert_array_equal(back_and_forth, once)
    np.testing.assert_allclose(twice, 1 - (1 - once) ** 2, atol=0.01)


def test_what_lies_outside_the_image_is_cut_off():
    corner, far = ([0], [0]), ([5000], [5000])
    assert rasterize([[corner]])[0].any()
    assert not rasterize([[corner, far]])[0].any()
    assert rasterize([[([2000, 3000], [2500, 2500]), far]])[0].any(axis=0).all()


@pytest.mark.parametrize("arguments", [{"size": 0}, {"line_width": 0}, {"padding": -1}])
def test_impossible_renderings_are_refused(arguments):
    with pytest.raises(InputError, match="size and line_width are above 0"):
        rasterize([DRAWINGS["box"]], **arguments)
