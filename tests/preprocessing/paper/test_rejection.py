"""What shows no drawing is rejected, and what cannot be read is refused, in one line each."""

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing.config import MNIST
from jaxdoodle.preprocessing.pipeline import preprocess


def _scenery():
    """Noise with more of it the coarser it is, as photographs have."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(300), np.fft.fftfreq(300))) + 1 / 300
    waves = np.fft.fft2(np.random.default_rng(0).normal(size=(300, 300))) / frequency**1.5
    picture = np.fft.ifft2(waves).real
    return (picture - picture.min()) / np.ptp(picture)


REJECTED = [
    (
        np.pad(np.ones((1, 1), np.float32), 1),
        "the image: the picture shows a single dot, 1 pixels wide; expected lines.",
    ),
    (np.pad(np.ones((9, 9), np.float32), 20), "the image: the picture shows a single dot, 9 pixels wide; expected"),
    (np.random.default_rng(0).random((60, 60)), "the image: the picture is too busy: its lines are 17 times as long"),
    (np.random.default_rng(0).random((300, 200)) < 0.4, "the image: the picture is too busy: its lines are"),
    (
        np.pad(np.ones((97, 97, 4), np.float32), ((1, 2), (1, 2), (0, 0))),
        "the image: the picture is full: 94 % of it is ink; expected lines on",
    ),
    ([([3, 3], [4, 4])], "the image: the strokes are a single dot; expected lines."),
    ([([0, 100] * 200, [0, 1] * 200)], "the image: the strokes are too busy: 399 times as long as the drawing;"),
    (_scenery(), "the image: the picture is too busy: its lines are"),
    (np.zeros((50, 50), np.uint8), "the image: the picture is blank: nothing differs"),
    (np.full((50, 50, 3), 200, np.uint8), "the image: the picture is blank: nothing differs"),
    (np.zeros((9, 9, 4), np.uint8), "the image: the picture is blank: all of it is transparent."),
    (Image.new("I", (9, 9), 70), "the image: the picture is blank: nothing differs"),
    (np.zeros((2, 28, 28), np.uint8), "the image: a picture has the shape (h, w), (h, w, 1)"),
    (np.zeros((28, 0), np.uint8), "the image: a picture has the shape (h, w), (h, w, 1)"),
    (np.zeros(783, np.uint8), "the image: a picture has the shape (h, w), (h, w, 1)"),
    (np.full((28, 28), -1), "the image: a picture goes from 0 to 1, 255 or, in whole numbers, 65,535; got -1 to -1."),
    (np.full((28, 28), "a", object), "the image: a picture holds whole numbers, bool or floats; got object."),
    (
        np.eye(28) * 3.2 - 0.42,
        "the image: a picture goes from 0 to 1, 255 or, in whole numbers, 65,535; got -0.42 to 2.78"
        "; if it is normalized, x * std + mean undoes that.",
    ),
    (np.full((28, 28), 256.0), "the image: a picture goes from 0 to 1, 255 or, in whole numbers, 65,535; got 256 to"),
    (np.full((28, 28), np.nan), "the image: a picture goes from 0 to 1, 255 or, in whole numbers, 65,535; got nan to"),
    ([[0, 1]], "the image: stroke 0 is two equally long lists of numbers below a million; got [0, 1]."),
    (None, "the image: a drawing is a path, a Pillow image, a NumPy array or a list of strokes; got NoneType."),
]


@pytest.mark.parametrize(("picture", "message"), REJECTED, ids=[str(i) for i in range(len(REJECTED))])
def test_what_shows_no_drawing_is_rejected(picture, message):
    with pytest.raises(InputError) as error:
        preprocess(picture, MNIST)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
