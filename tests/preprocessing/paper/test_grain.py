"""Smoothing keeps the mean, and noise alone does not stand out."""

import numpy as np

from jaxdoodle.preprocessing.paper.grain import RADII, smoothed, stands_out


def test_smoothing_keeps_the_mean_and_lessens_noise_as_the_formula_says():
    noise = np.random.default_rng(0).normal(0, 0.1, (200, 200, 1)).astype(np.float32)
    for radius in RADII[1:]:
        smooth = smoothed(noise, radius)
        assert abs(smooth.mean() - noise.mean()) < 0.005
        assert abs(smooth.std() * 2 * np.sqrt(np.pi) * radius / 0.1 - 1) < 0.3


def test_a_drawing_stands_out_of_grain_and_grain_alone_does_not():
    ink = np.pad(np.ones((10, 60), np.float32), 45)
    noise = np.random.default_rng(0).normal(0, 0.1, (*ink.shape, 1)).astype(np.float32)
    for drawn, expected in ((0.5, True), (0.05, False)):
        picture = 0.8 - drawn * ink[..., None] + noise
        assert stands_out(picture, smoothed(picture, 1.6), ink, 1.6) is expected
