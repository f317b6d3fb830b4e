"""Every figure, on small and on awkward input: what it writes, what it says, and that nothing falls off the page."""

import inspect
import re
import subprocess
import sys
from functools import partial
from itertools import combinations

import matplotlib
import matplotlib.figure
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.text import Annotation
from PIL import Image

from jaxdoodle.core.errors import install_hint
from jaxdoodle.metrics import wilson_interval
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn
from jaxdoodle.nn.spec import LAYER_TYPES, AvgPool2D, BatchNorm, Conv2D, LeakyReLU, ModelSpec
from jaxdoodle.plots import confusion, curves, image_grids, network, style

DIGITS = [str(i) for i in range(10)]
LONG = ["The Great Wall of China", "aircraft carrier", "roller coaster", "$\\cat$"]
MANY = [f"{LONG[i % 4]} {i}" for i in range(345)]

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 28, 28, 1), np.uint8)
LABELS = RNG.integers(0, 10, 60)
ANSWERS = np.where(np.arange(60) < 7, (LABELS + 1) % 10, LABELS)
CONFUSION = RNG.integers(0, 1500, (10, 10))
SPARSE = np.diag(RNG.integers(0, 90, 345)) + np.diag(RNG.integers(0, 30, 344), 1)
FILTER = np.ones((3, 3), np.float32) / 9
EDGES = np.array([[1, 0, -1]] * 3, np.float32)

VALIDATED = {"training": ([2, 1, 0.5], 48_000), "validation": ([1, 1, 0.9], 12_000)}
SCORED = {"training": ([90, 99], 100), "validation": ([10, 9], 10)}
PREDICTED = {"images": IMAGES, "labels": LABELS, "predicted": ANSWERS}
LONG_PREDICTED = {"images": IMAGES, "labels": LABELS % 4, "predicted": ANSWERS % 4}
RESPONSES = {"box blur": (FILTER, np.eye(7)), "edges": (EDGES, -np.eye(7))}

CASES = {
    "loss": partial(curves.loss_curve, **VALIDATED),
    "loss, training only": partial(curves.loss_curve, training=(np.arange(90.0), 5)),
    "loss, one epoch": partial(curves.loss_curve, training=([2.3], 5)),
    "cost": partial(curves.cost_curve, costs=[2.3, 0.3, 0.1], reported={0: 2.31, 2: 0.11}, images=1000),
    "accuracy": partial(curves.accuracy_curves, **SCORED),
    "accuracy, training only": partial(curves.accuracy_curves, training=([90, 99], 100)),
    "confusion, digits": partial(confusion.confusion_matrix, matrix=CONFUSION, classes=DIGITS),
    "confusion, long names": partial(confusion.confusion_matrix, matrix=CONFUSION[:4, :4], classes=LONG),
    "confusion, 20 classes": partial(confusion.confusion_matrix, matrix=SPARSE[:20, :20], classes=MANY[:20]),
    "confusion, 345 classes": partial(confusion.confusion_matrix, matrix=SPARSE, classes=MANY),
    "histogram": partial(confusion.class_histogram, labels=LABELS, classes=DIGITS),
    "histogram, 345 classes": partial(confusion.class_histogram, labels=np.arange(345), classes=MANY),
    "histogram, uneven": partial(confusion.class_histogram, labels=np.zeros(99, int), classes=MANY),
    "samples": partial(image_grids.samples, images=IMAGES, labels=LABELS, classes=DIGITS),
    "samples, 345 classes": partial(image_grids.samples, images=IMAGES, labels=LABELS, classes=MANY),
    "predictions": partial(image_grids.prediction_grid, **PREDICTED, classes=DIGITS),
    "predictions, long names": partial(image_grids.prediction_grid, **LONG_PREDICTED, classes=LONG),
    "kernels of a first layer": partial(image_grids.kernel_gallery, kernels=RNG.normal(size=(5, 5, 1, 8))),
    "kernels of a deep layer": partial(image_grids.kernel_gallery, kernels=RNG.normal(size=(3, 3, 9, 64))),
    "kernels, all zero": partial(image_grids.kernel_gallery, kernels=np.zeros((5, 5, 1, 2))),
    "filters": partial(image_grids.filter_gallery, picture=np.eye(9), filters=RESPONSES),
    "diagram, mlp": partial(network.model_diagram, spec=mlp(DIGITS, drop_rate=0.2)),
    "diagram, digit cnn": partial(network.model_diagram, spec=digit_cnn(DIGITS)),
    "diagram, sketch cnn": partial(network.model_diagram, spec=sketch_cnn(MANY)),
}


