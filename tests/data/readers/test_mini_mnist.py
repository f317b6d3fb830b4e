import numpy as np
import pytest

from jaxdoodle.data.dataset import Splits
from jaxdoodle.data.readers.idx import read_mnist
from jaxdoodle.data.readers.mini_mnist import (
    INDEX_FILES,
    index_path,
    read_csv,
    read_csv_folder,
    read_index,
    read_mini_mnist,
)
from jaxdoodle.data.splits import without
from jaxdoodle.preprocessing.config import MNIST


@pytest.fixture
def csv_folder(tmp_path, random_dataset):
    """The report's four files, of 20 + 10 drawings, one of each notation that tools write."""
    folder = tmp_path / "report"
    folder.mkdir()
    for split, n, notation in (("train", 20, "%.18e"), ("test", 10, "%d")):
        data = random_dataset(n, tuple("0123456789"), seed=n)
        np.savetxt(folder / f"{split}_X.csv", data.images.reshape(n, 784), notation, ",")
        np.savetxt(folder / f"{split}_label.csv", np.eye(10)[data.labels], notation, ",")
    return folder


def test_the_report_s_own_files_are_read(csv_folder, random_dataset):
    for split, n in zip(read_csv_folder(csv_folder), (20, 10), strict=True):
        expected = random_dataset(n, tuple("0123456789"), seed=n)
        assert np.array_equal(split.images, expected.images) and np.array_equal(split.labels, expected.labels)
        assert split.classes == expected.classes and split.name == "report"


def test_spaces_blank_lines_and_comments_are_read_as_numpy_reads_them(tmp_path):
    (tmp_path / "x").write_text("# pixels\n" + " ".join(["7"] * 784) + "\n\n" + ", ".join(["2.55e+02"] * 784))
    (tmp_path / "y").write_text("0 0 1 0 0 0 0 0 0 0\n0 0 0 0 0 0 0 0 0 1.0\n")
    data = read_csv(tmp_path / "x", tmp_path / "y", "mine")
    assert data.images[:, 0, 0, 0].tolist() == [7, 255] and data.labels.tolist() == [2, 9]


ROW = ",".join(["0"] * 784)
LABEL = "0,1,0,0,0,0,0,0,0,0"
WHOLE = "expected whole numbers from 0 to"
BAD_TABLES = {
    "nothing": ("", LABEL, "images: holds no drawings"),
    "ragged row": (f"{ROW}\n{ROW},0", f"{LABEL}\n{LABEL}", "images: line 2: 785 columns; expected 784"),
    "samples as columns": (",".join(["0"] * 1000), LABEL, "images: line 1: 1,000 columns; expected 784"),
    "other separator": (ROW.replace(",", ";"), LABEL, "images: line 1: 1 columns; expected 784"),
    "column names": ("pixel" + ROW[1:], LABEL, f"line 1: found 'pixel' in column 1; {WHOLE} 255"),
    "not a number": (f"{ROW}\nnan{ROW[1:]}", LABEL, f"line 2: found 'nan' in column 1; {WHOLE} 255"),
    "infinity": (f"inf{ROW[1:]}", LABEL, f"line 1: found 'inf' in column 1; {WHOLE} 255"),
    "above 255": (f"{ROW[:-1]}256", LABEL, f"line 1: found '256' in column 784; {WHOLE} 255"),
    "below zero": (f"-1{ROW[1:]}", LABEL, f"line 1: found '-1' in column 1; {WHOLE} 255"),
    "scaled to [0, 1]": (f"0.5{ROW[1:]}", LABEL, f"line 1: found '0.5' in column 1; {WHOLE} 255"),
    "empty cell": (f",{ROW[2:]}", LABEL, f"line 1: found '' in column 1; {WHOLE} 255"),
    "a web page": ("<!DOCTYPE html>\n", LABEL, "images: line 1: 2 columns; expected 784"),
    "labels as integers": (ROW, "1", "labels: line 1: 1 columns; expected 10"),
    "no class": (ROW, "0,0,0,0,0,0,0,0,0,0", "labels: line 1: 0 ones; expected a one-hot label"),
    "two classes": (f"{ROW}\n{ROW}", f"{LABEL}\n0,1,0,1,0,0,0,0,0,0", "labels: line 2: 2 ones; expected a one-hot"),
    "a probability": (ROW, "0,0.5,0.5,0,0,0,0,0,0,0", f"labels: line 1: found '0.5' in column 2; {WHOLE} 1"),
    "a label too few": (f"{ROW}\n{ROW}", LABEL, "labels: 1 rows; expected 2, as in images"),
    "a label too many": (ROW, f"{LABEL}\n{LABEL}", "labels: 2 rows; expected 1, as in images"),
    "files swapped": (LABEL, ROW, "images: line 1: 10 columns; expected 784"),
}


