"""Sketch-rnn's ``.npz`` files, the other published form of Quick, Draw!: ``(dx, dy, lift)`` for each point.

Arrays of arrays are pickled; ``core.unpickle`` reads arrays of numbers and nothing else.

Reference: Ha and Eck 2017, "A Neural Representation of Sketch Drawings".
"""

from __future__ import annotations

import os
import zipfile
from typing import IO, Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.core.unpickle import unpickle
from jaxdoodle.strokes.forms import Columns

SPLITS = ("train", "valid", "test")
#: Bytes of a split: those of a published file of one class take 60 MB at most.
MAX_BYTES = 1 << 28


def is_sketch_rnn(path: str | os.PathLike[str]) -> bool:
    """Whether this is a zip file with the members of sketch-rnn."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {f"{split}.npy" for split in SPLITS} == set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def read(path: str | os.PathLike[str]) -> dict[str, list[Any]]:
    """Read the drawings of a file.

    Args:
      path: A ``.npz`` with the members train, valid and test.

    Returns:
      The drawings of each split, strokes ``(xs, ys)`` in the units of the file.

    Raises:
      InputError: It is no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {split: _drawings(archive.open(f"{split}.npy")) for split in SPLITS}
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: cannot be read; {error.strerror}.") from None
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, TypeError, IndexError) as error:
        reason = str(error).rstrip(".")
        expected = "expected a sketch-rnn .npz of train, valid and test"
        raise InputError(f"{os.fspath(path)}: {expected}, each arrays of (dx, dy, lift); {reason}.") from None


def _drawings(stream: IO[bytes]) -> list[Any]:
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if not dtype.hasobject:
        raise ValueError(f"found an array of {dtype} {shape}")
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"a split takes more than {MAX_BYTES:,} bytes")
    return [_drawing(np.asarray(points)) for points in unpickle(data)]


def _drawing(points: NDArray[Any]) -> Columns:
    """Strokes of absolute coordinates; a stroke ends where the pen is lifted."""
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise ValueError(f"found points of the shape {points.shape}")
    places = np.cumsum(points[:, :2].astype(np.float64), axis=0)
    ends = np.flatnonzero(points[:, 2]) + 1
    pieces = [piece for piece in np.split(places, ends) if len(piece)]
    return Columns([(piece[:, 0].tolist(), piece[:, 1].tolist()) for piece in pieces])