def _says(page):
    return [text.get_text().replace("\u00a0", " ").replace("\n", " ") for text in page.drawn]


def _draw(name, pages, tmp_path):
    CASES[name](path=tmp_path / "figure.png", title="x")
    return pages[-1]


def test_every_figure_has_a_case():
    figures = {
        function
        for module in (curves, network, image_grids, confusion)
        for function in vars(module).values()
        if inspect.isfunction(function) and {"path", "title"} <= set(inspect.signature(function).parameters)
    }
    assert figures == {case.func for case in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_a_figure_is_a_small_png_on_which_every_text_can_be_read(name, pages, tmp_path):
    page = _draw(name, pages, tmp_path)
    with Image.open(tmp_path / "figure.png") as image:
        assert image.format == "PNG"
        assert image.width == round(style.WIDTH * style.DPI)
        assert len(image.convert("RGB").getcolors(2**20)) > 4
    assert (tmp_path / "figure.png").stat().st_size < 150_000
    width, height = page.bbox.size
    boxes = [(text.get_text(), text.get_window_extent()) for text in page.drawn if not isinstance(text, Annotation)]
    for text, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, f"{text!r} leaves the page"
    for (one, a), (other, b) in combinations(boxes, 2):
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across <= 2 or down <= 2, f"{one!r} and {other!r} overlap"


def test_the_same_drawing_gives_the_same_bytes(tmp_path):
    for copy in ("a", "b"):
        CASES["predictions"](path=tmp_path / copy, title="x")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_users_matplotlib_settings_are_neither_used_nor_changed(tmp_path):
    CASES["loss"](path=tmp_path / "plain", title="x")
    dark = {"axes.facecolor": "black", "figure.facecolor": "black", "font.size": 30}
    with matplotlib.rc_context(dark):
        before = dict(matplotlib.rcParams)
        CASES["loss"](path=tmp_path / "dark", title="x")
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "dark").read_bytes()


