"""IDX, the format of MNIST, and the datasets in this format.

A file holds two zero bytes, one for the type of the numbers (8: uint8), one for the number of dimensions, the size of
each dimension as a big-endian uint32, then the numbers, the last dimension varying fastest; often it is gzipped.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.dataset import Dataset

#: SHA-256 of MNIST's four files, decompressed: a gzip file holds a time stamp, so its own hash varies.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MNIST_SOURCES = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
DIGITS = tuple("0123456789")
#: Types of the numbers, by the third byte of a file.
BYTE, INT = 8, 12
TYPES: dict[int, np.dtype[Any]] = {BYTE: np.dtype("u1"), INT: np.dtype(">i4")}
_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_LIMIT = 1032  # most bytes that one compressed byte can expand to


def read_idx(path: Path, ndim: int, sha256: str | None = None, kind: int = BYTE) -> NDArray[Any]:
    """The array with ``ndim`` dimensions in an IDX file, plain or gzipped (by content, whatever its name).

    Raises ``InputError`` where the file cannot be read, is not such a file, holds more or fewer numbers than its
    header says, or where its decompressed bytes have another hash. It allocates no more than the file can fill.
    """
    try:
        with open(path, "rb") as stream:
            zipped = stream.read(2) == _GZIP_MAGIC
        most = path.stat().st_size * (_DEFLATE_LIMIT if zipped else 1)
        with gzip.open(path) if zipped else open(path, "rb") as stream:
            header = stream.read(4)
            if header != (magic := bytes([0, 0, kind, ndim])):
                raise InputError(f"{path}: {_describe(header)}; expected {_describe(magic)}.")
            header += stream.read(4 * ndim)
            if len(header) != 4 + 4 * ndim:
                raise InputError(f"{path}: truncated; {len(header)} bytes, expected a header of {4 + 4 * ndim}.")
            shape = struct.unpack(f">{ndim}I", header[4:])
            count = math.prod(shape) * TYPES[kind].itemsize
            body = stream.read(min(count, most) + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: the gzip is truncated or corrupted; {str(error).rstrip('.')}.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read; {error.strerror}.") from None
    if len(body) != count:
        found = f"truncated, {len(body):,} bytes follow" if len(body) < count else "too long, more bytes follow"
        expected = f"expected {' x '.join(map(str, shape))} = {count:,}"
        if math.prod(struct.unpack(f"<{ndim}I", header[4:])) == len(body):
            expected += "; its sizes are little-endian, those of IDX big-endian"
        raise InputError(f"{path}: {found} the header; {expected}.")
    if sha256 is not None and (found := hashlib.sha256(header + body).hexdigest()) != sha256:
        raise InputError(
            f"{path}: SHA-256 of the decompressed bytes is {found}, MNIST's is {sha256}. "
            "Give another dataset in this format by its folder: --dataset DIR."
        )
    return np.frombuffer(body, TYPES[kind]).reshape(shape)


def is_idx(path: Path) -> bool:
    """Whether a file begins as IDX of bytes or 32-bit integers does, plain or gzipped."""
    return _kind(path) is not None


def read_any(path: Path) -> NDArray[Any]:
    """The array of an IDX file, images with three axes; of the labels of QMNIST, in several columns, the class."""
    kind = _kind(path)
    assert kind is not None
    array = read_idx(path, kind[1], kind=kind[0])
    return array[:, 0] if kind == (INT, 2) else array


def _kind(path: Path) -> tuple[int, int] | None:
    try:
        with open(path, "rb") as stream:
            zipped = stream.read(2) == _GZIP_MAGIC
        with gzip.open(path) if zipped else open(path, "rb") as stream:
            header = stream.read(4)
    except (OSError, EOFError, zlib.error):
        return None
    return (header[2], header[3]) if len(header) == 4 and header[:2] == b"\0\0" and header[2] in TYPES else None


def read_mnist(folder: Path) -> tuple[Dataset, Dataset]:
    """The official 60,000 and 10,000 digits. Raises ``InputError`` unless every file is MNIST's, byte for byte."""
    paths, hashes = [mnist_path(folder, name) for name in MNIST_SHA256], list(MNIST_SHA256.values())
    for path in paths:
        if not path.is_file():
            raise InputError(
                f"{path}: not found. `jaxdoodle data get mnist` fetches it (from {' or '.join(MNIST_SOURCES)}), "
                "or name another data folder by --data-dir or $JAXDOODLE_DATA."
            )
    parts = [_read_part(paths[i], paths[i + 1], hashes[i], hashes[i + 1]) for i in (0, 2)]
    train, test = (Dataset("mnist", *part, DIGITS) for part in parts)
    return train, test


def mnist_path(folder: Path, name: str) -> Path:
    """The file ``name`` in ``folder`` if it exists, else ``name.gz``, which may not exist."""
    plain = folder / name
    return plain if plain.is_file() else folder / f"{name}.gz"


def _read_part(
    images_path: Path, labels_path: Path, images_sha256: str, labels_sha256: str
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Images ``(n, 28, 28, 1)`` and labels ``(n,)`` of the training or the test set of MNIST."""
    images, labels = read_idx(images_path, 3, images_sha256), read_idx(labels_path, 1, labels_sha256)
    return images[..., None], labels.astype(np.int32)


def _describe(header: bytes) -> str:
    """The kind of a file by its first four bytes."""
    if len(header) < 4 or header[:2] != b"\0\0":
        return f"no IDX file; it starts with {header!r}"
    content = {1: " (labels)", 3: " (images)"}.get(header[3], "")
    return f"IDX of type 0x{header[2]:02x} with {header[3]} dimension{'s' * (header[3] != 1)}{content}"
