"""Quick, Draw! bitmaps: one ``.npy`` file a class, up to 200,000 drawings in it, memory-mapped.

The 345 files are 37 GB together, so only the first ``per_class`` drawings of each chosen class are ever read.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxdoodle.data.dataset import IMAGE_SHAPE, Dataset, choose_classes, read_names
from jaxdoodle.inference.errors import InputError

SOURCE = "https://storage.googleapis.com/quickdraw_dataset/full/numpy_bitmap/"
#: Unless another cap is asked for: all 345 classes are then 1.4 GB in memory, twice that while they are split.
PER_CLASS = 5_000

PIXELS = 784
_MAGIC = b"\x93NUMPY"


def open_bitmaps(path: Path) -> np.ndarray:
    """The drawings of one class, uint8 (n, 784), mapped from the file: a page is read when it is looked at.

    Raises ``InputError`` unless the file is a ``.npy`` of exactly that: uint8, 784 columns, row by row, as long as
    its header says. The header is read as data, never unpickled.
    """
    offset, rows = bitmaps_header(path)
    size, expected = path.stat().st_size, offset + rows * PIXELS
    if size != expected:
        fault = "truncated" if size < expected else "too long"
        raise InputError(f"{path}: {fault}; {size:,} bytes, expected {expected:,} for {rows:,} drawings.")
    return np.memmap(path, np.uint8, "r", offset, (rows, PIXELS))


def bitmaps_header(path: Path) -> tuple[int, int]:
    """Where the drawings of a file begin, and how many there are by its header. Raises as ``open_bitmaps`` does."""
    try:
        with open(path, "rb") as file:
            start = file.read(12)
            if start[:6] != _MAGIC:
                raise InputError(f"{path}: starts with {start!r}; expected a .npy file.")
            wide = start[6:7] > b"\1"  # from version 2 on, the header's length takes 4 bytes
            offset = 12 if wide else 10
            length = int.from_bytes(start[8:offset], "little")
            file.seek(offset)
            dtype, column_major, shape = _read_header(path, file.read(min(length, 10_000)))
    except OSError as error:
        raise InputError(f"{path}: cannot be read; {error.strerror}.") from None
    found = f"{dtype}{' column by column' if column_major else ''} {shape}"
    if dtype not in ("|u1", "u1", "<u1", ">u1") or column_major or len(shape) != 2 or shape[1] != PIXELS:
        raise InputError(f"{path}: holds {found}; expected |u1 (n, {PIXELS}), drawing by drawing.")
    if not shape[0]:
        raise InputError(f"{path}: holds no drawings.")
    return offset + length, shape[0]


def find_bitmaps(folder: Path) -> dict[str, Path]:
    """Class name -> its file, for the ``.npy`` files of a folder, sorted by name."""
    return {path.stem: path for path in sorted(folder.glob("[!.]*.npy"))}


def official_order(categories: Path) -> tuple[str, ...]:
    """All class names as Quick, Draw!'s own ``categories.txt`` lists them, which is not sorted; () without the file."""
    return read_names(categories) if categories.exists() else ()


def read_bitmaps(
    folder: Path, name: str, classes: Sequence[str] | None, per_class: int, order: Sequence[str] = ()
) -> Dataset:
    """The first ``per_class`` drawings of each class, uint8 (n, 28, 28, 1), in the order of ``classes``.

    ``None`` for all classes of the folder: as listed in ``order``, then any others, sorted. Raises ``InputError`` at
    a class without a file and at a file that ``open_bitmaps`` refuses, before any drawing is read.
    """
    files = find_bitmaps(folder)
    if not files:
        raise InputError(
            f"{folder}: no .npy files there. `jaxdoodle data get quickdraw` fetches them (from {SOURCE}<class>.npy), "
            "or name another data folder by --data-dir or $JAXDOODLE_DATA."
        )
    available = [name for name in order if name in files] + [name for name in files if name not in order]
    classes = choose_classes(classes, available, lambda name: f"{folder / name}.npy: not found (from {SOURCE})")
    bitmaps = [open_bitmaps(files[name])[:per_class] for name in classes]
    counts = [len(rows) for rows in bitmaps]
    images = np.empty((sum(counts), *IMAGE_SHAPE), np.uint8)
    np.concatenate(bitmaps, out=images.reshape(-1, PIXELS))
    return Dataset(name, images, np.repeat(np.arange(len(classes), dtype=np.int32), counts), classes)


def _read_header(path: Path, text: bytes) -> tuple[object, bool, tuple[int, ...]]:
    """Type, whether column by column, and shape out of the dictionary literal in a ``.npy`` header."""
    try:
        header = ast.literal_eval(text.decode("latin1").strip())
        dtype, column_major, shape = header["descr"], header["fortran_order"], header["shape"]
        if type(column_major) is bool and type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape):
            return dtype, column_major, shape
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        pass
    raise InputError(f"{path}: its .npy header is damaged; found {text[:60]!r}.")
