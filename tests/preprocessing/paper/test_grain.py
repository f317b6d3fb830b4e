"""Smoothing keeps the mean, and noise alone does not stand out."""

import numpy as np
from PIL import Image

from jaxdoodle.preprocessing.paper.grain import RADII, is_speckled, smoothed, stands_out


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


def test_dithered_edges_are_speckled_and_lines_of_any_width_are_not():
    y, x = np.mgrid[:90, :90]
    distance = abs(np.hypot(x - 45, y - 45) - 28)
    for width in (0.5, 1, 6):
        assert not is_speckled((distance < width).astype(np.float32))
    soft = np.clip(1.3 - distance / 8, 0, 1)
    dithered = np.asarray(Image.fromarray((255 * (1 - soft)).astype(np.uint8)).convert("1"))
    for ink in (~dithered, dithered):
        assert is_speckled(ink.astype(np.float32))
