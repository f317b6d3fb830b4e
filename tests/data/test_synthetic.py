import hashlib
import json

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.synthetic import CLASSES, generate, generate_drawing
from jaxdoodle.data.synthetic.outliers import generate_signs
from jaxdoodle.data.synthetic.scribbles import SCRIBBLES
from jaxdoodle.data.synthetic.signs import SIGNS, draw_sign
from jaxdoodle.preprocessing import MNIST
from jaxdoodle.strokes.drawing import check
from jaxdoodle.strokes.raster import rasterize

REPORT_CLASSES = ("headphones", "bucket", "clock", "pizza", "hexagon")


def test_the_report_s_five_classes_come_first():
    assert CLASSES[:5] == REPORT_CLASSES
    assert len(set(CLASSES)) == len(CLASSES) >= 8


@pytest.mark.parametrize("name", CLASSES)
def test_drawings_have_the_simplified_format(name):
    rng = np.random.default_rng(0)
    for _ in range(50):
        drawing = generate_drawing(name, rng)
        check(drawing)
        assert json.loads(json.dumps(drawing)) == [list(stroke) for stroke in drawing]
        x, y = (np.concatenate([stroke[axis] for stroke in drawing]) for axis in (0, 1))
        assert x.min() == y.min() == 0
        assert max(x.max(), y.max()) == 255


@pytest.mark.parametrize("name", CLASSES)
def test_bitmaps_look_like_those_of_quick_draw(name):
    images = generate(name, 100, np.random.default_rng(0))
    assert images.shape == (100, 28, 28) and images.dtype == np.uint8
    ink = (images > 127).mean((1, 2))
    assert 0.03 < ink.min() and ink.max() < 0.6
    for image in images:
        rows, columns = np.nonzero(image)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (25, 26)


@pytest.mark.parametrize("name", CLASSES)
def test_no_two_drawings_are_the_same(name):
    images = generate(name, 300, np.random.default_rng(0))
    assert len({hashlib.sha256(image).digest() for image in images}) == 300


def test_the_seed_decides_the_drawings():
    first, again, other = (generate("clock", 20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any((1, 2)).all()


def test_bitmaps_are_the_rendered_drawings():
    for name in CLASSES:
        drawing = generate_drawing(name, np.random.default_rng(3))
        np.testing.assert_array_equal(rasterize([drawing]), generate(name, 1, np.random.default_rng(3)))


def test_zero_drawings_can_be_generated():
    assert generate("clock", 0, np.random.default_rng(0)).shape == (0, 28, 28)


def test_an_unknown_class_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="no embedded doodles of 'zebra', only of headphones, bucket, "):
        generate_drawing("zebra", np.random.default_rng(0))
    with pytest.raises(InputError, match="zebra"):
        generate("zebra", 10, np.random.default_rng(0))


def ridge_classifier(names, count):
    """Learned from generated drawings: least squares on blurred pixels; weak, quick, the same on every machine."""
    rng = np.random.default_rng(0)
    x = features(np.concatenate([generate(name, count, rng) for name in names]))
    targets = np.repeat(2.0 * np.eye(len(names)) - 1, count, axis=0)
    weights = np.linalg.solve(x.T @ x + 30 * np.eye(x.shape[1]), x.T @ targets)
    return lambda images: (features(images) @ weights).argmax(1)


def features(images):
    x = images.astype(float) / 255
    x = (x + np.roll(x, 1, 1)) / 2
    x = (x + np.roll(x, 1, 2)) / 2
    return np.column_stack([x.reshape(len(x), -1), np.ones(len(x))])


def test_a_linear_classifier_separates_the_classes():
    classify, rng = ridge_classifier(REPORT_CLASSES, 500), np.random.default_rng(1)
    for label, name in enumerate(REPORT_CLASSES):
        assert (classify(generate(name, 200, rng)) == label).mean() >= 0.65, name


def test_a_classifier_of_generated_drawings_classifies_real_ones(data_root):
    classify = ridge_classifier(REPORT_CLASSES, 1000)
    shares = {}
    for label, name in enumerate(REPORT_CLASSES):
        real = np.load(data_root / "quickdraw" / "full" / "numpy_bitmap" / f"{name}.npy").reshape(-1, 28, 28)
        shares[name] = (classify(real) == label).mean()
    assert np.mean(list(shares.values())) >= 0.75, shares


@pytest.mark.parametrize("make", sorted(set(SCRIBBLES), key=lambda make: make.__name__))
def test_a_scribble_is_lines_with_an_extent_drawn_anew_from_its_generator_alone(make):
    first, again, other = (make(np.random.default_rng(seed)) for seed in (0, 0, 1))
    for strokes in (first, other):
        z = np.concatenate(strokes)
        assert np.isfinite(z).all() and max(np.ptp(z.real), np.ptp(z.imag)) > 0.1
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert len(np.concatenate(first)) != len(np.concatenate(other)) or (first[0] != other[0]).any()


@pytest.mark.parametrize("name", SIGNS)
def test_a_sign_has_its_strokes_about_where_the_grid_has_them(name):
    first, again, other = (draw_sign(name, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert [len(stroke) for stroke in first] == [len(stroke) for stroke in other]
    assert len(first) == len(SIGNS[name].split()) and (first[0] == again[0]).all() and (first[0] != other[0]).any()
    ends = [(stroke[0], stroke[-1]) for stroke in (draw_sign("+", np.random.default_rng(0)))]
    assert abs(ends[0][0].imag) < 0.5 and ends[0][1].real > 0.5 and abs(ends[1][0].real) < 0.5 < ends[1][1].imag


def test_signs_that_are_classes_are_not_shown_as_outliers():
    names = [name for name in SIGNS if name not in ("A", "a", "+")]
    shown = generate_signs(MNIST, 2 * len(names), np.random.default_rng(0), classes=("a", "+"))
    assert (shown == generate_signs(MNIST, 2 * len(names), np.random.default_rng(0), classes=("A", "+"))).all()
    assert (shown != generate_signs(MNIST, 2 * len(names), np.random.default_rng(0), classes=())).any()
    assert shown.shape == (2 * len(names), 28, 28, 1) and shown.any(axis=(1, 2, 3)).all()
