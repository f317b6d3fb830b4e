"""Whatever happens to a file, a reader gives an array or refuses it by name: never another error."""

import gzip
import io
import pickle

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.readers.found import Broken, Wanted
from jaxdoodle.data.readers.idx import read_idx
from jaxdoodle.data.readers.quickdraw import open_bitmaps
from jaxdoodle.data.readers.tables.csv import read_tables
from jaxdoodle.data.readers.tables.objects import arrays_of

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


def _table(path):
    """The images of a table of text; ``InputError`` where it is none."""
    found = read_tables([path], Wanted(broken=Broken(skip=False)))
    if found is None:
        raise InputError(f"{path}: no table")
    return found.parts["train"].items


ROWS = [image.ravel().tolist() for image in IMAGES]
PLAIN = "\n".join(",".join(map(str, [*row, n])) for n, row in enumerate(ROWS))
NAMES = "".join(f"@attribute pixel{i} real\n" for i in range(784))
#: Kind of file -> what is in it, and how it is read.
KINDS = {
    "idx": (lambda pack: pack(IMAGES), lambda path: read_idx(path, 3)),
    "gzipped idx": (lambda pack: gzip.compress(pack(IMAGES)), lambda path: read_idx(path, 3)),
    "npy": (lambda pack: _npy(IMAGES.reshape(2, 784)), open_bitmaps),
    "csv": (lambda pack: PLAIN.encode(), _table),
    "arff": (lambda pack: f"@relation a\n{NAMES}@attribute class {{0,1}}\n@data\n{PLAIN}".encode(), _table),
    "libsvm": (
        lambda pack: "\n".join(f"{n} " + " ".join(f"{i}:{v}" for i, v in enumerate(r, 1)) for n, r in enumerate(ROWS)),
        _table,
    ),
    "pickle": (lambda pack: pickle.dumps({"images": IMAGES}), lambda path: arrays_of(path)["images"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused(kind, tmp_path, idx_bytes):
    path = tmp_path / "file"
    make, read = KINDS[kind]
    sound = make(idx_bytes)
    sound = sound.encode() if isinstance(sound, str) else sound
    path.write_bytes(sound)
    assert np.array_equal(np.array(read(path)).reshape(IMAGES.shape), IMAGES)
    rng, refused = np.random.default_rng(1), 0
    for _ in range(100):
        path.write_bytes(_damaged(sound, rng))
        try:
            read(path)
        except InputError as error:
            assert str(path) in str(error)
            refused += 1
        except KeyError:
            assert kind == "pickle"  # another name in the dict
    assert refused > 15
