from functools import partial

import numpy as np
import pytest

from jaxdoodle.data import synthetic
from jaxdoodle.plots import dataset
from jaxdoodle.plots.dataset import SHEET, contact_sheet, extremes, stroke_order, typical_drawings
from tests.fixtures.pages import check_readable, figures_of, texts_of

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 28, 28, 1), np.uint8)
LONG = [f"The Great Wall of China {i} $x$" for i in range(345)]
STAR = [[[i, 50 + 40 * np.cos(i)], [i, 50 + 40 * np.sin(i)]] for i in range(30)]
RAW = [[[0.5, 9.5], [3, 3], [100, 600]], [[5], [9], [2100]]]

CASES = {
    "sheet": partial(contact_sheet, IMAGES),
    "full sheet": partial(contact_sheet, np.repeat(IMAGES, 5, axis=0)),
    "sheet of one": partial(contact_sheet, IMAGES[:1]),
    "typical": partial(typical_drawings, IMAGES, np.arange(60) % 10, [str(i) for i in range(10)]),
    "typical of many": partial(typical_drawings, IMAGES, np.arange(60) % 345, LONG),
    "typical of few": partial(typical_drawings, IMAGES[:3], np.array([0, 0, 2]), ["a", "b", "c"]),
    "strokes": partial(stroke_order, [[[0, 255, 255], [0, 0, 90]], [[40, 40], [10, 80]]]),
    "strokes, many": partial(stroke_order, STAR),
    "strokes, raw": partial(stroke_order, RAW),
    "strokes, a dot": partial(stroke_order, [[[7], [7]]]),
    "strokes, all from one point": partial(stroke_order, [[[0, i], [0, 50]] for i in range(12)]),
}


@pytest.fixture
def page(pages, request, tmp_path):
    """The figure of a case, and the file."""
    CASES[request.param](tmp_path / "figure.png", title="x")
    return pages[-1], tmp_path / "figure.png"


def says(figure):
    return " ".join(texts_of(figure))


def test_every_figure_has_a_case():
    assert figures_of(dataset) == {case.func for case in CASES.values()}


@pytest.mark.parametrize("page", CASES, indirect=True)
def test_every_text_can_be_read(page):
    check_readable(*page, largest=600_000)  # noise compresses badly


@pytest.mark.parametrize("page", ["full sheet"], indirect=True)
def test_a_full_sheet_is_spread_over_all_drawings(page):
    figure, _ = page
    assert f"{SHEET[0] * SHEET[1]} of 300 drawings, evenly spread" in says(figure)
    (mosaic,) = figure.axes[0].images
    shown = mosaic.get_array()
    assert shown.shape == (SHEET[0] * 28, SHEET[1] * 28)
    np.testing.assert_array_equal(shown[:28, :28], IMAGES[0, ..., 0])
    np.testing.assert_array_equal(shown[-28:, -28:], IMAGES[-1, ..., 0])
    np.testing.assert_array_equal(shown[:28, 28:56], IMAGES[int(299 / 191) // 5, ..., 0])


@pytest.mark.parametrize("page", ["sheet"], indirect=True)
def test_a_small_class_is_shown_whole(page):
    figure, _ = page
    assert "all 60 drawings" in says(figure)
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown[28:56, 56:84], IMAGES[SHEET[1] + 2, ..., 0])
    assert not shown[-28:, 12 * 28 :].any()


@pytest.mark.parametrize("page", ["strokes, raw"], indirect=True)
def test_strokes_are_numbered_where_they_begin(page):
    figure, _ = page
    assert "2 strokes, 3 points" in says(figure) and "Drawn in 2.0 s." in says(figure)
    large, *steps = figure.axes
    begins = {text.get_text(): text.get_position() for text in large.texts if text.get_text()}
    assert begins == {"1": (0.5, 3), "2": (5, 9)}
    assert [len(axes.lines) for axes in steps] == [1, 2]
    assert large.get_ylim()[0] > large.get_ylim()[1]  # y points down


@pytest.mark.parametrize("page", ["strokes, many"], indirect=True)
def test_of_many_strokes_the_panels_reach_from_the_first_to_the_last(page):
    counts = [len(axes.lines) for axes in page[0].axes[1:]]
    assert len(counts) == dataset.PANELS and counts[0] == 1 and counts[-1] == 30


def test_the_least_typical_are_those_of_another_class():
    clocks = synthetic.generate("clock", 40, np.random.default_rng(1))
    mixed = np.concatenate([clocks, synthetic.generate("headphones", 2, np.random.default_rng(2))])
    near, far = extremes(mixed, 4)
    assert {40, 41} <= set(far) and not {40, 41} & set(near)
    assert [len(half) for half in extremes(mixed[:5], 6)] == [3, 2]


@pytest.mark.parametrize("name", CASES)
def test_equal_drawings_give_equal_bytes(name, tmp_path):
    for copy in ("a", "b"):
        CASES[name](tmp_path / copy, title="x")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
