"""Arrays in pickles, PyTorch's files and JSON: what a program held, read without running anything."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.core.types import NDArray
from jaxdoodle.core.unpickle import torch_files, unpickle
from jaxdoodle.data.readers.found import column_of

SUFFIXES = (".pkl", ".pickle", ".p", ".pt", ".pth")
#: Bytes of a file of objects: those of CIFAR-10 take 180 MB, MNIST as floats 220 MB.
MOST_BYTES = 2**31


class _Bound:
    """Bytes that are left."""

    def __init__(self) -> None:
        self.left = MOST_BYTES

    def take(self, count: int, itemsize: int = 4) -> None:
        """Raises ``InputError`` where that is too many."""
        self.left -= count * itemsize
        if self.left < 0:
            raise InputError(f"takes more than {MOST_BYTES:,} bytes.")


def arrays_of(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays by their keys; pairs are images and labels, two or three pairs the splits. Raises ``InputError``."""
    try:
        with reading(file):
            _Bound().take(file.stat().st_size, 1)
            return dict(named(_value(file)))
    except (ValueError, LookupError, zipfile.BadZipFile, RecursionError) as error:  # InputError is a ValueError
        fault = str(error).removeprefix(f"{file}: ").partition("; only arrays")[0].rstrip(".")
        expected = "expected arrays, tensors and texts in lists and dicts: save those, or parquet"
        raise InputError(f"{file}: holds no arrays that can be read; {fault}; {expected}.") from None


def _value(file: Path) -> Any:
    if file.suffix.lower() == ".json":
        return json.loads(file.read_bytes())
    if file.suffix.lower() == ".jsonl":
        return [json.loads(line) for line in file.read_bytes().splitlines() if line.strip()]
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if not torch_files.is_torch(archive.namelist()):
                raise InputError("an archive that is none of PyTorch.")
            _Bound().take(sum(member.file_size for member in archive.infolist()), 1)
            return torch_files.read_archive(archive.namelist(), archive.read, _Bound().take)
    data = file.read_bytes()
    if data.startswith(torch_files.LEGACY_START):
        return torch_files.read_legacy(data, _Bound().take)
    return unpickle(data)


def named(value: Any, prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays in lists and dicts, by their keys."""
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):  # a record for each image
        value = {key: [one.get(key) for one in value] for key in value[0]}
    elif isinstance(value, list) and all(isinstance(one, list) and len(one) == 2 for one in value):
        if all(map(_is_pair, value)) and len(value) in (2, 3):
            value = dict(
                zip(("train", "test") if len(value) == 2 else ("train", "validation", "test"), value, strict=True)
            )
        elif value and isinstance(value[0][0], np.ndarray | bytes):  # (image, label) for each image
            value = dict(zip(("images", "labels"), map(list, zip(*value, strict=True)), strict=True))
    elif pairs := _two_pairs(value):
        value = dict(zip(("train", "test"), pairs, strict=True))
    elif _is_pair(value):
        value = dict(zip(("images", "labels"), value, strict=True))
    if isinstance(value, dict):
        for key, one in value.items():
            yield from named(one, f"{prefix} {key}".strip())
        return
    array = value if isinstance(value, np.ndarray) else column_of(value) if isinstance(value, list) else np.empty(())
    if array.ndim and array.size:
        yield prefix, array


def _two_pairs(value: Any) -> tuple[Any, Any] | None:
    """The pairs in X, X, y, y, as scikit-learn's train_test_split has them, or in X, y, X, y."""
    if isinstance(value, list) and len(value) == 4:
        for pairs in ((value[::2], value[1::2]), (value[:2], value[2:])):
            if all(_is_pair(pair) and np.ndim(pair[0]) > np.ndim(pair[1]) for pair in pairs):
                return pairs
    return None


def _is_pair(value: Any) -> bool:
    """Whether this is a list of images and one of as many labels."""
    is_two = isinstance(value, list) and len(value) == 2 and all(isinstance(one, list | np.ndarray) for one in value)
    return is_two and all(map(np.ndim, value)) and len(value[0]) == len(value[1]) > 1
