"""How images were made is measured from them; those that are no drawings of one size in one place are used as is."""

import gzip

import numpy as np
import pytest

from jaxdoodle.preprocessing import MNIST, QUICKDRAW, preprocess
from jaxdoodle.preprocessing.measure import as_is, measure


@pytest.fixture(scope="module")
def digits(data_root):
    with gzip.open(data_root / "mnist/t10k-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(16 + 784 * 400), np.uint8, offset=16).reshape(-1, 28, 28, 1)


def test_mnist_is_measured_as_mnist_in_either_polarity(digits):
    found, inverted = measure(digits), measure(255 - digits)
    assert found.preprocessing == MNIST and found.known == "MNIST"
    assert inverted.preprocessing.polarity == "dark on light" and inverted.preprocessing.longest_side == 20
    for image in 255 - digits[:20]:
        np.testing.assert_allclose(preprocess(image, inverted.preprocessing).bitmap, image[..., 0], atol=1)


def test_quickdraw_is_measured_as_quickdraw(data_root):
    files = sorted((data_root / "quickdraw/full/numpy_bitmap").glob("*.npy"))[:20]
    images = np.concatenate([np.load(file, mmap_mode="r")[:20] for file in files]).reshape(-1, 28, 28, 1)
    assert measure(images).preprocessing == QUICKDRAW


def test_digits_on_a_larger_sheet_keep_what_was_measured(digits):
    found = measure(np.pad(digits[:200], ((0, 0), (2, 2), (2, 2), (0, 0)))).preprocessing
    assert found.image_shape == (32, 32, 1) and found.centering == "mass"
    assert found.longest_side == pytest.approx(20, abs=0.5) and found.center == pytest.approx((16, 16), abs=0.3)


NOT_DRAWINGS = {
    "in color": lambda x, rng: rng.integers(0, 256, (50, 32, 32, 3), dtype=np.uint8),
    "no even background": lambda x, rng: rng.integers(0, 256, (50, 20, 20, 1), dtype=np.uint8),
    "in no one place": lambda x, rng: np.stack([np.roll(i, rng.integers(-3, 4, 2), (0, 1)) for i in x]),
    "blank": lambda x, rng: np.zeros_like(x),
}


@pytest.mark.parametrize("reason", NOT_DRAWINGS)
def test_other_images_are_used_as_they_are_and_the_reason_is_said(reason, digits):
    images = NOT_DRAWINGS[reason](digits[:100], np.random.default_rng(0))
    found = measure(images)
    assert found.preprocessing == as_is(images.shape[1:]) and reason in str(found)
    for image in images[:5]:
        bitmap = preprocess(image, found.preprocessing).bitmap
        np.testing.assert_array_equal(bitmap.reshape(image.shape), image)


def test_a_picture_of_another_size_is_resized_as_a_whole():
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:, 48:] = (255, 0, 51)
    bitmap = preprocess(picture, as_is((8, 8, 3))).bitmap
    assert bitmap.shape == (8, 8, 3) and not bitmap[:, :4].any() and (bitmap[:, 4:] == (255, 0, 51)).all()
    assert preprocess(picture, as_is((8, 8, 1))).bitmap[0, 7] == round(0.299 * 255 + 0.114 * 51)
