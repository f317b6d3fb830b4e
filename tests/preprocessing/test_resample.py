"""Boxes, centers and scales are exact to fractions of a pixel."""

from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.preprocessing.config import MNIST
from jaxdoodle.preprocessing.resample import box_of, center_of, place, resample, shrink

INK = np.zeros((9, 11), np.float32)
INK[2:6, 3:9] = 1
INK[5] *= 0.25  # the last row of the ink is covered by a quarter


def test_a_box_reaches_into_its_outermost_pixels_as_far_as_the_ink_covers_them():
    assert box_of(INK) == (2, 3, 5.25, 9)


def test_the_center_is_that_of_the_mass_or_of_the_box():
    mass = center_of(INK, MNIST)
    assert mass == pytest.approx(((2 + 3 + 4 + 0.25 * 5) / 3.25, 5.5))
    assert center_of(INK, replace(MNIST, centering="box")) == ((2 + 5.25 - 1) / 2, (3 + 9 - 1) / 2)


def test_placed_ink_has_its_longest_side_and_its_center():
    placed = place(INK, MNIST)
    assert placed.shape == (28, 28) and placed.dtype == np.float32
    assert center_of(placed, MNIST) == pytest.approx(MNIST.center, abs=0.02)
    assert placed.sum() == pytest.approx(INK.sum() * (20 / 6) ** 2, rel=0.01)


def test_a_smaller_picture_is_the_mean_over_areas():
    picture = np.random.default_rng(0).random((8, 12), np.float32)
    expected = picture.reshape(4, 2, 6, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(resample(picture, 0.5, (0.0, 0.0), (4, 6)), expected, rtol=1e-5)
    np.testing.assert_allclose(shrink(picture[..., None], 2)[..., 0], expected, rtol=1e-5)
    uneven = shrink(picture[:7, :, None], 2)[..., 0]
    np.testing.assert_allclose(uneven[-1], picture[6].reshape(6, 2).mean(axis=1), rtol=1e-5)
