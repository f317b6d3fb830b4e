"""MATLAB's ``.mat``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.readers.found import column_of


def arrays_of(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of numbers and cells of texts in a ``.mat`` file by name. Raises ``InputError``; needs SciPy."""
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError:
        raise InputError(f"{file}: .mat needs SciPy; {install_hint('datasets')}.") from None
    try:
        found = loadmat(file)
    except Exception as error:  # whatever SciPy raises at damaged files
        raise InputError(f"{file}: is no .mat that can be read; {str(error).rstrip('.')}.") from None
    return dict(_arrays(found))


def _arrays(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays, also within structures, by name."""
    for name, value in found.items():
        while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
            value = value.reshape(-1)[0]
        if isinstance(value, np.ndarray) and value.dtype == object:  # a cell of texts
            if all(isinstance(one, np.ndarray) and one.dtype.kind == "U" and one.size == 1 for one in value.flat):
                yield f"{prefix}{name}", column_of([str(one.item()) for one in value.flat])
            continue
        if isinstance(value, np.ndarray) and value.dtype.names and value.size == 1:
            record = value.reshape(-1)[0]
            yield from _arrays({field: record[field] for field in value.dtype.names}, f"{prefix}{name} ")
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.size > 1:
            yield f"{prefix}{name}", value
