from functools import partial

import numpy as np
import pytest

from jaxdoodle.plots import confusion
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
    "confusion, 345 classes": partial(confusion.confusion_matrix, matrix=SPARSE, classes=MANY),
    "histogram": partial(confusion.class_histogram, labels=LABELS, classes=DIGITS),
    "histogram, 345 classes": partial(confusion.class_histogram, labels=np.arange(345), classes=MANY),
    "histogram, uneven": partial(confusion.class_histogram, labels=np.zeros(99, int), classes=MANY),
}


def draw(name, pages, tmp_path):
    CASES[name](path=tmp_path / "figure.png", title="x")
    return pages[-1]


def test_every_figure_has_a_case():
    assert figures_of(confusion) == {case.func for case in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_a_figure_is_a_small_png_on_which_every_text_can_be_read(name, pages, tmp_path):
    check_readable(draw(name, pages, tmp_path), tmp_path / "figure.png")


def test_a_confusion_matrix_shows_every_count_and_each_recall(pages, tmp_path):
    said = texts_of(draw("confusion, digits", pages, tmp_path))
    assert {f"{count:,}" for count in CONFUSION.ravel() if count} <= set(said)
    recalls = 100 * np.diag(CONFUSION) / CONFUSION.sum(axis=1)
    assert {f"{recall:.1f} %" for recall in recalls} <= set(said)
    assert any(f"{np.trace(CONFUSION):,} of {CONFUSION.sum():,} right" in text for text in said)


def test_a_large_confusion_matrix_lists_the_most_frequent_mistake_and_dots_the_common_ones(pages, tmp_path):
    page = draw("confusion, 345 classes", pages, tmp_path)
    worst = np.diag(SPARSE, 1).argmax()
    assert f"{SPARSE[worst, worst + 1]} of {SPARSE[worst].sum()}" in texts_of(page)
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
    page = draw(name, pages, tmp_path)
    counts, bars = (np.bincount(LABELS), "get_width") if name == "histogram" else (np.ones(345), "get_height")
    assert [getattr(bar, bars)() for bar in page.axes[0].patches] == counts.tolist()
    assert any(f"{counts.sum():,.0f} images of {len(counts)} classes" in text for text in texts_of(page))
