"""Quick, Draw! bitmaps: one ``.npy`` file for each class, up to 200,000 drawings in it.

The 345 files are 37 GB together: drawings of more than ``IN_MEMORY`` bytes stay on disk and are read in batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import BYTES, header_of, refuse_length
from jaxdoodle.data.bitmaps import PIXELS, BitmapFile, all_drawings
from jaxdoodle.data.dataset import Dataset, choose_classes, read_names
from jaxdoodle.data.readers.words import class_name

SOURCE = "https://storage.googleapis.com/quickdraw_dataset/full/numpy_bitmap/"
#: Drawings of each class, unless another number is asked for.
PER_CLASS = 5_000
#: Bytes of drawings up to which a dataset is read into memory; there are two copies while it is split.
IN_MEMORY = 2**28


def open_bitmaps(path: Path) -> np.memmap[Any, np.dtype[np.uint8]]:
    """The drawings of one class, uint8 ``(n, 784)``, mapped from the file: a page is read when it is used.

    Raises ``InputError`` unless the file is a ``.npy`` of exactly that: uint8, 784 columns, row by row, of the length
    in its header. The header is read as data, never unpickled.
    """
    offset, rows = bitmaps_header(path)
    refuse_length(path, offset, (rows, PIXELS), f"{rows:,} drawings")
    return np.memmap(path, np.uint8, "r", offset, (rows, PIXELS))


def bitmaps_header(path: Path) -> tuple[int, int]:
    """The byte at which the drawings of a file begin, and their number in its header. Raises as ``open_bitmaps``."""
    offset, dtype, column_major, shape = header_of(path)
    found = f"{dtype}{' column by column' if column_major else ''} {shape}"
    if dtype not in BYTES or column_major or len(shape) != 2 or shape[1] != PIXELS:
        raise InputError(f"{path}: holds {found}; expected |u1 (n, {PIXELS}), drawing by drawing.")
    if not shape[0]:
        raise InputError(f"{path}: holds no drawings.")
    return offset, shape[0]


def find_bitmaps(folder: Path) -> dict[str, Path]:
    """Class name -> its file, for the ``.npy`` files of a folder, sorted by name."""
    return {class_name(path.stem): path for path in sorted(folder.glob("[!.]*.npy"))}


def official_order(categories: Path) -> tuple[str, ...]:
    """All class names in the order of Quick, Draw!'s ``categories.txt``, which is not sorted; () without the file."""
    return read_names(categories) if categories.exists() else ()


def read_bitmaps(
    folder: Path, name: str, classes: Sequence[str] | None, per_class: int, order: Sequence[str] = ()
) -> Dataset:
    """The first ``per_class`` drawings of each class, in the order of ``classes``; on disk above ``IN_MEMORY`` bytes.

    ``None`` for all classes of the folder: in the order of ``order``, then any others, sorted. Raises ``InputError`` at
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
    parts = [_open_part(files[name], per_class) for name in classes]
    labels = np.repeat(np.arange(len(classes), dtype=np.int32), [part.count for part in parts])
    drawings = all_drawings(parts)
    images: Any = drawings if len(labels) * PIXELS > IN_MEMORY else drawings[:]
    return Dataset(name, images, labels, classes)


def _open_part(path: Path, most: int) -> BitmapFile:
    """The first drawings of a file that ``open_bitmaps`` accepts."""
    rows = open_bitmaps(path)
    return BitmapFile(path, rows.offset, min(most, len(rows)))