@pytest.mark.parametrize("images, labels, fault", BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_table_that_is_none_is_refused_by_file_and_line(images, labels, fault, tmp_path, refusal):
    (tmp_path / "images").write_text(images)
    (tmp_path / "labels").write_text(labels)
    text = refusal(read_csv, tmp_path / "images", tmp_path / "labels", "mine")
    assert str(tmp_path) in text and fault in text


def test_a_binary_file_in_place_of_a_table_is_refused(tmp_path, refusal):
    (tmp_path / "images").write_bytes(bytes(range(256)) * 40)
    text = refusal(read_csv, tmp_path / "images", tmp_path / "images", "mine")
    assert "line 1" in text and len(text) < 200 + len(str(tmp_path))


def test_a_missing_table_is_refused(csv_folder, refusal):
    (csv_folder / "test_label.csv").unlink()
    assert f"{csv_folder / 'test_label.csv'}: cannot be read" in refusal(read_csv_folder, csv_folder)


BAD_INDEX = {
    "not a number": ("1\ntwo\n3\n", "line 2: found 'two'; expected a whole number below 60,000"),
    "beyond the set": ("1\n2\n60000\n", "line 3: found '60000'"),
    "below zero": ("-1\n2\n3\n", "line 1: found '-1'"),
    "absurdly long": ("1\n" + "9" * 5000 + "\n3\n", "line 2: found '99999"),
    "a row short": ("1\n2\n", "2 rows; expected 3"),
}


@pytest.mark.parametrize("content, fault", BAD_INDEX.values(), ids=BAD_INDEX)
def test_an_index_that_is_none_is_refused_by_file_and_line(content, fault, tmp_path, refusal):
    path = tmp_path / "train_source_index.csv"
    path.write_text(content)
    text = refusal(read_index, path, 3, 60_000)
    assert str(path) in text and fault in text and len(text) < 400


def test_the_report_s_rows_are_rebuilt_with_their_repeats_and_leaks(data_root):
    official, _ = read_mnist(data_root / "mnist")
    train, test = read_mini_mnist(data_root / "mnist_mini", official)
    assert (len(train), len(test)) == (1000, 350)
    assert (len(set(train.digests)), len(set(test.digests))) == (958, 342)
    assert np.all(np.diff(train.labels) >= 0) and np.all(np.diff(test.labels) >= 0)  # sorted, as in the report's files
    splits = Splits(train, train.take(np.arange(0)), test, MNIST)
    assert splits.overlaps["train", "train"] == 42 and splits.overlaps["train", "test"] == 32
    clean = without(test, train)
    assert len(clean) == 318 and not set(clean.digests) & set(train.digests)


def test_the_package_brings_the_report_s_rows(tmp_path):
    train, test = (read_index(index_path(tmp_path, name), n, 60_000) for name, n in INDEX_FILES.items())
    assert (len(set(train)), len(set(test)), np.isin(test, train).sum()) == (958, 342, 32)
    (tmp_path / "test_source_index.csv").write_text("5\n")
    assert index_path(tmp_path, "test_source_index.csv") == tmp_path / "test_source_index.csv"
