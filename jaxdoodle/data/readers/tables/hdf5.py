"""HDF5: the arrays of a file by name, and those of MATLAB 7.3, which is HDF5 with the axes exchanged. Needs h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.readers.found import column_of
from jaxdoodle.data.readers.source import begin_of
from jaxdoodle.data.readers.tables.objects import MOST_BYTES

MAGIC = b"\x89HDF\r\n\x1a\n"
SUFFIXES = (".h5", ".hdf5", ".hdf")
#: MATLAB writes its own header before that of HDF5.
BEGIN_OF_MATLAB = b"MATLAB 7.3"


def arrays_of(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of numbers and of texts, also in groups and attributes, by name. Raises ``InputError``."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise InputError(f"{file}: HDF5 needs h5py; {install_hint('datasets')}.") from None
    found: dict[str, NDArray[Any]] = {}
    matlab = begin_of(file).startswith(BEGIN_OF_MATLAB)

    def visit(name: str, one: Any) -> None:
        for key, value in one.attrs.items():
            if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "OSU":
                found.setdefault(key, column_of(value.tolist()))
        if not isinstance(one, h5py.Dataset) or not one.ndim or name.startswith("#"):
            return
        if one.nbytes > MOST_BYTES:
            raise InputError(f"{name} takes more than {MOST_BYTES:,} bytes.")
        if one.dtype.kind in "biufOS":
            value = one[()]
            numbers = value.dtype.kind in "biuf"
            found[name.replace("/", " ")] = (value.T if matlab else value) if numbers else column_of(value.tolist())

    try:
        with h5py.File(file, "r") as opened:
            visit("", opened)
            opened.visititems(visit)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:  # InputError is a ValueError
        raise InputError(f"{file}: is no HDF5 that can be read; {str(error).rstrip('.')[:200]}.") from None
    return found
