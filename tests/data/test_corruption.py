"""Whatever happens to a file, a reader gives an array or refuses it by name: never another error."""

import gzip
import io

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.readers.idx import read_idx
from jaxdoodle.data.readers.mini_mnist import read_csv
from jaxdoodle.data.readers.quickdraw import open_bitmaps

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)


def _damaged(content, rng):
    """A few bytes changed, most of them near the beginning, and perhaps the end cut off or something put there."""
    content = bytearray(content)
    for _ in range(rng.integers(0, 4)):
        content[int(len(content) * rng.random() ** 6)] = rng.integers(0, 256)
    cut = rng.random()
    return bytes(content[: rng.integers(0, len(content))] if cut < 0.2 else content + bytes(5) * (cut > 0.9))


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("kind", ("idx", "gzipped idx", "npy", "csv"))
def test_a_damaged_file_is_read_or_refused(kind, tmp_path, idx_bytes):
    path, labels = tmp_path / "file", tmp_path / "labels"
    labels.write_text("1,0,0,0,0,0,0,0,0,0\n" * 2)
    table = "\n".join(",".join(map(str, image.ravel())) for image in IMAGES).encode()
    sound, read = {
        "idx": (idx_bytes(IMAGES), lambda: read_idx(path, 3)),
        "gzipped idx": (gzip.compress(idx_bytes(IMAGES)), lambda: read_idx(path, 3)),
        "npy": (_npy(IMAGES.reshape(2, 784)), lambda: open_bitmaps(path)),
        "csv": (table, lambda: read_csv(path, labels, "mine").images),
    }[kind]
    path.write_bytes(sound)
    assert np.array_equal(np.array(read()).reshape(IMAGES.shape), IMAGES)
    rng, refused = np.random.default_rng(1), 0
    for _ in range(200):
        path.write_bytes(_damaged(sound, rng))
        try:
            assert read().dtype == np.uint8
        except InputError as error:
            assert str(path) in str(error) or str(labels) in str(error)
            refused += 1
    assert refused > 30
