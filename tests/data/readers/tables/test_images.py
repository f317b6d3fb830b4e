import numpy as np
import pytest

from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset
from jaxdoodle.data.readers.found import Wanted
from jaxdoodle.data.readers.tables.images import bytes_of_each, found_in
from tests.fixtures.datasets import COUNT, IMAGES, LABELS


def test_images_of_fractions_and_of_bytes_are_told_apart_beside_blank_ones(refusal):
    image = np.eye(8)
    assert "expected one range" in refusal(bytes_of_each, [image, image * 255], "a")
    assert [each.max() for each in bytes_of_each([image * 255, image * 0], "a")] == [255, 0]


def test_images_with_a_pixel_that_is_no_number_are_left_out_and_named(tmp_path):
    images = IMAGES / 255
    images[[3, 9], 5, 5] = np.nan, np.inf
    np.savez(tmp_path / "data.npz", x=images, y=LABELS)
    with pytest.warns(DataWarning, match="left out 2 of 60 .*train image 3: a pixel is NaN or infinite"):
        splits = load_dataset(tmp_path / "data.npz")
    assert sum(map(len, splits.sets.values())) == COUNT - 2


@pytest.mark.parametrize("column_major", [False, True])
def test_rows_of_pixels_column_by_column_are_said_to_be(column_major):
    wide = np.arange(128, dtype=np.uint8).reshape(2, 64)
    found = found_in("arrays", {"train": (wide, ["a", "b"])}, "data.mat", Wanted(None), column_major)
    expected = wide.reshape(2, 8, 8).swapaxes(1, 2) if column_major else wide.reshape(2, 8, 8)
    assert (found.parts["train"].items[..., 0] == expected).all() and ("column by column" in found.kind) == column_major


@pytest.mark.parametrize("low, high", [(-0.5, 0.5), (-1, 1), (0, 1), (-3.5, 2)])
def test_the_darkest_and_the_lightest_pixel_of_any_range_are_0_and_255(low, high, tmp_path):
    images = IMAGES / 255
    images[:, 0, 0], images[:, 0, 1] = 0, 1
    np.savez(tmp_path / "data.npz", x=(low + (high - low) * images).astype(np.float32), y=LABELS)
    train = load_dataset(tmp_path / "data.npz").train
    expected = {np.rint(255 * image).astype(np.uint8).tobytes() for image in images}
    assert all(image.tobytes() in expected for image in train.images)
