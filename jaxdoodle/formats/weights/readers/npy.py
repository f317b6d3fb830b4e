"""``.npy`` and ``.npz``: arrays, or pickled lists and dicts of them; and zip archives, read within limits."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import npy_header
from jaxdoodle.core.unpickle import KINDS, unpickle
from jaxdoodle.formats.weights.source import Budget, Weights, array_of, flattened

#: Files in a zip archive, of which a network needs as many as it has arrays.
MAX_MEMBERS = 10_000


def read_npy(data: bytes, budget: Budget) -> Weights:
    """One array, or a dict or list of arrays that ``numpy.save`` pickled."""
    return Weights(flattened(_array(data, budget), budget))


def read_npz(data: bytes, budget: Budget) -> Weights:
    """The arrays that ``numpy.savez`` wrote."""
    found: dict[str, Any] = {}
    for name, info in members(archive := open_zip(data)).items():
        if name.endswith(".npy"):
            found[name.removesuffix(".npy")] = _array(content(archive, info, budget), budget)
    return Weights(flattened(found, Budget()))


def _array(data: bytes, budget: Budget) -> Any:
    start, dtype, fortran, shape = npy_header(data)
    if dtype.lstrip("|") == "O":
        return unpickle(data[start:])
    if dtype.lstrip("<>|=") not in KINDS:
        raise InputError(f"an array holds {dtype!r}; only numbers are read.")
    return array_of(memoryview(data)[start:], np.dtype(dtype), shape, budget, "F" if fortran else "C")


def open_zip(data: bytes) -> zipfile.ZipFile:
    """A zip archive of a bounded number of files."""
    if (count := data.count(b"PK\x01\x02")) > MAX_MEMBERS:
        raise InputError(f"an archive of {count:,} files; at most {MAX_MEMBERS:,} are read.")
    return zipfile.ZipFile(io.BytesIO(data))


def members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by name; each comes once."""
    found = {info.filename: info for info in archive.infolist()}
    if len(found) != len(archive.infolist()):
        raise InputError("an archive in which a name comes twice.")
    return found


def content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> bytes:
    """A file of an archive: stored or deflated, and no larger than the budget and than it says."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise InputError(f"{info.filename!r} is encrypted, or compressed by another method than deflate.")
    if info.file_size > budget.bytes:
        raise InputError(f"{info.filename!r} would take {info.file_size:,} bytes; at most {budget.bytes:,} are read.")
    with archive.open(info) as file:
        return file.read(info.file_size)
