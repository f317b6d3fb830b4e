"""Whether the strokes of drawings and their bitmaps belong together: row i of one file is line i of the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.audit.checks import Finding
from jaxdoodle.data.audit.files import fault_of
from jaxdoodle.data.catalog import FOLDERS, STROKES_FOLDER
from jaxdoodle.data.readers.quickdraw import open_bitmaps
from jaxdoodle.strokes.raster import rasterize
from jaxdoodle.strokes.readers import read_drawings

#: Lines of a file that are looked at, and of these those that are drawn before a doubt arises.
LINES, DRAWN = 100, 20
#: Mean difference of a pixel up to which a bitmap shows the drawing. Of 15,332 real drawings none is drawn more than
#: 0.6 off, and no other less than 15.
SAME_DRAWING = 4.0


def examine_strokes(root: Path, classes: Sequence[str]) -> list[Finding]:
    """A fault for each class of Quick, Draw! whose first strokes do not draw its first bitmaps."""
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
    some = np.unique(np.linspace(0, count - 1, min(count, DRAWN)).astype(int))
    if _others(drawings, rows, some).any():
        others = np.flatnonzero(_others(drawings, rows, np.arange(count)))
        which = f"rows 0 to {count - 1}, all of them," if len(others) == count else f"rows {_ranges(others)} of {count}"
        text = f"{path}: {which} are other drawings than those of {bitmaps.name}; row i of both is one drawing"
        yield Finding("strokes", True, text, rows=tuple(others.tolist()))


def _others(drawings: Sequence, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Mask of the ``places`` at which the strokes draw something else than the bitmap."""
    drawn = rasterize([drawings[place] for place in places]).reshape(len(places), -1)
    return np.abs(drawn.astype(np.int16) - rows[places]).mean(axis=1) > SAME_DRAWING


def _ranges(numbers: np.ndarray) -> str:
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]} to {part[-1]}" for part in parts)
