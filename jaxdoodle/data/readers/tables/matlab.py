"""MATLAB's ``.mat``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.core.types import NDArray


def arrays_of(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of numbers in a ``.mat`` file by name. Raises ``InputError``; needs SciPy."""
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError:
        raise InputError(f"{file}: .mat needs SciPy; {install_hint('datasets')}.") from None
    try:
        found = loadmat(file)
    except NotImplementedError:
        raise InputError(f"{file}: is a .mat of version 7.3; save it with -v7.") from None
    except Exception as error:  # whatever SciPy raises at damaged files
        raise InputError(f"{file}: is no .mat that can be read; {str(error).rstrip('.')}.") from None
    return dict(_arrays(found))


def _arrays(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays of numbers, also within structures, by name."""
    for name, value in found.items():
        while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
            value = value.reshape(-1)[0]
        if isinstance(value, np.ndarray) and value.dtype.names and value.size == 1:
            record = value.reshape(-1)[0]
            yield from _arrays({field: record[field] for field in value.dtype.names}, f"{prefix}{name} ")
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.size > 1:
            yield f"{prefix}{name}", value
