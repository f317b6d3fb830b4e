import gzip
import shutil
import struct
import tracemalloc

import numpy as np
import pytest

from jaxdoodle.data.dataset import Dataset
from jaxdoodle.data.readers import recognize
from jaxdoodle.data.readers.found import Wanted
from jaxdoodle.data.readers.idx import MNIST_SHA256, read_idx, read_mnist
from jaxdoodle.data.readers.words import in_order


def read_two(folder):
    """The training and the test set as datasets."""
    found = recognize.read(folder, Wanted())
    classes = found.classes or in_order(name for part in found.parts.values() for name in part.labels)
    numbers = {name: np.array([classes.index(n) for n in p.labels], np.int32) for name, p in found.parts.items()}
    return [Dataset("idx", found.parts[n].items, numbers[n], classes) for n in ("train", "test")]


IMAGES = np.arange(2 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(2, 28, 28)


@pytest.mark.parametrize("name", ("plain", "plain-but-called.gz", "zipped.gz", "zipped-but-not-called-so"))
def test_plain_and_gzipped_files_read_the_same_whatever_their_name(name, tmp_path, idx_bytes):
    content = idx_bytes(IMAGES)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.startswith("zipped") else content)
    array = read_idx(tmp_path / name, 3)
    assert array.dtype == np.uint8 and np.array_equal(array, IMAGES)


def _header(*shape, magic=None):
    return (magic or bytes([0, 0, 8, len(shape)])) + struct.pack(f">{len(shape)}I", *shape)


BODY = bytes(2 * 784)
GOOD = _header(2, 28, 28) + BODY
BAD_IMAGES = {
    "empty file": (b"", "starts with b''"),
    "three bytes": (b"\0\0\x08", "no IDX file"),
    "a web page": (b"<!DOCTYPE html><html>404</html>", "starts with b'<!DO'"),
    "a gzipped web page": (gzip.compress(b"<!DOCTYPE html>"), "starts with b'<!DO'"),
    "labels in place of images": (_header(2) + b"\1\2", "1 dimension (labels); expected IDX of type 0x08 with 3"),
    "floats": (_header(2, 28, 28, magic=b"\0\0\x0d\3") + BODY * 4, "type 0x0d with 3 dimensions (images)"),
    "four dimensions": (_header(2, 28, 28, 1) + BODY, "4 dimensions"),
    "little-endian magic": (_header(2, 28, 28, magic=b"\3\x08\0\0") + BODY, "no IDX file"),
    "little-endian sizes": (
        _header(magic=b"\0\0\x08\3") + struct.pack("<3I", 2, 28, 28) + BODY,
        "1,568 bytes follow the header; expected 33554432 x 469762048 x 469762048 = "
        "7,404,670,645,139,603,695,075,328; its sizes are little-endian, those of IDX big-endian",
    ),
    "end within the header": (_header(2, 28, 28)[:9], "truncated; 9 bytes, expected a header of 16"),
    "one byte short": (GOOD[:-1], "truncated, 1,567 bytes follow the header; expected 2 x 28 x 28 = 1,568"),
    "one byte long": (GOOD + b"\0", "too long"),
    "one image fewer than said": (_header(3, 28, 28) + BODY, "expected 3 x 28 x 28 = 2,352"),
    "more than memory said": (_header(*[2**32 - 1] * 3) + BODY, "truncated, 1,568 bytes follow"),
    "gzip, more than memory said": (gzip.compress(_header(*[2**32 - 1] * 3) + BODY), "truncated, 1,568"),
    "gzip cut off": (gzip.compress(GOOD)[:-12], "gzip is truncated or corrupted"),
    "gzip cut within its header": (gzip.compress(GOOD)[:5], "gzip is truncated or corrupted"),
    "gzip with a wrong checksum": (gzip.compress(GOOD)[:-8] + bytes(8), "gzip is truncated or corrupted; CRC"),
    "gzip damaged inside": (gzip.compress(GOOD)[:10] + b"\xff" * 20, "gzip is truncated or corrupted"),
}


