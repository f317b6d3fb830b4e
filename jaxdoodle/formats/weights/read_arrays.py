"""Named arrays from files of weights: .pkl, .npz, .safetensors, .weights.h5."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.formats.weights.unpickle import unpickle
from jaxdoodle.inference.model_file import MAX_FILE_BYTES

#: Arrays in a file; a network of a hundred layers has a few hundred.
MAX_ARRAYS = 1000


def read_arrays(path: Path) -> dict[str, NDArray[np.float32]]:
    """Arrays of one or more axes by their dotted names, in the order of the file, or else of their names.

    Raises:
      InputError: The file cannot be read; the message does not name it.
    """
    if path.suffix.lower() not in READERS:
        raise InputError(f"ends in {path.suffix!r}; weights are read from {', '.join(READERS)}.")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"has {path.stat().st_size:,} bytes; at most {MAX_FILE_BYTES:,} are read.")
        arrays = READERS[path.suffix.lower()](path)
    except OSError as error:
        raise InputError(f"{error.strerror or error}.") from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray | np.generic):
            raise InputError(f"{name} is not an array.")
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise InputError(f"{name} holds {array.dtype} that are not all finite numbers.")
    return {name: np.asarray(array, np.float32) for name, array in arrays.items() if array.ndim}


def _pickle(path: Path) -> dict[str, NDArray[Any]]:
    return dict(_flattened("", unpickle(path.read_bytes()), count=iter(range(MAX_ARRAYS))))


def _flattened(name: str, value: Any, count: Iterator[int]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Arrays in nested lists and dicts, by dotted names. A list of numbers, or of lists of numbers, is an array."""
    if isinstance(value, list):
        try:
            value = np.array(value) if not any(isinstance(one, np.ndarray) and one.ndim for one in value) else value
        except ValueError:  # lists of unequal lengths
            pass
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        if next(count, None) is None:
            raise InputError(f"holds more than {MAX_ARRAYS} arrays.")
        yield name or "array", value
    elif isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in pairs:
            yield from _flattened(f"{name}.{key}" if name else str(key), one, count)


def _npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(info.file_size for info in archive.infolist())
        if total > 4 * MAX_FILE_BYTES:
            raise InputError(f"would take {total:,} bytes; at most {4 * MAX_FILE_BYTES:,} are read.")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"not an .npz file of arrays: {error}.") from None


def _safetensors(path: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(path.read_bytes())
    except (SafetensorError, KeyError, TypeError) as error:
        raise InputError(f"not a safetensors file of numbers: {error}.") from None
    return _by_name(arrays)


def _h5(path: Path) -> dict[str, NDArray[Any]]:
    import h5py

    arrays: dict[str, NDArray[Any]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer"):
            if item.external or item.is_virtual:
                raise InputError(f"{name} is kept in another file.")
            if item.nbytes + sum(array.nbytes for array in arrays.values()) > 4 * MAX_FILE_BYTES:
                raise InputError(f"would take more than {4 * MAX_FILE_BYTES:,} bytes.")
            arrays[name.replace("/vars/", ".").replace("/", ".")] = item[()]

    with h5py.File(io.BytesIO(path.read_bytes()), "r") as file:
        file.visititems(visit)
    return _by_name(arrays)


def _by_name(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Sorted by name, numbers in names by their value."""

    def key(name: str) -> list[Any]:
        return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]

    return {name: arrays[name] for name in sorted(arrays, key=key)}


#: Suffix -> the function that reads such a file.
READERS: Mapping[str, Callable[[Path], dict[str, NDArray[Any]]]] = {
    ".pkl": _pickle,
    ".pickle": _pickle,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".h5": _h5,
}
