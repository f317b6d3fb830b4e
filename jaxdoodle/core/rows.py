"""Some of many rows: to look at, where looking at all would be slow."""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray


def spread(count: int, most: int) -> NDArray[np.int64]:
    """The indices of ``count`` rows, or ``most`` of them, evenly spread, ascending."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
