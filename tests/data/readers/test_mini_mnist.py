import numpy as np
import pytest

from jaxdoodle.data.dataset import Splits
from jaxdoodle.data.readers.idx import read_mnist
from jaxdoodle.data.readers.mini_mnist import INDEX_FILES, index_path, read_index, read_mini_mnist
from jaxdoodle.data.splits import without
from jaxdoodle.preprocessing.config import MNIST

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
