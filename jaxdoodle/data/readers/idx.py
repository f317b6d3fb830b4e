"""IDX, the format of MNIST, and the datasets in this format.

A file holds two zero bytes, one for the type of the numbers (8: uint8), one for the number of dimensions, the size of
each dimension as a big-endian uint32, then the numbers, the last dimension varying fastest; often it is gzipped.
"""

from __future__ import annotations

import filecmp
import gzip
import hashlib
import math
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.dataset import Dataset, read_names
from jaxdoodle.data.readers.found import SIDES, SPLIT_WORDS, Found, Part, letters_of
from jaxdoodle.data.readers.source import files_below

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
#: MNIST's file names, and the spellings of others: emnist-digits-test-images-idx3-ubyte, train-images.idx3-ubyte.
IDX_NAME = re.compile(
    r"(?:.+-)?(train|t10k|test|val|valid|validation)-(images|labels)[-.]idx(?:[13]-ubyte|2-int)(?:\.gz)?"
)

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


def idx_dimensions(path: Path) -> int:
    """The number of dimensions of an IDX file of bytes, plain or gzipped; 0 for any other file."""
    try:
        with open(path, "rb") as stream:
            zipped = stream.read(2) == _GZIP_MAGIC
        with gzip.open(path) if zipped else open(path, "rb") as stream:
            header = stream.read(4)
    except (OSError, EOFError, zlib.error):
        return 0
    return header[3] if len(header) == 4 and header[:3] == b"\0\0\x08" else 0


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


def dataset_files(files: Sequence[Path]) -> list[Path]:
    """Those of the files that are named like MNIST's."""
    return [path for path in files if IDX_NAME.fullmatch(path.name)]


def read_idx_folder(folder: Path) -> Found:
    """Training and perhaps test and validation set of files named like MNIST's (Fashion-MNIST, ...), unverified.

    The classes are the lines of ``classes.txt`` beside them; without it the characters of EMNIST's parts, letters for
    26 labels, and the numbers that are the labels: the ten digits or, where labels exceed 9 and none is left out, all
    of them. They count from 0, or from 1 as those of EMNIST's letters: then the first class is that of label 1.
    """
    roles: dict[tuple[str, str], Path] = {}
    for path in dataset_files(files_below(folder)):
        match = IDX_NAME.fullmatch(path.name)
        assert match is not None
        role = (SPLIT_WORDS[match[1]], match[2])
        other = roles.setdefault(role, path)
        alone = other == path or (other.name == f"{path.name}.gz" or path.name == f"{other.name}.gz")
        if not alone and not filecmp.cmp(other, path, shallow=False):
            found = f"{other.relative_to(folder)} and {path.relative_to(folder)}"
            raise InputError(f"{folder}: {found} are both {' '.join(role)}; expected one.")
    for part in {split for split, _ in roles} | {"train"}:
        for kind in ("images", "labels"):
            if (part, kind) not in roles:
                name = next(name for name in MNIST_SHA256 if kind in name and ("train" in name) == (part == "train"))
                raise InputError(f"{folder / name}: not found, nor with .gz; expected images and labels of {part}.")
    splits = sorted({part for part, _ in roles}, reverse=True)
    read = {part: _read_part(roles[part, "images"], roles[part, "labels"]) for part in splits}
    labels = np.unique(np.concatenate([numbers for _, numbers in read.values()]))
    source = roles["train", "images"]
    classes, first = _classes(source.with_name("classes.txt"), labels, str(source))
    parts = {part: Part(images, [classes[n - first] for n in numbers]) for part, (images, numbers) in read.items()}
    emnist = any("emnist" in path.name.lower() for path in roles.values())
    return Found("IDX files of EMNIST" if emnist else "IDX files", parts, classes)


def _classes(listing: Path, labels: NDArray[np.int32], source: str) -> tuple[tuple[str, ...], np.int32]:
    """The class names, and the label of the first; ``labels`` are all that occur, ascending."""
    lowest, highest = labels[[0, -1]].tolist()
    characters = letters_of(lowest, highest, source)
    if listing.exists():
        classes = read_names(listing)
        first = int(lowest == 1 and len(classes) == highest)
    elif characters:
        first = min(characters)
        classes = tuple(characters[n] for n in range(first, highest + 1))
    elif highest > 9 and lowest <= 1 and len(labels) == highest - lowest + 1:
        classes, first = tuple(map(str, range(lowest, highest + 1))), lowest
    else:
        classes, first = DIGITS, 0
    if highest - first >= len(classes):
        found = f"names {len(classes)} classes" if listing.exists() else "not found, so the classes are 0 to 9"
        raise InputError(f"{listing}: {found}, but labels reach {highest}; expected {highest + 1} names, one a line.")
    return classes, np.int32(first)


def _read_part(
    images_path: Path, labels_path: Path, images_sha256: str | None = None, labels_sha256: str | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Images ``(n, height, width, 1)`` and labels ``(n,)`` of the training or the test set, n at least 1."""
    images = read_idx(images_path, 3, images_sha256)
    if "idx2-int" in labels_path.name:  # QMNIST's: the class, then the writer and more
        labels = read_idx(labels_path, 2, labels_sha256, INT)[:, 0]
    else:
        labels = read_idx(labels_path, 1, labels_sha256)
    if min(images.shape[1:]) < SIDES[0]:
        found = f"{images.shape[1]} x {images.shape[2]}"
        raise InputError(f"{images_path}: images of {found}; expected {SIDES[0]} pixels a side or more.")
    if not len(images):
        raise InputError(f"{images_path}: holds no images.")
    if images.shape[2] == len(labels) != len(images):
        raise InputError(f"{images_path}: holds {images.shape}; expected the images along the first axis.")
    if len(labels) != len(images):
        raise InputError(f"{labels_path}: {len(labels):,} labels; expected {len(images):,}, as in {images_path.name}.")
    return images[..., None], labels.astype(np.int32)


def _describe(header: bytes) -> str:
    """The kind of a file by its first four bytes."""
    if len(header) < 4 or header[:2] != b"\0\0":
        return f"no IDX file; it starts with {header!r}"
    content = {1: " (labels)", 3: " (images)"}.get(header[3], "")
    return f"IDX of type 0x{header[2]:02x} with {header[3]} dimension{'s' * (header[3] != 1)}{content}"
