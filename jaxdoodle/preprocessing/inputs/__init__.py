"""The pictures and drawings in a file or folder, each with a name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from jaxdoodle.core.errors import InputError

#: Suffixes of files with many drawings in strokes, with one, and with bitmaps.
MANY_DRAWINGS, ONE_DRAWING, BITMAPS = (".ndjson", ".bin"), (".json", ".svg"), ".npy"

#: What an axis of so many numbers holds: gray with or without alpha, colors with or without it.
CHANNELS = (1, 2, 3, 4)
#: Longest path, in characters, of any system.
MAX_PATH = 32_767
#: Longest one, in characters, that a message gives whole.
LONGEST_NAME = 255


def suffix_of(path: str | os.PathLike[str]) -> str:
    return os.path.splitext(path)[1].lower()


def is_path(value: Any) -> bool:
    """Whether this names a file, and is no data URL, JSON or SVG."""
    if isinstance(value, os.PathLike):
        return True
    if not isinstance(value, str) or value.lstrip().startswith("data:") or len(value) > MAX_PATH:
        return False
    return value.lstrip()[:1] not in ("[", "{", "<") or os.path.exists(value)


def everything(path: str) -> Iterator[tuple[str, Any]]:
    """``items`` of a file, or of the files in a folder by name; the ``InputError`` in place of what cannot be read."""
    paths = sorted(in_folder(path)) if os.path.isdir(path) else [path]
    if not paths:
        yield path, InputError(f"{path}: holds no picture and no drawing; expected .png, .jpg, .ndjson and the like.")
    for file in paths:
        try:
            yield from items(file)
        except InputError as error:
            yield file, error


def in_folder(folder: str) -> Iterator[str]:
    """Paths of the pictures and drawings, by their suffix, in a folder and the folders in it.

    Hidden files and folders, and those that archivers add (``__MACOSX``), are left out.
    """
    from jaxdoodle.preprocessing.inputs.pictures import PICTURE_FORMATS  # which imports NumPy

    suffixes = {*PICTURE_FORMATS, *MANY_DRAWINGS, *ONE_DRAWING, BITMAPS}
    for parent, folders, names in os.walk(folder):
        folders[:] = (name for name in folders if not name.startswith((".", "__")))
        for name in names:
            if not name.startswith(".") and suffix_of(name) in suffixes:
                yield os.path.join(parent, name)


def items(path: str) -> Iterator[tuple[str, Any]]:
    """Name and content of each picture or drawing in a file, as ``preprocess`` takes it.

    Drawings are counted from 1, the bitmaps of an ``.npy`` from 0. A broken drawing is given as an ``InputError``.

    Raises:
      InputError: The file cannot be read or holds nothing.
    """
    suffix = suffix_of(path)
    if suffix == BITMAPS:
        yield from _bitmaps(path)
    elif suffix == ".npz":
        from jaxdoodle.strokes import sketch_rnn

        for split, drawings in sketch_rnn.read(path).items():
            for number, found in enumerate(drawings):
                yield f"{path}:{split}:{number}", found
    elif suffix in MANY_DRAWINGS + ONE_DRAWING:
        from jaxdoodle.strokes import readers

        for number, found in enumerate(readers.scan(path), 1):
            yield (path if suffix in ONE_DRAWING else f"{path}:{number}"), found
    else:
        yield path, path


def picture(source: str | BinaryIO, name: str) -> Any:
    """Read a picture as a Pillow image. Raises ``InputError``, which begins with ``name``."""
    from jaxdoodle.preprocessing.inputs.pictures import open_picture

    try:
        return open_picture(source)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def named(path: str | os.PathLike[str]) -> str:
    """A path as a message gives it: of a long text, which is hardly one, how it begins."""
    name = os.fspath(path)
    return name if len(name) <= LONGEST_NAME else f"{name[:40]!r}..."


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

    from jaxdoodle.core.files import header_of, refuse_length

    offset, name, column_major, shape = header_of(path)
    channels = (2 < len(shape) and shape[-1] in CHANNELS) or (len(shape) == 4 and shape[1] in CHANNELS)
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError):
        dtype = np.dtype(object)
    if dtype.kind not in "buif" or not 1 <= len(shape) - channels <= 3 or not all(shape):
        raise InputError(
            f"{path}: holds {name} {shape}; expected numbers (height, width) or (n, height, width), with or without "
            "channels."
        )
    refuse_length(path, offset, (*shape, dtype.itemsize), f"{shape}")
    images: Any = np.memmap(path, dtype, "r", offset, shape, "F" if column_major else "C")
    if images.shape[1:] in ((784,), (784, 1)):
        images, channels = images.reshape(-1, 28, 28), False
    several = images.ndim - channels == 3
    for number, image in enumerate(images if several else images[None]):
        yield f"{path}:{number}", image
