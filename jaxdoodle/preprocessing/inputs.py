"""What files hold: the pictures and drawings that a path stands for, each with a name to call it by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from jaxdoodle.core.errors import InputError

#: By what their names end on, and Pillow's name of the format.
PICTURES = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF", ".bmp": "BMP", ".webp": "WEBP",
    ".tif": "TIFF", ".tiff": "TIFF", ".pgm": "PPM", ".pbm": "PPM", ".ppm": "PPM",
}  # fmt: skip
#: Of strokes: many drawings in a file, and one.
MANY, ONE = (".ndjson", ".bin"), (".json", ".svg")
BITMAPS = ".npy"


def suffix_of(path: str | os.PathLike[str]) -> str:
    return os.path.splitext(path)[1].lower()


def everything(path: str) -> Iterator[tuple[str, Any]]:
    """``items`` of a file, or of the files in a folder by name. Where one cannot be read its ``InputError`` stands."""
    paths = sorted(in_folder(path)) if os.path.isdir(path) else [path]
    if not paths:
        yield path, InputError(f"{path}: holds no picture and no drawing; expected {' '.join(PICTURES)} and the like.")
    for file in paths:
        try:
            yield from items(file)
        except InputError as error:
            yield file, error


def in_folder(folder: str) -> Iterator[str]:
    """The pictures and drawings, by their suffix, in a folder and the folders in it.

    Passed over are hidden files and folders, and what archivers leave (``__MACOSX``).
    """
    for parent, folders, names in os.walk(folder):
        folders[:] = (name for name in folders if not name.startswith((".", "__")))
        for name in names:
            if not name.startswith(".") and suffix_of(name) in (*PICTURES, *MANY, *ONE, BITMAPS):
                yield os.path.join(parent, name)


def items(path: str) -> Iterator[tuple[str, Any]]:
    """Name and content of each picture or drawing in a file, as ``preprocess`` takes it.

    Drawings are counted from 1, the bitmaps of an ``.npy`` from 0. In the place of a drawing that is broken stands
    the ``InputError`` that says so. Raises ``InputError`` at a file that cannot be read or holds nothing.
    """
    suffix = suffix_of(path)
    if suffix == BITMAPS:
        yield from _bitmaps(path)
    elif suffix in MANY + ONE:
        from jaxdoodle.strokes import readers

        for number, found in enumerate(readers.scan(path), 1):
            yield (path if suffix in ONE else f"{path}:{number}"), found
    else:
        yield path, path


def picture(source: str | BinaryIO, name: str) -> Any:
    """A picture, all of it, as a Pillow image. Raises ``InputError``, which begins with ``name``."""
    from jaxdoodle.preprocessing.pictures import open_picture

    try:
        return open_picture(source)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def sole(path: str | os.PathLike[str]) -> Any:
    """The content of a file that holds one picture or drawing. Raises ``InputError`` at one that holds more."""
    found = list(islice(items(os.fspath(path)), 2))
    if len(found) > 1:
        raise InputError(f"{os.fspath(path)}: holds more than one drawing; expected one.")
    content = found[0][1]
    if isinstance(content, InputError):
        raise content
    return content


def _bitmaps(path: str) -> Iterator[tuple[str, Any]]:
    import numpy as np

    from jaxdoodle.core.files import BYTES, header_of, refuse_length

    offset, dtype, column_major, shape = header_of(path)
    if dtype not in BYTES or len(shape) not in (2, 3) or not all(shape):
        raise InputError(f"{path}: holds {dtype} {shape}; expected |u1 (height, width) or (n, height, width).")
    refuse_length(path, offset, shape, f"{shape}")
    images: Any = np.memmap(path, np.uint8, "r", offset, shape, "F" if column_major else "C")
    if images.ndim == 2 and images.shape[1] == 784:
        images = images.reshape(-1, 28, 28)
    for number, image in enumerate(images if images.ndim == 3 else images[None]):
        yield f"{path}:{number}", image
