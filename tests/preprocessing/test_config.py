import dataclasses
import gzip
import json

import numpy as np
import pytest

from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW, Preprocessing, PreprocessingError


@pytest.mark.parametrize(
    "preprocessing", [MNIST, QUICKDRAW, Preprocessing((32, 32, 3), centering="as-is", polarity="dark on light")]
)
def test_preprocessing_survives_json(preprocessing):
    assert Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing


BAD = [
    ({"image_shape": (28, 28)}, "image_shape is (height, width, channels) in positive integers; got (28, 28)."),
    ({"image_shape": (28, 28, 2)}, "image_shape has 1 channel or 3; got (28, 28, 2)."),
    ({"image_shape": (28, 0, 1)}, "image_shape is (height, width, channels) in positive integers; got (28, 0, 1)."),
    ({"image_shape": "28"}, "image_shape is (height, width, channels) in positive integers; got '28'."),
    ({"longest_side": 29}, "longest_side fits the 28x28 image; got 29."),
    ({"longest_side": 0}, "longest_side fits the 28x28 image; got 0."),
    ({"longest_side": float("nan")}, "longest_side fits the 28x28 image; got nan."),
    ({"centering": "middle"}, 'centering is "mass", "box" or "as-is"; got \'middle\'.'),
    ({"center": (14,)}, "center is (row, column), each above 0; got (14,)."),
    ({"center": (14, True)}, "center is (row, column), each above 0; got (14, True)."),
    ({"center": (14, 28)}, "center lies inside the 28x28 image; got (14, 28)."),
    ({"stroke_width": -1}, "stroke_width is 0.2 to 5 pixels; got -1."),
    ({"stroke_width": 1e-9}, "stroke_width is 0.2 to 5 pixels; got 1e-09."),
    ({"stroke_width": 20}, "stroke_width is 0.2 to 5 pixels; got 20."),
    ({"polarity": "white"}, 'polarity is "light on dark" or "dark on light"; got \'white\'.'),
    ({"divisor": 0}, "divisor is a positive number; got 0."),
    ({"divisor": "255"}, "divisor is a positive number; got '255'."),
    ({"divisor": 10**400}, "divisor is a positive number; got 1000"),
    ({"mean": "0"}, "mean and std are numbers, std not 0; got '0' and 1.0."),
    ({"flat_axes": "hw"}, "flat_axes is hwc, whc, chw, cwh; got 'hw'."),
    ({"std": 0}, "mean and std are numbers, std not 0; got 0.0 and 0."),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_impossible_preprocessing_is_refused(change, message):
    with pytest.raises(PreprocessingError) as error:
        Preprocessing(**change)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("data", [None, [], {}, MNIST.to_dict() | {"ink": "black"}, {"divisor": 255}])
def test_preprocessing_with_other_fields_is_refused(data):
    with pytest.raises(PreprocessingError, match="preprocessing has image_shape, longest_side, centering"):
        Preprocessing.from_dict(data)


def test_every_field_can_be_refused():
    assert {f.name for f in dataclasses.fields(Preprocessing)} == {name for change, _ in BAD for name in change}


def _ink_boxes(images):
    rows, columns = images.max(axis=2) > 0, images.max(axis=1) > 0
    return [(m.argmax(axis=1), 27 - m[:, ::-1].argmax(axis=1)) for m in (rows, columns)]


def test_mnist_is_as_its_preprocessing_says(data_root):
    with gzip.open(data_root / "mnist/t10k-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    (top, bottom), (left, right) = _ink_boxes(images)
    longest = np.maximum(bottom - top, right - left) + 1
    assert np.mean(longest == MNIST.longest_side) > 0.999
    mass = images.sum(axis=(1, 2))
    for axis, goal in zip((2, 1), MNIST.center, strict=True):
        centers = images.sum(axis=axis) @ np.arange(28) / mass
        assert abs(centers.mean() - goal) < 0.01
        assert np.abs(centers - goal).max() < 0.6


def test_quickdraw_is_as_its_preprocessing_says(data_root):
    files = sorted((data_root / "quickdraw/full/numpy_bitmap").glob("*.npy"))
    images = np.concatenate([np.load(file, mmap_mode="r")[:10] for file in files]).reshape(-1, 28, 28)
    for (first, last), goal in zip(_ink_boxes(images), QUICKDRAW.center, strict=True):
        assert abs(np.mean((first + last) / 2) - goal) < 0.01
    (top, bottom), (left, right) = _ink_boxes(images)
    touched = np.maximum(bottom - top, right - left) + 1
    assert np.mean(touched == np.ceil(QUICKDRAW.longest_side + 1)) > 0.99