def test_no_figure_needs_pyplot_and_no_import_of_the_report_needs_matplotlib(tmp_path):
    code = f"""
import sys
from jaxdoodle.plots import confusion, curves, image_grids, network
assert "matplotlib" not in sys.modules
curves.loss_curve(([1.0], 1), {str(tmp_path / "figure.png")!r}, title="x")
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=re.escape(f"figures need matplotlib; {install_hint('train')}.")):
        CASES["loss"](path=tmp_path / "figure.png", title="x")


def test_a_drawing_that_fails_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError), style.figure(tmp_path / "figure.png", 1, "title", "note"):
        raise RuntimeError
    assert not (tmp_path / "figure.png").exists()


def test_a_loss_curve_shows_its_values_from_epoch_one(pages, tmp_path):
    page = _draw("loss", pages, tmp_path)
    training, validation = page.axes[0].lines
    np.testing.assert_array_equal(training.get_xydata(), [[1, 2], [2, 1], [3, 0.5]])
    np.testing.assert_array_equal(validation.get_ydata(), [1, 1, 0.9])
    note = "Mean over 48,000 training images while their epoch ran; over 12,000 validation images after it"
    assert note in _says(page)


def test_a_cost_curve_starts_before_the_first_step_and_carries_the_reported_values(pages, tmp_path):
    here, reported = _draw("cost", pages, tmp_path).axes[0].lines
    np.testing.assert_array_equal(here.get_xydata(), [[0, 2.3], [1, 0.3], [2, 0.1]])
    np.testing.assert_array_equal(reported.get_xydata(), [[0, 2.31], [2, 0.11]])


def test_an_accuracy_curve_names_running_averages_and_the_best_epoch(pages, tmp_path):
    page = _draw("accuracy", pages, tmp_path)
    training, validation = page.axes[0].lines
    np.testing.assert_allclose(training.get_ydata(), [90, 99])
    np.testing.assert_allclose(validation.get_ydata(), [100, 90])
    assert "training (running average)" in _says(page)
    assert "validation (best 100.00 % after epoch 1)" in _says(page)
    (band,) = page.axes[0].collections
    low, high = (100 * np.array(ends) for ends in zip(wilson_interval(10, 10), wilson_interval(9, 10), strict=True))
    points = {(round(x), round(y, 9)) for x, y in band.get_paths()[0].vertices}
    assert points == {(1, round(low[0], 9)), (2, round(low[1], 9)), (1, round(high[0], 9)), (2, round(high[1], 9))}


def test_a_confusion_matrix_shows_every_count_and_each_recall(pages, tmp_path):
    said = _says(_draw("confusion, digits", pages, tmp_path))
    assert {f"{count:,}" for count in CONFUSION.ravel() if count} <= set(said)
    recalls = 100 * np.diag(CONFUSION) / CONFUSION.sum(axis=1)
    assert {f"{recall:.1f} %" for recall in recalls} <= set(said)
    assert any(f"{np.trace(CONFUSION):,} of {CONFUSION.sum():,} right" in text for text in said)


def test_a_large_confusion_matrix_lists_the_most_frequent_mistake_and_dots_the_common_ones(pages, tmp_path):
    page = _draw("confusion, 345 classes", pages, tmp_path)
    worst = np.diag(SPARSE, 1).argmax()
    assert f"{SPARSE[worst, worst + 1]} of {SPARSE[worst].sum()}" in _says(page)
    shares = np.diag(SPARSE, 1) / np.maximum(SPARSE.sum(axis=1)[:-1], 1)
    common = np.flatnonzero((shares >= confusion.LEAST_DOT) & (np.diag(SPARSE, 1) > 1))
    assert 0 < len(common) < np.count_nonzero(shares >= confusion.LEAST_DOT)
    (dots,) = page.axes[0].collections
    np.testing.assert_array_equal(dots.get_offsets(), np.stack([common + 1, common], axis=1))


def test_a_confusion_matrix_of_other_classes_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"of 4 classes is square; got \(10, 10\)"):
        confusion.confusion_matrix(CONFUSION, LONG, tmp_path / "figure.png", title="x")


@pytest.mark.parametrize("name", ["histogram", "histogram, 345 classes"])
def test_a_histogram_has_a_bar_for_each_class(name, pages, tmp_path):
    page = _draw(name, pages, tmp_path)
    counts, bars = (np.bincount(LABELS), "get_width") if name == "histogram" else (np.ones(345), "get_height")
    assert [getattr(bar, bars)() for bar in page.axes[0].patches] == counts.tolist()
    assert any(f"{counts.sum():,.0f} images of {len(counts)} classes" in text for text in _says(page))


def test_predictions_are_framed_green_where_right_and_red_where_wrong(pages, tmp_path):
    page = _draw("predictions", pages, tmp_path)
    frames = [to_hex(patch.get_edgecolor()) for patch in page.axes[0].patches]
    assert frames == [style.RED] * 7 + [style.GREEN] * 53
    captions = [text.get_text() for text in page.axes[0].texts]
    assert captions[6:8] == [f"{LABELS[6]} → {ANSWERS[6]}", f"{LABELS[7]}"]
    assert "60 images, 53 right (green), 7 wrong (red: true class → prediction)" in _says(page)


def test_pictures_are_shown_as_they_are_dark_ink_on_paper(pages, tmp_path):
    page = _draw("samples", pages, tmp_path)
    first = page.axes[0].images[0]
    np.testing.assert_array_equal(first.get_array(), IMAGES[np.flatnonzero(LABELS == 0)[0], :, :, 0])
    assert (first.norm.vmin, first.norm.vmax, first.get_cmap().name) == (0, 255, "gray_r")


def test_samples_show_at_most_twelve_of_each_class_in_its_row(pages, tmp_path):
    images, labels = np.zeros((20, 28, 28), np.uint8), np.array([0] * 15 + [1] * 5)
    image_grids.samples(images, labels, ["a", "b"], tmp_path / "figure.png", title="x")
    tops = [patch.get_y() // 1 for patch in pages[-1].axes[0].patches if isinstance(patch, Rectangle)]
    assert tops == [0] * 12 + [1] * 5


@pytest.mark.parametrize("images", [np.zeros((2, 28, 28)), np.zeros((28, 28), np.uint8)])
def test_images_that_are_not_bytes_are_refused(images, tmp_path):
    with pytest.raises(ValueError, match="images are uint8 of shape"):
        image_grids.samples(images, [0, 0], ["a"], tmp_path / "figure.png", title="x")


def test_a_label_and_a_prediction_for_every_image(tmp_path):
    with pytest.raises(ValueError, match="got 60, 60 and 59"):
        image_grids.prediction_grid(IMAGES, LABELS, ANSWERS[1:], DIGITS, tmp_path / "figure.png", title="x")


def test_kernels_share_one_scale_around_zero(pages, tmp_path):
    kernels = np.linspace(-2, 1, 5 * 5 * 11).reshape(5, 5, 1, 11)
    image_grids.kernel_gallery(kernels, tmp_path / "figure.png", title="x")
    shown = pages[-1].axes[0].images
    assert [(image.norm.vmin, image.norm.vmax) for image in shown] == [(-2, 2)] * 11
    for number, image in enumerate(shown):
        np.testing.assert_array_equal(image.get_array(), kernels[:, :, 0, number])


def test_kernels_of_a_deep_layer_stand_in_rows_by_channel_and_columns_by_filter(pages, tmp_path):
    kernels = RNG.normal(size=(3, 3, 2, 5))
    image_grids.kernel_gallery(kernels, tmp_path / "figure.png", title="x")
    page = pages[-1]
    shown = {
        (image.get_extent()[2] // 1, image.get_extent()[0] // 1): image.get_array() for image in page.axes[0].images
    }
    assert len(shown) == 10
    for (row, column), array in shown.items():
        np.testing.assert_array_equal(array, kernels[:, :, int(row), int(column)])
    assert not any("the first" in text for text in _says(page))


def test_a_filter_gallery_shows_kernels_as_fractions_and_edges_around_zero(pages, tmp_path):
    page = _draw("filters", pages, tmp_path)
    assert "1/9 1/9 1/9 1/9 1/9 1/9 1/9 1/9 1/9" in _says(page)
    blurred, edges = page.axes[1].images[0], page.axes[2].images[0]
    assert (blurred.norm.vmin, blurred.norm.vmax) == (0, 1)
    assert (edges.norm.vmin, edges.norm.vmax) == (-1, 1)


def test_a_diagram_names_every_layer_with_its_shape_and_its_parameters(pages, tmp_path):
    page = _draw("diagram, digit cnn", pages, tmp_path)
    said = _says(page)
    layers = ["Input"] + [type(layer).__name__ for layer in digit_cnn(DIGITS).layers]
    assert [text for text in said if text in {"Input", *LAYER_TYPES}] == layers
    shapes = ["28×28×1", "24×24×8", "24×24×8", "12×12×8", "8×8×16", "8×8×16", "4×4×16"]
    assert [text for text in said if "×" in text and " " not in text] == shapes
    assert [text for text in said if text in {"208", "3,216", "32,896", "1,290"}] == ["208", "3,216", "32,896", "1,290"]
    assert "x: a network of 37,610 parameters" in said
    boxes = [patch for patch in page.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    learning = [i for i, box in enumerate(boxes) if to_hex(box.get_edgecolor()) == style.BLUE]
    assert learning == [i for i, layer in enumerate(layers) if layer in {"Conv2D", "Dense"}]


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Conv2D(8, (5, 3), padding="SAME"), "filters 8, kernel size 5×3, padding SAME"),
        (Conv2D(8, 5, stride=2), "filters 8, kernel size 5×5, stride 2×2, padding VALID"),
        (AvgPool2D(3), "window 3×3"),
        (AvgPool2D(3, 2), "window 3×3, stride 2×2"),
        (LeakyReLU(), "slope 0.1"),
        (BatchNorm(), "momentum 0.9, epsilon 1e-05"),
    ],
)
def test_a_layer_is_told_by_its_settings(layer, text, tmp_path):
    assert network.settings(layer) == text


def test_a_diagram_takes_a_network_without_layers_or_without_images(tmp_path):
    network.model_diagram(ModelSpec((), (28, 28, 1)), tmp_path / "empty.png", title="x")
    network.model_diagram(ModelSpec((LeakyReLU(),), (4,)), tmp_path / "flat.png", title="x")
