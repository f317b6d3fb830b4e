import numpy as np

from jaxdoodle.data.readers.found import bytes_of_each


def test_images_of_fractions_and_of_bytes_are_told_apart_beside_blank_ones(refusal):
    image = np.eye(8)
    assert "expected one range" in refusal(bytes_of_each, [image, image * 255], "a")
    assert [each.max() for each in bytes_of_each([image * 255, image * 0], "a")] == [255, 0]
