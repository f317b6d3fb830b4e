import numpy as np

from jaxdoodle.data.readers.found import Wanted
from jaxdoodle.data.readers.tables.arrays import dataset_in

LABELS = np.arange(24) % 3
IMAGES = np.tile((LABELS * 80).astype(np.uint8)[:, None, None], (1, 8, 8))


def right(arrays):
    part = dataset_in(arrays, "a.npz", Wanted()).parts["train"]
    return sum(int(image[0, 0, 0]) == 80 * int(label) for image, label in zip(part.items, part.labels, strict=True))


def test_numbered_arrays_are_joined_by_their_number(refusal):
    arrays = {"x_10": IMAGES[:5], "x_9": IMAGES[5:], "y_9": LABELS[5:], "y_10": LABELS[:5]}
    assert right(arrays) == 24
    arrays["y_8"] = arrays.pop("y_10")
    assert "x_9, x_10 and y_8, y_9; expected labels of the number" in refusal(dataset_in, arrays, "a.npz", Wanted())


def test_rows_of_labels_are_one_hot_or_refused(refusal):
    one_hot = np.eye(3)[LABELS]
    assert right({"x": IMAGES, "y": one_hot}) == right({"x": IMAGES, "y": 2 * one_hot - 1}) == 24
    for rows in (np.c_[LABELS, np.arange(24)], np.c_[LABELS, LABELS], one_hot * 0.9, one_hot * 0):
        assert "expected one for each image, or one-hot rows" in refusal(
            dataset_in, {"x": IMAGES, "y": rows}, "a.npz", Wanted()
        )
