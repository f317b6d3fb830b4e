import gzip
import hashlib
import io
import sys
import zipfile

import numpy as np
import pytest

from jaxdoodle.core.errors import FailedError
from jaxdoodle.data import FileStatus, load_dataset
from jaxdoodle.data.download import others
from jaxdoodle.data.download.publishers import fetch, get
from jaxdoodle.data.readers.idx import MNIST_SHA256
from tests.fixtures.mirror import BITMAPS, QUICK, quickdraw


def test_all_classes_are_those_of_the_official_list(server, target):
    statuses = quickdraw(server, target, classes="all", per_class=5)
    names = ["categories.txt", "The Eiffel Tower.npy", "clock.npy", "pizza.npy"]
    assert [status.path.name for status in statuses] == names
    assert [status.ok for status in statuses] == [True, True, True, False]  # the others come nevertheless
    assert "HTTP 404" in statuses[-1].text


def test_unknown_classes_are_refused_by_name(server, target, refusal):
    assert "did you mean clock?" in refusal(quickdraw, server, target, classes="clok")
    del server.content["quickdraw/categories.txt"]
    (target / "quickdraw/categories.txt").unlink()
    assert "no class '../clock'" in refusal(quickdraw, server, target, classes="../clock")
    assert [status.ok for status in quickdraw(server, target, classes="clock")] == [False, True]
    with pytest.raises(FailedError, match=r"categories\.txt: cannot be downloaded"):
        quickdraw(server, target, classes="all")


@pytest.fixture
def digits(server, idx_bytes, monkeypatch):
    """Four small files in MNIST's place, and their hashes in place of MNIST's."""
    for name in MNIST_SHA256:
        shape = (12, 28, 28) if "images" in name else (12,)
        content = idx_bytes(np.zeros(shape, np.uint8) + len(name))
        server.content[f"mnist/{name}.gz"] = gzip.compress(content)
        monkeypatch.setitem(MNIST_SHA256, name, hashlib.sha256(content).hexdigest())
    return server


@pytest.mark.parametrize("name", ["mnist", "mnist-mini"])
def test_mnist_is_held_to_its_hashes(name, digits, tmp_path):
    wrong = "mnist/t10k-labels-idx1-ubyte.gz"
    good = digits.content[wrong]
    digits.content[wrong] = gzip.compress(gzip.decompress(good)[:-1] + b"x")
    statuses = get(name, tmp_path, base_url=digits.url + "/", transfer=QUICK())
    assert [status.ok for status in statuses] == [True, True, True, False]
    assert "SHA-256 of the decompressed bytes" in statuses[-1].text and not (tmp_path / wrong).exists()
    digits.content[wrong] = good
    sent = digits.sent
    assert all(status.ok for status in get(name, tmp_path, base_url=digits.url, transfer=QUICK()))
    assert digits.sent - sent == len(good)  # the others were there
    assert sorted(path.name for path in (tmp_path / "mnist").iterdir()) == sorted(f"{n}.gz" for n in MNIST_SHA256)


def test_publishers_are_asked_at_their_addresses(monkeypatch, tmp_path):
    asked = []

    def ask(item, transfer):
        asked.append(item)
        return FileStatus(item.path, False, "")

    monkeypatch.setattr(sys.modules[fetch.__module__], "fetch", ask)
    get("mnist", tmp_path)
    get("quickdraw", tmp_path, classes="The Eiffel Tower", strokes=True)
    google = "https://storage.googleapis.com"
    assert {item.path.relative_to(tmp_path).as_posix(): item.urls for item in asked} == {
        f"mnist/{name}.gz": (
            f"{google}/cvdf-datasets/mnist/{name}.gz",
            f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}.gz",
        )
        for name in MNIST_SHA256
    } | {
        "quickdraw/categories.txt": (
            "https://raw.githubusercontent.com/googlecreativelab/quickdraw-dataset/master/categories.txt",
        ),
        f"{BITMAPS}/The Eiffel Tower.npy": (f"{google}/quickdraw_dataset/full/numpy_bitmap/The%20Eiffel%20Tower.npy",),
        "quickdraw/full/simplified/The Eiffel Tower.ndjson": (
            f"{google}/quickdraw_dataset/full/simplified/The%20Eiffel%20Tower.ndjson",
        ),
    }


def test_an_interruption_stops_all_downloads(server, target):
    server.manners[f"{BITMAPS}/The Eiffel Tower.npy"] = "throttles"

    def interrupt(part, size, end):
        if part.name == "clock.npy.part" and size:
            raise KeyboardInterrupt

    transfer = QUICK(watch=interrupt)
    with pytest.raises(KeyboardInterrupt):
        get("quickdraw", target, "clock,The Eiffel Tower", 60, base_url=server.url, transfer=transfer)
    assert transfer.halted.is_set()


def test_fashion_kmnist_and_emnist_are_checked_by_their_sums_and_ready_to_load(server, target, monkeypatch, idx_bytes):
    content = {}
    for split, n in (("train", 30), ("test", 9)):
        for kind, shape in (("images-idx3", (n, 28, 28)), ("labels-idx1", (n,))):
            content[f"emnist-letters-{split}-{kind}-ubyte.gz"] = gzip.compress(idx_bytes(np.ones(shape, np.uint8)))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, data in content.items():
            opened.writestr(f"gzip/{name}", data)
    names = [name.replace("test", "t10k").removeprefix("emnist-letters-") for name in content]
    fashion = dict(zip(names, content.values(), strict=True))
    server.content |= {f"fashion/{name}": data for name, data in fashion.items()} | {
        "emnist/gzip.zip": archive.getvalue()
    }
    sums = {"fashion": fashion, "emnist": {"gzip.zip": archive.getvalue()}}
    for name, files in sums.items():
        monkeypatch.setitem(others.FILES, name, {file: hashlib.md5(data).hexdigest() for file, data in files.items()})
        assert all(status.ok for status in get(name, target, base_url=server.url, transfer=QUICK()))
    assert load_dataset(target / "fashion").classes[:2] == ("T-shirt/top", "Trouser")
    assert load_dataset(target / "emnist" / "letters").classes == ("A",)
    monkeypatch.setitem(others.FILES, "kmnist", {"a.gz": "0" * 32})
    server.content["kmnist/a.gz"] = b"another file"
    (status,) = get("kmnist", target, base_url=server.url, transfer=QUICK())
    assert not status.ok and "published is 000" in status.text