@pytest.mark.parametrize("content, fault", BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_a_file_that_holds_no_images_is_refused(content, fault, tmp_path, refusal):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    text = refusal(read_idx, path, 3)
    assert str(path) in text and fault in text


def test_images_in_place_of_labels_are_refused(tmp_path, idx_bytes, refusal):
    (tmp_path / "labels").write_bytes(idx_bytes(IMAGES))
    assert "3 dimensions (images); expected IDX of type 0x08 with 1 dimension (labels)" in refusal(
        read_idx, tmp_path / "labels", 1
    )


def test_a_missing_file_and_a_folder_in_its_place_are_refused(tmp_path, refusal):
    assert "No such file" in refusal(read_idx, tmp_path / "missing", 1)
    assert "Is a directory" in refusal(read_idx, tmp_path, 1)


def test_a_header_that_promises_terabytes_takes_no_memory(tmp_path, refusal):
    (tmp_path / "images").write_bytes(_header(2**20, 2**20, 28) + BODY)
    tracemalloc.start()
    refusal(read_idx, tmp_path / "images", 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_zip_bomb_is_not_unpacked(tmp_path, refusal):
    bomb = _header(2, 28, 28) + bytes(50_000_000)
    (tmp_path / "images.gz").write_bytes(gzip.compress(bomb))
    tracemalloc.start()
    assert "too long" in refusal(read_idx, tmp_path / "images.gz", 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_any_folder_of_idx_files_is_a_dataset(idx_folder):
    train, test = read_two(idx_folder)
    assert train.images.shape == (30, 28, 28, 1) and len(test) == 12
    assert train.classes == test.classes == tuple("012")
    assert train.labels.dtype == np.int32 and train.labels[:4].tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("pattern", ("emnist-digits-{split}-{kind}-idx{n}-ubyte.gz", "{split}-{kind}.idx{n}-ubyte"))
def test_other_spellings_of_the_names_are_understood(pattern, idx_folder):
    expected = read_two(idx_folder)
    for path in list(idx_folder.iterdir()):
        split, kind = path.name.split("-")[:2]
        split = "test" if split == "t10k" and pattern.startswith("emnist") else split
        path.rename(idx_folder / pattern.format(split=split, kind=kind, n=3 if kind == "images" else 1))
    for split, found in zip(expected, read_two(idx_folder), strict=True):
        assert np.array_equal(split.images, found.images) and np.array_equal(split.labels, found.labels)


@pytest.mark.parametrize("labels", [range(14), range(1, 14), range(1, 27), [0, 1, 3, 4, 12]], ids=str)
def test_the_classes_are_the_labels_that_occur_or_26_letters(labels, idx_folder, idx_bytes):
    write_labels(idx_folder, idx_bytes, labels)
    train, test = read_two(idx_folder)
    letters = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert train.classes == test.classes == (letters if max(labels) == 26 else tuple(map(str, labels)))
    assert train.labels[:4].tolist() == [0, 1, 2, 3] and train.labels.dtype == np.int32


def test_names_count_from_the_first_label(idx_folder, idx_bytes):
    write_labels(idx_folder, idx_bytes, range(1, 27))
    names = [chr(ord("a") + place) for place in range(26)]
    for listed, first in ((names, 0), (["none", *names], 1)):
        (idx_folder / "classes.txt").write_text("\n".join(listed))
        train, test = read_two(idx_folder)
        assert train.classes == test.classes == tuple(listed)
        assert train.labels[:3].tolist() == test.labels[:3].tolist() == [first, first + 1, first + 2]


def write_labels(folder, pack, labels):
    """30 + 12 labels, these in turn; the test split begins with the first ones again."""
    for split, count in (("train", 30), ("t10k", 12)):
        taken = np.resize(np.array([*labels], np.uint8), count)
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(pack(taken))


def test_class_names_stand_in_classes_txt(idx_folder):
    listing = idx_folder / "classes.txt"
    listing.write_text("shirt\nshoe\nbag\nhat\n")
    assert read_two(idx_folder)[0].classes == ("shirt", "shoe", "bag", "hat")


def _drop_a_label(folder, pack):
    (folder / "train-labels-idx1-ubyte").write_bytes(pack(np.zeros(29, np.uint8)))


def _swap_splits(folder, pack):
    labels = [folder / f"{split}-labels-idx1-ubyte" for split in ("train", "t10k")]
    shutil.move(labels[0], folder / "x")
    shutil.move(labels[1], labels[0])
    shutil.move(folder / "x", labels[1])


def _other_size(folder, pack):
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(pack(np.zeros((12, 5, 5), np.uint8)))


def _no_images(folder, pack):
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(pack(np.zeros((0, 28, 28), np.uint8)))


def _two_of_a_kind(folder, pack):
    content = (folder / "t10k-labels-idx1-ubyte").read_bytes()
    (folder / "test-labels-idx1-ubyte").write_bytes(content[:-1] + b"\x01")


BAD_FOLDERS = {
    "a label is missing": (_drop_a_label, "29 labels for 30 train images", ""),
    "labels of the other split": (_swap_splits, "30 labels for 12 test images", ""),
    "images of another size": (_other_size, "images of 5 x 5", "expected 8 pixels a side or more"),
    "no images": (_no_images, "0 test images", ""),
    "two files for one place": (_two_of_a_kind, "t10k-labels-idx1-ubyte and test-labels-idx1-ubyte", "expected one"),
}


@pytest.mark.parametrize("damage, found, expected", BAD_FOLDERS.values(), ids=BAD_FOLDERS)
def test_files_that_do_not_fit_together_are_refused(damage, found, expected, idx_folder, idx_bytes, refusal):
    damage(idx_folder, idx_bytes)
    text = refusal(read_two, idx_folder)
    assert str(idx_folder) in text and found in text and expected in text


def test_a_file_both_plain_and_gzipped_counts_once(idx_folder):
    plain = (idx_folder / "train-labels-idx1-ubyte").read_bytes()
    (idx_folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(plain))
    assert len(read_two(idx_folder)[0]) == 30


def test_another_dataset_in_mnist_s_place_is_refused_by_its_hash(idx_folder, refusal):
    text = refusal(read_mnist, idx_folder)
    assert str(idx_folder / "train-images-idx3-ubyte.gz") in text
    assert MNIST_SHA256["train-images-idx3-ubyte"] in text and "--dataset DIR" in text


def test_missing_mnist_says_where_it_can_be_had(tmp_path, refusal):
    text = refusal(read_mnist, tmp_path)
    assert str(tmp_path / "train-images-idx3-ubyte.gz") in text
    assert "https://storage.googleapis.com/cvdf-datasets/mnist/" in text and "--data-dir" in text


def test_the_official_mnist_is_read_and_verified(data_root):
    train, test = read_mnist(data_root / "mnist")
    assert train.counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert train.images[0, 0].max() == 0 and train.images[0].max() == 255


def test_unzipped_mnist_is_read_and_one_changed_byte_is_noticed(data_root, tmp_path, refusal):
    for name in MNIST_SHA256:
        content = gzip.decompress((data_root / "mnist" / f"{name}.gz").read_bytes())
        (tmp_path / name).write_bytes(content)
    assert [len(split) for split in read_mnist(tmp_path)] == [60_000, 10_000]
    damaged = bytearray(content)
    damaged[-1] = (damaged[-1] + 1) % 10
    (tmp_path / name).write_bytes(damaged)
    text = refusal(read_mnist, tmp_path)
    assert str(tmp_path / name) in text and MNIST_SHA256[name] in text
