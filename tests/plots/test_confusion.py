from functools import partial

import numpy as np
import pytest

from jaxdoodle.plots import confusion
from jaxdoodle.plots.style import fit
from tests.fixtures.pages import check_readable, figures_of, texts_of

DIGITS = [str(i) for i in range(10)]
LONG = ["The Great Wall of China", "aircraft carrier", "roller coaster", "$\\cat$"]
MANY = [f"{LONG[i % 4]} {i}" for i in range(345)]
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 10, 60)
CONFUSION = RNG.integers(0, 1500, (10, 10))
SPARSE = np.diag(RNG.integers(0, 90, 345)) + np.diag(RNG.integers(0, 30, 344), 1)
CASES = {
    "confusion, digits": partial(confusion.confusion_matrix, matrix=CONFUSION, classes=DIGITS),
    "confusion, long names": partial(confusion.confusion_matrix, matrix=CONFUSION[:4, :4], classes=LONG),
    "confusion, 20 classes": partial(confusion.confusion_matrix, matrix=SPARSE[:20, :20], classes=MANY[:20]),
    "confusion, 41 classes": partial(
        confusion.confusion_matrix,
        matrix=SPARSE[:41, :41],
        classes=MANY[:41],
        examples=lambda true, predicted: np.full((2, 28, 28), true, np.uint8),
    ),
    "confusion, 345 classes": partial(confusion.confusion_matrix, matrix=SPARSE, classes=MANY),
    "histogram": partial(confusion.class_histogram, labels=LABELS, classes=DIGITS),
    "histogram, 345 classes": partial(confusion.class_histogram, labels=np.arange(345), classes=MANY),
    "histogram, uneven": partial(confusion.class_histogram, labels=np.zeros(99, int), classes=MANY[:90]),
}


def draw(name, pages, tmp_path):
    CASES[name](path=tmp_path / "figure.png", title="x")
    return pages[-1]


