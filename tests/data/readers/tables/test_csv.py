import csv

import numpy as np
import pytest

from jaxdoodle.data.readers.found import Wanted
from jaxdoodle.data.readers.tables.csv import read_tables

LABELS = np.arange(30) % 3
PIXELS = np.random.default_rng(0).integers(0, 256, (30, 64))
PIXELS[:, 0], PIXELS[:, -1] = LABELS * 80, np.arange(30) % 5  # the last could be a label
NAMES = [f"pixel{n}" for n in range(64)]


def write(path, rows, header=None):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header] * bool(header) + [list(row) for row in rows])
    return path


def right(found, split="train"):
    """The drawings of a split with the label that their first pixel says."""
    part = found.parts[split]
    return sum(int(image[0, 0, 0]) == 80 * int(label) for image, label in zip(part.items, part.labels, strict=True))


@pytest.mark.parametrize("named", ["", "id"])
def test_labels_apart_with_the_numbers_of_their_rows_are_read_by_their_column(named, tmp_path, refusal):
    images = write(tmp_path / "X_train.csv", [(n, *row) for n, row in enumerate(PIXELS)], [named, *NAMES])
    labels = write(tmp_path / "y_train.csv", enumerate(LABELS), [named, "label"])
    assert right(read_tables([images, labels], Wanted())) == 30
    write(images, PIXELS, NAMES)
    assert right(read_tables([images, labels], Wanted())) == 30
    write(images, PIXELS)
    assert right(read_tables([images, labels], Wanted())) == 30
    write(images, [(29 - n, *row) for n, row in enumerate(PIXELS)], [named, *NAMES])
    assert "in another order" in refusal(read_tables, [images, labels], Wanted())


def test_labels_apart_in_two_columns_without_names_are_refused(tmp_path, refusal):
    images = write(tmp_path / "X_train.csv", PIXELS, NAMES)
    labels = write(tmp_path / "y_train.csv", enumerate(LABELS))
    assert "(30, 2), the first 0.0, 0.0; expected one for" in refusal(read_tables, [images, labels], Wanted())


def test_pixels_and_an_index_hold_no_label(tmp_path, refusal):
    path = write(tmp_path / "a.csv", [(n, *row) for n, row in enumerate(PIXELS)], ["", *NAMES])
    assert "has no labels" in refusal(read_tables, [path], Wanted())


def test_labels_beside_a_table_that_has_its_own_are_named(tmp_path):
    table = write(tmp_path / "train.csv", np.c_[LABELS, PIXELS], ["label", *NAMES])
    found = read_tables([table, write(tmp_path / "y_train.csv", LABELS[:, None])], Wanted())
    assert right(found) == 30 and found.left_out == ["left out y_train.csv; the tables have labels themselves"]


def test_a_column_of_splits_divides_the_rows(tmp_path):
    rows = [
        (label, "Test" if n % 3 == 0 else "train", *row)
        for n, (label, row) in enumerate(zip(LABELS, PIXELS, strict=True))
    ]
    found = read_tables([write(tmp_path / "a.csv", rows, ["label", "split", *NAMES])], Wanted())
    assert (right(found), right(found, "test")) == (20, 10)
