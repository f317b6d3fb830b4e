import gzip

import numpy as np

from jaxdoodle.data import NAMES, list_datasets, verify
from jaxdoodle.data.readers.idx import MNIST_SHA256


def test_every_dataset_with_a_name_is_listed_present_or_not(tmp_path):
    entries = {entry.name: entry for entry in list_datasets(tmp_path)}
    assert tuple(entries) == NAMES
    assert [name for name in NAMES if entries[name].present] == ["doodles"]
    assert "hexagon" in entries["doodles"].text
    assert all(name in entries["mnist"].text for name in MNIST_SHA256)
    assert all("\n" not in entry.text for entry in entries.values())


def test_a_dataset_is_present_once_all_its_files_are(tmp_path):
    (tmp_path / "mnist").mkdir()
    for i, name in enumerate(MNIST_SHA256):
        entries = {entry.name: entry for entry in list_datasets(tmp_path)}
        assert not entries["mnist"].present and name in entries["mnist"].text
        assert not entries["mnist-mini"].present and name in entries["mnist-mini"].text
        (tmp_path / "mnist" / (name + ".gz" * (i % 2))).touch()
    entries = {entry.name: entry for entry in list_datasets(tmp_path)}
    assert entries["mnist"].present and entries["mnist-mini"].present


def test_real_data_is_listed_and_sound(data_root):
    assert all(entry.present for entry in list_datasets(data_root))
    checks = {check.path.relative_to(data_root).as_posix(): check for check in verify(data_root)}
    assert len(checks) == 4 + 2 + 345 + 1 and all(check.ok for check in checks.values())
    assert checks["mnist/train-images-idx3-ubyte.gz"].text == "60,000 images, SHA-256 as published"
    assert checks["mnist_mini/train_source_index.csv"].text == "1,000 rows, 958 distinct"
    assert checks["quickdraw/full/numpy_bitmap/clock.npy"].text == "1,963 drawings"
    assert checks["quickdraw/categories.txt"].text == "345 classes"


def test_every_fault_is_found_and_named(tmp_path, idx_bytes):
    assert verify(tmp_path) == []
    mnist, mini, bitmaps = (tmp_path / name for name in ("mnist", "mnist_mini", "quickdraw/full/numpy_bitmap"))
    for folder in (mnist, mini, bitmaps):
        folder.mkdir(parents=True)
    (mnist / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(60_000, np.uint8))))
    (mnist / "t10k-images-idx3-ubyte").write_bytes(b"<!DOCTYPE html>")
    (mini / "train_source_index.csv").write_text("60000\n" * 1000)
    np.save(bitmaps / "ant.npy", np.zeros((3, 784), np.uint8))
    np.save(bitmaps / "bat.npy", np.zeros((3, 784)))
    (tmp_path / "quickdraw" / "categories.txt").write_text("ant\nant\n")
    checks = {check.path.name: check for check in verify(tmp_path)}
    faults = {
        "train-images-idx3-ubyte.gz": "No such file",
        "train-labels-idx1-ubyte.gz": MNIST_SHA256["train-labels-idx1-ubyte"],
        "t10k-images-idx3-ubyte": "no IDX file",
        "t10k-labels-idx1-ubyte.gz": "No such file",
        "train_source_index.csv": "line 1",
        "bat.npy": "<f8",
        "categories.txt": "second time",
    }
    assert {name for name, check in checks.items() if not check.ok} == set(faults)
    for name, fault in faults.items():
        assert fault in checks[name].text and name in checks[name].text
    assert checks["ant.npy"].text == "3 drawings"