def test_every_figure_has_a_case():
    assert figures_of(confusion) == {case.func for case in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_a_figure_is_a_small_png_on_which_every_text_can_be_read(name, pages, tmp_path):
    largest = 200_000 if "histogram, " in name else 150_000  # bytes: 690 texts
    check_readable(draw(name, pages, tmp_path), tmp_path / "figure.png", largest)


def test_a_confusion_matrix_shows_every_count_and_each_recall(pages, tmp_path):
    said = texts_of(draw("confusion, digits", pages, tmp_path))
    assert {f"{count:,}" for count in CONFUSION.ravel() if count} <= set(said)
    recalls = 100 * np.diag(CONFUSION) / CONFUSION.sum(axis=1)
    assert {f"{recall:.1f} %" for recall in recalls} <= set(said)
    assert any(f"{np.trace(CONFUSION):,} of {CONFUSION.sum():,} right" in text for text in said)


def test_a_large_confusion_matrix_lists_the_most_frequent_mistake_among_the_classes_confused_most(pages, tmp_path):
    page = draw("confusion, 345 classes", pages, tmp_path)
    worst = np.diag(SPARSE, 1).argmax()
    assert f"{SPARSE[worst, worst + 1]} of {SPARSE[worst].sum()}" in texts_of(page)
    named = [text.get_text() for text in page.axes[0].get_yticklabels()]
    assert len(named) == confusion.LEAST_NAMED and fit(MANY[worst], 16) in named
    assert named == [text.get_text() for text in page.axes[0].get_xticklabels()]
    assert any("of the 36 classes confused most" in text for text in texts_of(page))


UNEVEN = np.array([[60, 30, 10], [0, 4, 1], [7, 0, 0]])


def test_a_count_stands_in_the_row_of_its_true_and_the_column_of_its_predicted_class(pages, tmp_path):
    confusion.confusion_matrix(UNEVEN, DIGITS[:3], tmp_path / "figure.png", title="x")
    axes = pages[-1].axes[0]
    place = {text.get_position(): text.get_text() for text in axes.texts}
    assert {(j, i): place.get((j + 0.5, i + 0.5), "0") for i in range(3) for j in range(3)} == {
        (j, i): str(UNEVEN[i, j]) for i in range(3) for j in range(3)
    }
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert axes.get_ylim() == (3, 0) and axes.get_xlim() == (0, 3)
    assert [place[3.15, i + 0.5] for i in range(3)] == ["60.0 %", "80.0 %", "0.0 %"]


def test_the_shade_of_a_cell_is_its_share_of_the_class(pages, tmp_path):
    """The diagonal's color is its share, that of a mistake the square root of its share."""
    confusion.confusion_matrix(UNEVEN, DIGITS[:3], tmp_path / "figure.png", title="x")
    right, wrong = (mesh.get_array() for mesh in pages[-1].axes[0].collections)
    shares = UNEVEN / UNEVEN.sum(axis=1, keepdims=True)
    assert (
        right.compressed().tolist() == np.diag(shares).tolist()
        and wrong.mask.tolist() == np.eye(3, dtype=bool).tolist()
    )
    np.testing.assert_allclose(wrong.filled(0) ** 2, shares * (1 - np.eye(3)), rtol=1e-12)
    assert [mesh.get_clim() for mesh in pages[-1].axes[0].collections] == [(0, 1)] * 2


def test_a_large_matrix_lists_mistakes_from_the_true_class_to_the_predicted_one_with_drawings(pages, tmp_path):
    """Of class 2 all nine are taken for class 0, of class 1 one of ten; shades and bars are shares of the class."""
    matrix = np.diag(np.full(30, 9))
    matrix[2, 2], matrix[2, 0], matrix[1, 5] = 0, 9, 1
    names = [f"class {i}" for i in range(30)]
    asked = {(2, 0): 9, (1, 5): 1}
    examples = lambda true, predicted: np.full((asked[true, predicted], 8, 8, 1), 10 * true, np.uint8)  # noqa: E731
    confusion.confusion_matrix(matrix, names, tmp_path / "figure.png", title="x", examples=examples)
    cells, bars, beside = pages[-1].axes
    right, wrong = (mesh.get_array() for mesh in cells.collections)
    np.testing.assert_allclose(right.filled(0), np.diag(np.diag(matrix) / matrix.sum(axis=1)))
    assert np.flatnonzero(wrong.filled(0)).tolist() == [35, 60] and wrong[2, 0] == 1
    assert (cells.get_xlabel(), cells.get_ylabel()) == ("predicted", "true")
    widths = np.ones(30)
    widths[[1, 2]] = 0.9, 0
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], widths)
    listed = [text.get_text().replace("\u00a0", " ") for text in beside.texts]
    assert listed[1:] == ["class 2 \u2192 class 0", "9 of 9", "class 1 \u2192 class 5", "1 of 10"]
    assert [axes.images[0].get_array().mean() for axes in beside.child_axes] == [20, 20, 20, 10]


@pytest.mark.parametrize("counts", [np.arange(41), np.arange(1, 400)[::-1] % 97 + 1], ids=["41 classes", "399 classes"])
def test_beyond_forty_classes_the_bars_are_in_columns_largest_first_and_named(counts, pages, tmp_path):
    labels = np.repeat(np.arange(len(counts)), counts)
    confusion.class_histogram(labels, [f"kind {i}" for i in range(len(counts))], tmp_path / "figure.png", title="x")
    columns = pages[-1].axes
    assert len(columns) == (2 if len(counts) == 41 else 5)
    assert [bar.get_width() for axes in columns for bar in axes.patches] == sorted(counts.tolist(), reverse=True)
    order = np.argsort(-counts, kind="stable")
    assert [text.get_text() for axes in columns for text in axes.get_yticklabels()] == [f"kind {i}" for i in order]
    least, most = int(counts.argmin()), int(counts.argmax())
    said = f"from {counts[least]:,} (class kind {least}) to {counts[most]:,} (class kind {most}), median"
    assert any(said in text for text in texts_of(pages[-1]))


def test_a_confusion_matrix_of_other_classes_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"of 4 classes is square; got \(10, 10\)"):
        confusion.confusion_matrix(CONFUSION, LONG, tmp_path / "figure.png", title="x")


def test_a_histogram_has_a_bar_for_each_class(pages, tmp_path):
    page = draw("histogram", pages, tmp_path)
    counts = np.bincount(LABELS)
    assert [bar.get_width() for axes in page.axes for bar in axes.patches] == counts.tolist()
    assert any(f"{counts.sum():,.0f} images of {len(counts)} classes" in text for text in texts_of(page))
