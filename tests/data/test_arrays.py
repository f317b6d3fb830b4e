"""Images and labels that a program holds become a dataset on one scale, or are refused with what was expected."""

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.preprocessing import Preprocessing, preprocess

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (6, 5, 7, 1), np.uint8)
BYTES[0, 0, 0] = 255
LABELS = [0, 2, 1, 1, 0, 2]

FORMS = {
    "bytes": BYTES,
    "without a channel": BYTES[..., 0],
    "a list of arrays": list(BYTES[..., 0]),
    "floats of 0 to 255": BYTES.astype(np.float64),
    "integers": BYTES.astype(np.int64),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_images_in_any_form_are_the_same_bytes(form):
    data = Dataset.from_arrays(FORMS[form], LABELS)
    assert data.images.dtype == np.uint8
    np.testing.assert_array_equal(data.images, BYTES)


def test_floats_up_to_one_are_ink_up_to_255():
    data = Dataset.from_arrays((BYTES / 255).astype(np.float32), LABELS)
    assert data.images.dtype == np.float32
    np.testing.assert_allclose(data.images, BYTES, rtol=1e-6)
    assert Dataset.from_arrays(BYTES > 100, LABELS).images.tolist() == (255 * (BYTES > 100)).tolist()


def test_another_full_ink_is_found_or_told():
    sixteenths = (BYTES // 16).astype(float)
    sixteenths[0, 0, 0] = 16
    for white in (None, 16):
        data = Dataset.from_arrays(sixteenths, LABELS, white=white)
        np.testing.assert_allclose(data.images, sixteenths * 255 / 16)


def test_rows_of_square_images_and_colors_keep_their_shape():
    assert Dataset.from_arrays(np.zeros((6, 64)), LABELS).images.shape == (6, 8, 8, 1)
    for shape in ((6, 9, 5, 3), (6, 3, 9, 5)):
        assert Dataset.from_arrays(np.zeros(shape, np.uint8), LABELS).images.shape == (6, 9, 5, 3)
    colors = np.arange(6 * 9 * 9 * 3).reshape(6, -1) // 100
    assert Dataset.from_arrays(colors, LABELS).images.shape == (6, 9, 9, 3)


@pytest.mark.parametrize(
    "labels", [LABELS, np.array(LABELS, np.uint8), np.array(LABELS, float), np.eye(3)[LABELS], np.c_[LABELS]]
)
def test_labels_in_any_form_are_the_same_integers(labels):
    data = Dataset.from_arrays(BYTES, labels)
    assert data.labels.tolist() == LABELS and data.labels.dtype == np.int32 and data.classes == ("0", "1", "2")
    assert Dataset.from_arrays(BYTES, labels, ("a", "b", "c", "d")).classes == ("a", "b", "c", "d")


def test_labels_may_be_names():
    data = Dataset.from_arrays(BYTES, list("bcaabc"))
    assert data.classes == ("a", "b", "c") and data.labels.tolist() == [1, 2, 0, 0, 1, 2]
    assert Dataset.from_arrays(BYTES, list("bcaabc"), ("c", "b", "a")).labels.tolist() == [1, 0, 2, 2, 1, 0]


REFUSED = [
    ((BYTES[:5], LABELS), "there are 5 images and 6 labels"),
    ((np.zeros((6, 5, 8, 8)), LABELS), r"holds float64 \(6, 5, 8, 8\); expected images \(n, height, width\)"),
    ((np.zeros((6, 8, 8, 4)), LABELS), "with 1 or 3 channels"),
    (([np.zeros((8, 8)), np.zeros((9, 8))], [0, 1]), "images differ in shape"),
    (
        (np.full((6, 8, 8), -1.0), LABELS),
        r"pixels are -1 to -1; expected 0 to 1, .*; of standardized pixels, give images \* std \+ mean\.",
    ),
    ((np.full((6, 8, 8), np.nan), LABELS), r"pixels are nan to nan; expected 0 to nan, which is full ink\."),
    ((np.array([["a" * 3] * 4] * 6), LABELS), "images are <U3; expected numbers"),
    ((BYTES, np.full((6, 3), 1)), "a row of the labels is not one-hot"),
    ((BYTES, [0.5] * 6), r"labels are float64 of shape \(6,\); expected integers"),
    ((BYTES, [-1] * 6), r"labels\[0\] is -1"),
    ((BYTES, list("abcabc"), ("a", "b")), "label 'c' is not among the classes a, b"),
]


@pytest.mark.parametrize("given, message", REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_no_set_of_images_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_arrays(*given)


@pytest.mark.parametrize(
    "channels, order, axes", [(3, (0, 3, 1, 2), "chw"), (3, (0, 1, 2, 3), "hwc"), (1, (0, 2, 1, 3), "whc")]
)
def test_flat_rows_are_predicted_in_the_order_in_which_they_are_read(channels, order, axes):
    smooth = np.linspace(0, 255, 12 * 64 * channels).reshape(12, channels, 8, 8).astype(np.uint8)
    images = np.moveaxis(smooth, 1, 3)
    rows = images.transpose(order).reshape(12, -1)
    given = Preprocessing((8, 8, channels), 8, "as-is", (3, 3), flat_axes=axes if channels == 1 else "hwc")
    data = Dataset.from_arrays(rows, np.arange(12) % 2, preprocessing=given)
    assert data.preprocessing.flat_axes == axes and (data.images == images).all()
    assert (preprocess(rows[5], data.preprocessing).bitmap.reshape(images[5].shape) == images[5]).all()
