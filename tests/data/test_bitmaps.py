import os

import numpy as np
import pytest

from jaxdoodle.data import bitmaps
from jaxdoodle.data.bitmaps import Bitmaps, file_digests
from jaxdoodle.data.catalog import load_dataset
from jaxdoodle.data.dataset import SPLIT_NAMES
from jaxdoodle.data.readers import quickdraw
from jaxdoodle.data.splits import split_by_hash
from jaxdoodle.preprocessing.config import QUICKDRAW

COUNTS = (70, 3, 1200)
TOTAL = sum(COUNTS)
RNG = np.random.default_rng(1)

KEYS = {
    "everything": slice(None),
    "a slice over three files": slice(60, 100, 3),
    "backwards": slice(None, None, -7),
    "nothing": slice(5, 5),
    "one drawing": 72,
    "the last": -1,
    "anywhere, some twice": RNG.integers(0, TOTAL, 300),
    "a table": RNG.integers(0, TOTAL, (4, 5)),
    "a mask": RNG.random(TOTAL) < 0.3,
    "far apart": np.array([0, 500, 1272, 71, 60, 76, 77]),
    "no rows": np.empty(0, np.int64),
}


@pytest.fixture
def data(on_disk):
    return on_disk(*COUNTS)


@pytest.fixture
def array(data):
    """The same drawings by NumPy alone."""
    return np.concatenate([np.load(file.path) for file in data.images.files]).reshape(-1, 28, 28, 1)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_what_is_on_disk_is_indexed_like_an_array(key, data, array):
    assert isinstance(data.images, Bitmaps) and data.images.shape == array.shape and data.images.dtype == array.dtype
    np.testing.assert_array_equal(data.images[key], array[key])
    if not isinstance(key, int):
        np.testing.assert_array_equal(data.images.take(key)[:], array[key])


def test_a_drawing_that_is_not_there_is_an_index_error(data):
    with pytest.raises(IndexError):
        data.images[TOTAL]


def test_only_the_drawings_that_are_asked_for_and_those_between_are_read(data, monkeypatch):
    read = []

    class Counting(bytearray):
        def __new__(cls, size):
            read.append(size)
            return bytearray.__new__(cls, size)

    monkeypatch.setattr(bitmaps, "SPAN", 64)
    monkeypatch.setattr(bitmaps, "bytearray", Counting, raising=False)
    assert data.images[73:].shape == (1200, 28, 28, 1)
    assert read == [64 * 784], "a buffer that is used again, however much is read"


def test_the_hash_of_a_drawing_is_the_same_on_disk_and_in_memory(data, array):
    np.testing.assert_array_equal(data.digests, bitmaps.digests_of(array))
    rows = RNG.permutation(TOTAL)[:200]
    np.testing.assert_array_equal(data.take(rows).digests, bitmaps.digests_of(array[rows]))


def test_hashes_are_gathered_block_by_block(data, monkeypatch):
    whole = data.digests
    monkeypatch.setattr(bitmaps, "BLOCK", 11)
    np.testing.assert_array_equal(data.digests, whole)


def test_hashes_are_computed_once(data, monkeypatch):
    first = data.digests
    monkeypatch.setattr(bitmaps, "digests_of", None)
    np.testing.assert_array_equal(data.digests, first)


def test_the_hashes_of_a_file_that_changed_are_computed_anew(data):
    file = data.images.files[1]
    before = file_digests(file)
    np.save(file.path, np.zeros((3, 784), np.uint8))
    os.utime(file.path, ns=(0, 12345))
    assert len(set(before)) == 3 and len(set(file_digests(file))) == 1


def test_with_a_higher_cap_only_the_other_drawings_are_hashed(data, monkeypatch):
    file = data.images.files[2]
    few = file_digests(bitmaps.BitmapFile(file.path, file.offset, 100))
    hashed, digests_of = [], bitmaps.digests_of
    monkeypatch.setattr(bitmaps, "digests_of", lambda images: hashed.append(len(images)) or digests_of(images))
    np.testing.assert_array_equal(file_digests(file)[:100], few)
    assert sum(hashed) == 1100


BROKEN = {
    "empty": b"",
    "text": b"hello",
    "no array of hashes": b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (3,)}\n",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_damaged_cache_is_no_obstacle(content, data, cache):
    first = data.digests
    for kept in (cache / "jaxdoodle" / "digests").iterdir():
        kept.write_bytes(content)
    np.testing.assert_array_equal(data.digests, first)


def test_a_cache_that_cannot_be_written_whole_leaves_nothing_behind(data, cache, array, monkeypatch):
    def fill_the_disk(file, content):
        file.write(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "save", fill_the_disk)
    np.testing.assert_array_equal(data.digests, bitmaps.digests_of(array))
    assert not list((cache / "jaxdoodle" / "digests").iterdir())


def test_without_a_place_for_a_cache_hashes_are_computed_each_time(data, cache, array):
    cache.write_text("no folder")
    np.testing.assert_array_equal(data.digests, bitmaps.digests_of(array))


def test_a_file_that_was_cut_short_meanwhile_is_refused(data, refusal):
    path = data.images.files[2].path
    os.truncate(path, 128 + 50 * 784)
    assert refusal(lambda: data.images[:]) == f"{path}: was truncated after it was opened; drawing 1023 is missing."


def test_a_file_that_went_away_meanwhile_is_refused(data, refusal):
    path = data.images.files[2].path
    path.unlink()
    assert refusal(lambda: data.images[-1]) == f"{path}: cannot be read; No such file or directory."


def test_a_set_is_split_on_disk_as_in_memory(data, monkeypatch):
    folder = str(data.images.files[0].path.parent)
    large = split_by_hash(data, QUICKDRAW)
    monkeypatch.setattr(quickdraw, "IN_MEMORY", TOTAL * 784)
    small = load_dataset(folder)
    assert small.summary.startswith(large.summary) and large.overlaps == small.overlaps
    for split in SPLIT_NAMES:
        found, expected = large.sets[split], small.sets[split]
        assert isinstance(found.images, Bitmaps) and isinstance(expected.images, np.ndarray)
        np.testing.assert_array_equal(found.images[:], expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_classes_are_selected_without_reading(data, array, monkeypatch):
    monkeypatch.setattr(bitmaps, "read_rows", None)
    chosen = data.select(("class1", "class0"))
    monkeypatch.undo()
    assert chosen.labels.tolist() == [1] * 70 + [0] * 3
    np.testing.assert_array_equal(chosen.images[:], array[:73])
