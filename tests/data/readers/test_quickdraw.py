import io
import pickle
import tracemalloc

import numpy as np
import pytest

from jaxdoodle.data.readers.quickdraw import find_bitmaps, official_order, open_bitmaps, read_bitmaps


@pytest.fixture
def folder(tmp_path):
    """Three classes; every pixel of a drawing is its number, 100 is added for pizza and 200 for zebra."""
    for start, (name, n) in enumerate((("ant", 20), ("pizza", 12), ("zebra", 5))):
        rows = np.repeat(np.arange(n, dtype=np.uint8) + np.uint8(100 * start), 784).reshape(n, 784)
        np.save(tmp_path / f"{name}.npy", rows)
    return tmp_path


def test_bitmaps_come_in_the_order_of_the_classes_asked_for(folder):
    data = read_bitmaps(folder, "quickdraw", ("zebra", "ant"), per_class=8)
    assert data.classes == ("zebra", "ant") and data.counts.tolist() == [5, 8]
    assert data.images[:, 3, 4, 0].tolist() == [200, 201, 202, 203, 204, 0, 1, 2, 3, 4, 5, 6, 7]
    assert data.labels.tolist() == [0] * 5 + [1] * 8


def test_all_classes_come_in_the_official_order_which_is_not_the_sorted_one(folder, tmp_path):
    assert read_bitmaps(folder, "q", None, 1).classes == ("ant", "pizza", "zebra")
    assert read_bitmaps(folder, "q", None, 1, ("yoga", "zebra", "ant")).classes == ("zebra", "ant", "pizza")


def test_hidden_and_other_files_are_no_classes(folder):
    (folder / "._ant.npy").write_bytes(b"x")
    (folder / "README.md").write_bytes(b"x")
    assert list(find_bitmaps(folder)) == ["ant", "pizza", "zebra"]


def test_a_missing_class_is_refused_with_its_file_and_what_comes_near(folder, refusal):
    text = refusal(read_bitmaps, folder, "quickdraw", ("ant", "piza"), 8)
    assert f"{folder / 'piza.npy'}: not found" in text and "did you mean pizza?" in text
    assert "https://storage.googleapis.com/quickdraw_dataset/full/numpy_bitmap/" in text
    assert "expected one of ant, pizza, zebra" in refusal(read_bitmaps, folder, "quickdraw", ("../secret",), 8)


def test_a_folder_without_bitmaps_says_where_they_can_be_had(tmp_path, refusal):
    for folder in (tmp_path, tmp_path / "missing"):
        text = refusal(read_bitmaps, folder, "quickdraw", ("ant",), 8)
        assert str(folder) in text and "https://storage.googleapis.com/quickdraw_dataset/" in text


def _saved(array, **kwargs):
    file = io.BytesIO()
    np.save(file, array, **kwargs)
    return file.getvalue()


def _with_header(text, version=1):
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode()


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('the file was unpickled')",)


