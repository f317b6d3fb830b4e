"""Check that strokes and bitmaps belong together: row i of one file is line i of the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.rows import spread
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.audit.checks import Finding
from jaxdoodle.data.audit.files import fault_of
from jaxdoodle.data.catalog import FOLDERS, STROKES_FOLDER
from jaxdoodle.data.readers.quickdraw import open_bitmaps
from jaxdoodle.strokes import rasterize, read_drawings

#: Lines of a file that are read, and how many of them are rendered unless one of these differs.
LINES, RENDERED = 100, 20
#: Mean absolute difference of pixels (0 to 255) up to which a bitmap shows the drawing. It is at most 0.6 for each of
#: 15,332 real drawings, and at least 15 for any other drawing.
SAME_DRAWING = 4.0


def audit_strokes(root: Path, classes: Sequence[str]) -> list[Finding]:
    """Compare the first strokes of Quick, Draw! classes with their first bitmaps.

    Args:
      root: The data folder.
      classes: Class names; one whose strokes or bitmaps are missing is skipped.

    Returns:
      A fault for each class whose strokes do not render as its bitmaps.
    """
    return [finding for name in classes for finding in _compare(root, name)]


def _compare(root: Path, name: str) -> Iterator[Finding]:
    path, bitmaps = root / STROKES_FOLDER / f"{name}.ndjson", root / FOLDERS["quickdraw"] / f"{name}.npy"
    if not (path.is_file() and bitmaps.is_file()):
        return
    try:
        drawings, rows = list(islice(read_drawings(path), LINES)), open_bitmaps(bitmaps)
    except InputError as error:
        yield fault_of(error, path)
        return
    count = min(len(drawings), len(rows))
    some = spread(count, RENDERED)
    if _others(drawings, rows, some).any():
        others = np.flatnonzero(_others(drawings, rows, np.arange(count)))
        which = f"rows 0 to {count - 1}, all of them," if len(others) == count else f"rows {_ranges(others)} of {count}"
        text = f"{path}: {which} are other drawings than those of {bitmaps.name}; row i of both is one drawing"
        yield Finding("strokes", True, text, rows=tuple(others.tolist()))


def _others(drawings: Sequence[Any], bitmaps: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mask of the ``rows`` at which strokes and bitmap are different drawings."""
    rendered = rasterize([drawings[row] for row in rows]).reshape(len(rows), -1)
    return np.abs(rendered.astype(np.int16) - bitmaps[rows]).mean(axis=1) > SAME_DRAWING


def _ranges(numbers: NDArray[np.int64]) -> str:
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]} to {part[-1]}" for part in parts)
