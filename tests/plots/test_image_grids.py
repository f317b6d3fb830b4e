from functools import partial

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from jaxdoodle.plots import image_grids, style
from tests.fixtures.pages import check_readable, figures_of, texts_of

DIGITS = [str(i) for i in range(10)]
LONG = ["The Great Wall of China", "aircraft carrier", "roller coaster", "$\\cat$"]
MANY = [f"{LONG[i % 4]} {i}" for i in range(345)]
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 28, 28, 1), np.uint8)
LABELS = RNG.integers(0, 10, 60)
ANSWERS = np.where(np.arange(60) < 7, (LABELS + 1) % 10, LABELS)
FILTER = np.ones((3, 3), np.float32) / 9
EDGES = np.array([[1, 0, -1]] * 3, np.float32)
PREDICTED = {"images": IMAGES, "labels": LABELS, "predicted": ANSWERS}
LONG_PREDICTED = {"images": IMAGES, "labels": LABELS % 4, "predicted": ANSWERS % 4}
RESPONSES = {"box blur": (FILTER, np.eye(7)), "edges": (EDGES, -np.eye(7))}
CASES = {
    "samples": partial(image_grids.sample_grid, images=IMAGES, labels=LABELS, classes=DIGITS),
    "samples, 345 classes": partial(image_grids.sample_grid, images=IMAGES, labels=LABELS, classes=MANY),
    "predictions": partial(image_grids.prediction_grid, **PREDICTED, classes=DIGITS),
    "predictions, long names": partial(image_grids.prediction_grid, **LONG_PREDICTED, classes=LONG),
    "kernels of a first layer": partial(image_grids.kernel_grid, kernels=RNG.normal(size=(5, 5, 1, 8))),
    "kernels of a deep layer": partial(image_grids.kernel_grid, kernels=RNG.normal(size=(3, 3, 9, 64))),
    "kernels, all zero": partial(image_grids.kernel_grid, kernels=np.zeros((5, 5, 1, 2))),
    "filters": partial(image_grids.filter_grid, image=np.eye(9), filters=RESPONSES),
}


def draw(name, pages, tmp_path):
    CASES[name](path=tmp_path / "figure.png", title="x")
    return pages[-1]


def test_every_figure_has_a_case():
    assert figures_of(image_grids) == {case.func for case in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_a_figure_is_a_small_png_on_which_every_text_can_be_read(name, pages, tmp_path):
    check_readable(draw(name, pages, tmp_path), tmp_path / "figure.png")


def test_predictions_are_framed_green_where_right_and_red_where_wrong(pages, tmp_path):
    page = draw("predictions", pages, tmp_path)
    frames = [to_hex(patch.get_edgecolor()) for patch in page.axes[0].patches]
    assert frames == [style.RED] * 7 + [style.GREEN] * 53
    captions = [text.get_text() for text in page.axes[0].texts]
    assert captions[6:8] == [f"{LABELS[6]} → {ANSWERS[6]}", f"{LABELS[7]}"]
    assert "60 images, 53 right (green), 7 wrong (orange: true class → prediction)" in texts_of(page)


def test_pictures_are_shown_as_they_are_dark_ink_on_white(pages, tmp_path):
    page = draw("samples", pages, tmp_path)
    first = page.axes[0].images[0]
    np.testing.assert_array_equal(first.get_array(), IMAGES[np.flatnonzero(LABELS == 0)[0], :, :, 0])
    assert (first.norm.vmin, first.norm.vmax, first.get_cmap().name) == (0, 255, "gray_r")


def test_samples_show_at_most_twelve_of_each_class_in_its_row(pages, tmp_path):
    images, labels = np.zeros((20, 28, 28), np.uint8), np.array([0] * 15 + [1] * 5)
    image_grids.sample_grid(images, labels, ["a", "b"], tmp_path / "figure.png", title="x")
    tops = [patch.get_y() // 1 for patch in pages[-1].axes[0].patches if isinstance(patch, Rectangle)]
    assert tops == [0] * 12 + [1] * 5


@pytest.mark.parametrize("images", [np.zeros((2, 28, 28)), np.zeros((28, 28), np.uint8)])
def test_images_that_are_not_bytes_are_refused(images, tmp_path):
    with pytest.raises(ValueError, match="images are uint8 of shape"):
        image_grids.sample_grid(images, [0, 0], ["a"], tmp_path / "figure.png", title="x")


def test_a_label_and_a_prediction_for_every_image(tmp_path):
    with pytest.raises(ValueError, match="got 60, 60 and 59"):
        image_grids.prediction_grid(IMAGES, LABELS, ANSWERS[1:], DIGITS, tmp_path / "figure.png", title="x")


def test_kernels_share_one_scale_around_zero(pages, tmp_path):
    kernels = np.linspace(-2, 1, 5 * 5 * 11).reshape(5, 5, 1, 11)
    image_grids.kernel_grid(kernels, tmp_path / "figure.png", title="x")
    shown = pages[-1].axes[0].images
    assert [(image.norm.vmin, image.norm.vmax) for image in shown] == [(-2, 2)] * 11
    for number, image in enumerate(shown):
        np.testing.assert_array_equal(image.get_array(), kernels[:, :, 0, number])


def test_kernels_of_a_deep_layer_stand_in_rows_by_channel_and_columns_by_filter(pages, tmp_path):
    kernels = RNG.normal(size=(3, 3, 2, 5))
    image_grids.kernel_grid(kernels, tmp_path / "figure.png", title="x")
    page = pages[-1]
    shown = {
        (image.get_extent()[2] // 1, image.get_extent()[0] // 1): image.get_array() for image in page.axes[0].images
    }
    assert len(shown) == 10
    for (row, column), array in shown.items():
        np.testing.assert_array_equal(array, kernels[:, :, int(row), int(column)])
    assert not any("the first" in text for text in texts_of(page))


def test_a_filter_grid_shows_kernels_as_fractions_and_edges_around_zero(pages, tmp_path):
    page = draw("filters", pages, tmp_path)
    assert "1/9 1/9 1/9 1/9 1/9 1/9 1/9 1/9 1/9" in texts_of(page)
    blurred, edges = page.axes[1].images[0], page.axes[2].images[0]
    assert (blurred.norm.vmin, blurred.norm.vmax) == (0, 1)
    assert (edges.norm.vmin, edges.norm.vmax) == (-1, 1)
