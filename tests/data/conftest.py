"""Writers of small files in the publishers' formats, and what a refusal looks like."""

import gzip
import struct

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.data.readers import quickdraw


@pytest.fixture
def refusal():
    """Calls what must raise ``InputError`` and returns its text, which is one line."""

    def call(function, *args, **kwargs):
        with pytest.raises(InputError) as caught:
            function(*args, **kwargs)
        text = str(caught.value)
        assert text and "\n" not in text
        return text

    return call


@pytest.fixture
def idx_bytes():
    """An array as a decompressed IDX file."""

    def pack(array, kind=8):
        return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()

    return pack


@pytest.fixture
def idx_folder(tmp_path, idx_bytes):
    """Four IDX files named like MNIST's: 30 + 12 images of three classes; the images are gzipped, the labels plain."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "garments"
    folder.mkdir()
    for side, n in (("train", 30), ("t10k", 12)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        (folder / f"{side}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
        (folder / f"{side}-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(n, dtype=np.uint8) % 3))
    return folder


@pytest.fixture
def random_dataset():
    """n drawings of random pixels, their classes in turn."""

    def make(n, classes=("a", "b", "c"), seed=0):
        images = np.random.default_rng(seed).integers(0, 256, (n, 28, 28, 1), dtype=np.uint8)
        return Dataset("noise", images, np.arange(n, dtype=np.int32) % len(classes), classes)

    return make


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's cache is a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """Writes noise, so many drawings of each class, and reads it as a set that is too large for memory."""

    def make(*counts):
        rng, folder = np.random.default_rng(0), tmp_path / "large"
        folder.mkdir()
        for number, count in enumerate(counts):
            np.save(folder / f"class{number}.npy", rng.integers(0, 256, (count, 784), dtype=np.uint8))
        monkeypatch.setattr(quickdraw, "RESIDENT", 0)
        return quickdraw.read_bitmaps(folder, "large", None, per_class=max(counts))

    return make