GOOD = _saved(np.zeros((3, 784), np.uint8))
BAD_FILES = {
    "empty": (b"", "starts with b''; expected a .npy file"),
    "a web page": (b"<!DOCTYPE html><html>Not found</html>", "starts with b'<!DOCTYPE ht'"),
    "an npz": (b"PK\x03\x04" + bytes(50), "expected a .npy file"),
    "a pickle": (pickle.dumps(Trap()), "expected a .npy file"),
    "a pickled object array": (_saved(np.array([Trap()], object)), "holds |O (1,); expected |u1 (n, 784)"),
    "floats": (_saved(np.zeros((3, 784), np.float32)), "holds <f4 (3, 784)"),
    "signed bytes": (_saved(np.zeros((3, 784), np.int8)), "holds |i1 (3, 784)"),
    "named fields": (_saved(np.zeros(3, [("a", "u1")])), "holds [('a', '|u1')] (3,)"),
    "images as squares": (_saved(np.zeros((3, 28, 28), np.uint8)), "holds |u1 (3, 28, 28)"),
    "another size": (_saved(np.zeros((3, 1024), np.uint8)), "holds |u1 (3, 1024)"),
    "one drawing alone": (_saved(np.zeros(784, np.uint8)), "holds |u1 (784,)"),
    "column by column": (_saved(np.zeros((3, 784), np.uint8, order="F")), "column by column (3, 784)"),
    "samples as columns": (_saved(np.zeros((784, 3), np.uint8)), "holds |u1 (784, 3)"),
    "no drawings": (_saved(np.zeros((0, 784), np.uint8)), "holds no drawings"),
    "one byte short": (GOOD[:-1], f"truncated; {len(GOOD) - 1:,} bytes, expected {len(GOOD):,} for 3 drawings"),
    "header alone": (GOOD[:128], "truncated; 128 bytes"),
    "end within the header": (GOOD[:40], "its .npy header is damaged"),
    "end within the magic": (GOOD[:7], "its .npy header is damaged"),
    "one byte long": (GOOD + b"\0", f"too long; {len(GOOD) + 1:,} bytes"),
    "no dictionary": (_with_header("hello"), "header is damaged; found b'hello'"),
    "code for a header": (_with_header("__import__('os').abort()"), "header is damaged"),
    "missing key": (_with_header("{'descr': '|u1', 'shape': (3, 784)}"), "header is damaged"),
    "shape in words": (_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': ('3', 784)}"), "damaged"),
    "shape below zero": (_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-3, 784)}"), "damaged"),
    "deeply nested": (_with_header("(" * 4000 + ")" * 4000), "header is damaged"),
    "a thousand signs": (_with_header("-" * 9000 + "1"), "header is damaged"),
    "more than memory": (_with_header(f"{{'descr':'|u1','fortran_order':False,'shape':({10**30},784)}}"), "truncated"),
    "a header of 4 GB": (b"\x93NUMPY\2\0\xff\xff\xff\xff{", "header is damaged"),
}


@pytest.mark.parametrize("content, fault", BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_holds_no_bitmaps_is_refused(content, fault, tmp_path, refusal):
    path = tmp_path / "clock.npy"
    path.write_bytes(content)
    text = refusal(open_bitmaps, path)
    assert str(path) in text and fault in text and len(text) < 300 + len(str(path))


def test_every_file_is_checked_before_any_drawing_is_read(folder, refusal):
    (folder / "zebra.npy").write_bytes(GOOD[:-1])
    assert "zebra.npy: truncated" in refusal(read_bitmaps, folder, "quickdraw", ("ant", "zebra"), 8)


@pytest.mark.parametrize("version", ((1, 0), (2, 0), (3, 0)))
def test_all_versions_of_the_format_are_read(version, tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (5, 784), dtype=np.uint8)
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, rows, version)
    assert np.array_equal(open_bitmaps(tmp_path / "a.npy"), rows)


def test_a_capped_class_never_has_its_whole_file_in_memory(tmp_path):
    """Five million drawings, 4 GB of holes: only the hundred asked for are read."""
    n = 5_000_000
    with open(tmp_path / "clock.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (n, 784)})
        file.write(np.full(784, 9, np.uint8).tobytes())
        file.truncate(file.tell() + (n - 1) * 784)
    tracemalloc.start()
    data = read_bitmaps(tmp_path, "quickdraw", None, per_class=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(data) == 100 and data.images[0].min() == 9 and data.images[1].max() == 0
    assert peak < 2_000_000


def test_the_official_categories_are_345_and_not_sorted(data_root):
    order = official_order(data_root / "quickdraw" / "categories.txt")
    assert len(order) == 345 and order[0] == "aircraft carrier" and list(order) != sorted(order)
    assert official_order(data_root / "missing.txt") == ()


def test_every_real_class_is_read_in_the_official_order(data_root):
    root = data_root / "quickdraw"
    order = official_order(root / "categories.txt")
    data = read_bitmaps(root / "full" / "numpy_bitmap", "quickdraw", None, 10, order)
    assert data.classes == order and data.counts.tolist() == [10] * 345
    pizza = np.load(root / "full" / "numpy_bitmap" / "pizza.npy", mmap_mode="r")
    assert np.array_equal(data.images[data.labels == order.index("pizza")].reshape(10, 784), pizza[:10])
