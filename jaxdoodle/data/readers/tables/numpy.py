"""NumPy's ``.npy`` and ``.npz``; arrays of objects are read without running anything."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.core.unpickle import unpickle
from jaxdoodle.data.readers.found import column_of
from jaxdoodle.data.readers.tables import objects

BEGINS, SUFFIXES = (b"\x93NUMPY", b"PK"), (".npy", ".npz")


def arrays_of(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays by name, "" for the only one. Raises ``InputError``."""
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                names = [name.removesuffix(".npy") for name in archive.namelist()]
                return {name: _array(archive.read(f"{name}.npy")) for name in names}
        array = _array(file.read_bytes())
        return dict(objects.named(array.tolist())) if array.dtype == object else {"": array}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{file}: is no file of arrays that can be read; {str(error).rstrip('.')[:100]}.") from None


def _array(content: bytes) -> NDArray[Any]:
    """An array in a ``.npy``; one of objects is read without running anything."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(stream)
    if not dtype.hasobject:
        return np.load(io.BytesIO(content), allow_pickle=False)
    held = unpickle(content[stream.tell() :])
    if not shape and not isinstance(held, list):  # a dict
        return np.array(held, object)
    array = column_of(held if isinstance(held, list) else [held])
    return array if array.dtype != object or len(shape) < 2 else array.reshape(shape)
