"""Grays at the edges of small pictures that have none."""

import numpy as np
import pytest

from jaxdoodle.data import load_dataset
from jaxdoodle.inference import Model
from jaxdoodle.preprocessing import preprocess
from jaxdoodle.preprocessing.config import MNIST
from jaxdoodle.preprocessing.hard_edges import softened

SIZE = (28, 28)


@pytest.fixture
def stroke():
    """A slanted stroke of two values."""
    row, column = np.indices(SIZE)
    return (abs(row - column) < 2)[..., None] * np.float32(1) * ((row > 5) & (row < 22))[..., None]


def test_edges_get_grays_and_flat_parts_and_the_mean_stay(stroke):
    soft, repeated = softened(stroke, SIZE)
    assert repeated == 1 and soft.dtype == np.float32 and soft.shape == stroke.shape
    np.testing.assert_allclose(soft.sum(), stroke.sum(), rtol=1e-6)
    assert soft[0, 0] == 0 and np.unique(soft).size > 3
    flat = np.zeros((8, 8, 1), np.float32)
    flat[:, 3:] = 1
    np.testing.assert_allclose(softened(flat, SIZE)[0][3, :, 0], [0, 0, 0.2, 0.8, 1, 1, 1, 1], rtol=1e-6)


@pytest.mark.parametrize("times", [2, 3, 10])
def test_an_enlarged_picture_is_as_it_was_before(stroke, times):
    soft, repeated = softened(stroke.repeat(times, 0).repeat(times, 1), SIZE)
    assert repeated == times
    np.testing.assert_array_equal(soft, softened(stroke, SIZE)[0])


@pytest.mark.parametrize("channels", [3, 4])
def test_two_colors_are_two_values(stroke, channels):
    ink, paper = np.linspace(0.1, 0.9, channels, dtype=np.float32), np.linspace(0.7, 0.2, channels, dtype=np.float32)
    soft, _ = softened(np.where(stroke > 0, ink, paper), SIZE)
    np.testing.assert_allclose(soft, paper + softened(stroke, SIZE)[0] * (ink - paper), atol=1e-6)


def test_two_levels_of_ink_and_noise_of_compression_may_be_on_it(stroke):
    two, noise = stroke.copy(), stroke + np.random.default_rng(0).normal(0, 0.01, stroke.shape).astype(np.float32)
    two[:14] *= 0.8
    assert softened(two, SIZE) is not None and softened(noise, SIZE) is not None


def test_what_has_grays_or_nothing_on_it_or_many_pixels_is_not_softened(stroke):
    grays, _ = softened(stroke, SIZE)
    assert softened(grays, SIZE) is None and softened(np.ones((28, 28, 1), np.float32), SIZE) is None
    large = stroke.repeat(5, 0).repeat(5, 1)
    large[0, 0] = 1  # no pixels are repeated
    assert softened(large, SIZE) is None


def test_the_bitmap_stays_and_the_softened_one_stands_beside_it_in_its_place(stroke):
    found = preprocess(stroke[..., 0] > 0, MNIST)
    (soft,) = found.alternatives
    assert np.abs(found.bitmap.astype(int) - soft.bitmap).mean() > 2
    np.testing.assert_allclose(soft.box, found.box, atol=1)
    large = preprocess((stroke[..., 0] > 0).repeat(10, 0).repeat(10, 1), MNIST)
    (of_large,) = large.alternatives
    np.testing.assert_allclose(np.divide(of_large.box, 10), soft.box, atol=1e-6)
    np.testing.assert_allclose(of_large.scale * 10, soft.scale, rtol=1e-6)


def test_digits_that_were_cut_off_at_a_half_are_known(data_root):
    test = load_dataset("mnist", root=data_root).test
    assert sum(softened(image / np.float32(255), SIZE) is not None for image in test.images[:500]) <= 1
    answers = Model.load("digits").predict_all(list(test.images[:200, ..., 0] > 127))
    right = [answer.label == str(label) for answer, label in zip(answers, test.labels, strict=False)]
    assert sum(right) >= 190  # 126 where no grays are put back
