import csv

import numpy as np
import pytest

from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset
from jaxdoodle.data.readers.found import Wanted
from jaxdoodle.data.readers.tables.csv import read_tables
from tests.fixtures import datasets, layouts
from tests.fixtures.datasets import put

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


def test_all_pixels_of_an_image_may_be_in_one_column(tmp_path):
    rows = [(label, " ".join(map(str, row)), "Training") for label, row in zip(LABELS, PIXELS, strict=True)]
    file = write(tmp_path / "fer2013.csv", rows, ["emotion", "pixels", "Usage"])
    assert right(read_tables([file], Wanted())) == 30


@pytest.mark.parametrize("header", [[], ["kind"]])
def test_names_apart_in_one_column_may_have_a_header(header, tmp_path):
    names = np.array(["ant", "bee", "cow"])[LABELS]
    files = [write(tmp_path / "X_train.csv", PIXELS), write(tmp_path / "y_train.csv", names[:, None], header)]
    part = read_tables(files, Wanted()).parts["train"]
    assert part.labels == names.tolist() and np.array_equal(part.items[:, 0, 0, 0], PIXELS[:, 0])


def test_labels_apart_in_two_columns_without_names_are_refused(tmp_path, refusal):
    images = write(tmp_path / "X_train.csv", PIXELS, NAMES)
    labels = write(tmp_path / "y_train.csv", enumerate(LABELS))
    assert "(30, 2), the first 0.0, 0.0; expected one for" in refusal(read_tables, [images, labels], Wanted())


def test_labels_apart_may_be_called_id_unless_they_number_the_rows_and_none_are_refused(tmp_path, refusal):
    files = [write(tmp_path / "X_train.csv", PIXELS), write(tmp_path / "y_train.csv", LABELS[:, None], ["id"])]
    assert right(read_tables(files, Wanted())) == 30
    write(files[1], np.arange(30)[:, None], ["id"])
    assert f"{files[1]}: holds no labels" in refusal(read_tables, files, Wanted())
    for nothing in ("", "label\n"):
        files[1].write_text(nothing)
        assert f"{files[1]}: holds no labels" in refusal(read_tables, files, Wanted())


def test_pixels_and_an_index_hold_no_label(tmp_path, refusal):
    path = write(tmp_path / "a.csv", [(n, *row) for n, row in enumerate(PIXELS)], ["", *NAMES])
    assert "has no labels" in refusal(read_tables, [path], Wanted())


def test_images_and_labels_apart_in_a_folder_of_each_split_are_of_that_split(tmp_path):
    files = []
    for split, rows in (("train", slice(20)), ("test", slice(20, 30))):
        (tmp_path / split).mkdir()
        files += [
            write(tmp_path / split / "X.csv", PIXELS[rows]),
            write(tmp_path / split / "y.csv", LABELS[rows, None]),
        ]
    found = read_tables(files, Wanted())
    assert (right(found), right(found, "test")) == (20, 10)


def test_numbers_of_rows_are_no_pixels_whatever_those_are_called(tmp_path):
    names = ["p" + "abcdefgh"[n // 8] + "abcdefgh"[n % 8] for n in range(64)]
    rows = [(n, label, *row) for n, (label, row) in enumerate(zip(LABELS, PIXELS, strict=True))]
    assert right(read_tables([write(tmp_path / "a.csv", rows, ["id", "label", *names])], Wanted())) == 30


def test_two_tables_of_the_same_split_are_refused(tmp_path, refusal):
    files = [write(tmp_path / name, np.c_[LABELS, PIXELS], ["label", *NAMES]) for name in ("monday.csv", "tuesday.csv")]
    files[1].write_text(files[1].read_text().replace("2", "1"))
    text = "monday and tuesday are both images of no split by their names; expected one, or names with train and test"
    assert text in refusal(read_tables, files, Wanted())


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


def test_a_table_with_an_open_quote_is_refused_and_one_without_labels_named(tmp_path, refusal, short_fields):
    path = datasets.label_last(tmp_path)
    path.write_text(path.read_text() + '"' + "0,0\n" * 300)
    assert f"{path}: is no table that can be read; field larger" in refusal(load_dataset, path)
    path.write_text("a note")
    datasets.write_rows(tmp_path / "test.csv", datasets.FLAT.tolist()[:5], [f"pixel{i}" for i in range(784)])
    assert f"{tmp_path / 'test.csv'}: has no labels" in refusal(load_dataset, tmp_path)


def test_a_column_of_numbers_of_rows_is_no_label(tmp_path, refusal):
    rows = [[n, *image] for n, image in enumerate(datasets.FLAT.tolist())]
    path = datasets.write_rows(tmp_path / "test.csv", rows, ["id", *(f"pixel{i}" for i in range(784))])
    assert "has no labels" in refusal(load_dataset, path)
    datasets.write_rows(
        tmp_path / "train.csv",
        np.c_[datasets.LABELS, datasets.FLAT].tolist(),
        ["label", *(f"pixel{i}" for i in range(784))],
    )
    datasets.write_rows(tmp_path / "more.csv", np.c_[datasets.LABELS, datasets.FLAT].tolist()[:30])
    with pytest.warns(DataWarning) as told:
        splits = load_dataset(tmp_path)
    assert sum(map(len, splits.sets.values())) == datasets.COUNT
    texts = [str(each.message) for each in told]
    assert any("left out more.csv, whose name says neither train nor test" in text for text in texts)
    assert any("left out test.csv, which has no labels" in text for text in texts)


@pytest.mark.parametrize("header", [[], ["id", "label", *(f"pixel{i}" for i in range(784))]], ids=["bare", "header"])
def test_letters_and_digits_as_labels_are_no_header(header, tmp_path):
    names = np.array([*"yA3"])[datasets.LABELS].tolist()
    rows = [[*[i][: len(header)], *row] for i, row in enumerate(zip(names, *datasets.FLAT.T.tolist(), strict=True))]
    splits = load_dataset(datasets.write_rows(tmp_path / "data.csv", rows, header))
    assert set().union(*map(datasets.pairs, splits.sets.values())) == {
        (image, "yA3"[int(name)]) for image, name in datasets.PAIRS
    }


def test_rows_that_are_broken_are_left_out_and_named(tmp_path, refusal):
    path = datasets.label_last(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:5], "1,2,3", *lines[5:]]))
    with pytest.warns(DataWarning, match=r"line 6: 3 columns; expected 785"):
        assert sum(map(len, load_dataset(path).sets.values())) == datasets.COUNT
    assert "line 6: 3 columns" in refusal(load_dataset, path, skip_broken=False)
    path.write_text("\n".join([*lines[:5], *["1,2,3"] * 9, *lines[5:]]))
    assert "9 of 69 drawings cannot be read, more than 5 %" in refusal(load_dataset, path)


def test_rows_of_pixels_whose_label_is_nan_are_left_out_and_counted(tmp_path):
    rows = [
        [f"{label:.1f}" if i else "NaN", *image.ravel()]
        for i, (label, image) in enumerate(zip(layouts.LABELS, layouts.IMAGES, strict=True))
    ]
    header = ["label", *(f"pixel{n}" for n in range(144))]
    put(tmp_path / "a.csv", "\n".join(",".join(map(str, row)) for row in [header, *rows]))
    with pytest.warns(DataWarning, match="left out 1 images that have no label"):
        assert layouts.counts_in(tmp_path) == {"0": 11, "1": 12, "2": 12, "3": 12}


@pytest.mark.parametrize("apart", [False, True])
def test_one_hot_columns_have_the_names_of_the_header(apart, tmp_path):
    hot = np.eye(3, dtype=int)[LABELS]
    names = ["ant", "bee", "cow"]
    if apart:
        files = [write(tmp_path / "X_train.csv", PIXELS, NAMES), write(tmp_path / "y_train.csv", hot, names)]
    else:
        files = [write(tmp_path / "a.csv", np.c_[np.arange(30), hot, PIXELS], ["id", *names, *NAMES])]
    part = read_tables(files, Wanted()).parts["train"]
    assert part.labels == [names[label] for label in LABELS] and np.array_equal(part.items[:, 0, 0, 0], PIXELS[:, 0])
