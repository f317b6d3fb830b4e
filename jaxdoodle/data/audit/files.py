"""What may be wrong with the files of a dataset, and how to mend what is only written in another way."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.audit.checks import Finding
from jaxdoodle.data.catalog import FOLDERS
from jaxdoodle.data.catalogue import Check, verify
from jaxdoodle.data.readers.idx import IDX_NAME, read_idx
from jaxdoodle.data.readers.quickdraw import PIXELS, find_bitmaps, open_bitmaps

_LOOKED_AT = 1_000  # rows of a file, to tell the range of its numbers
#: The folders that a dataset is read from.
_READ = {"mnist": ("mnist",), "mnist-mini": ("mnist", "mnist-mini"), "quickdraw": ("quickdraw",), "doodles": ()}


def examine_files(name: str, root: Path) -> list[Finding]:
    """The files of a dataset that are there and not what they should be: damaged, cut short, of another kind."""
    if name in _READ:
        folders = [root / FOLDERS[part] for part in _READ[name]]
        checks = [check for check in verify(root) if check.path.parent in folders]
    else:
        checks = [_look_into(path) for path in find_bitmaps(Path(name).expanduser()).values()]
    faults = [fault_of(InputError(check.text), check.path) for check in checks if not check.ok]
    return faults + _turned(Path(name).expanduser())


def _turned(folder: Path) -> list[Finding]:
    """A note on Cohen, Afshar, Tapson and van Schaik, "EMNIST: an extension of MNIST to handwritten letters"."""
    found = sorted(folder.glob("emnist-*-images-idx3-ubyte*"))
    text = "EMNIST is published with rows and columns exchanged; a model of it reads upright pictures wrongly"
    return [Finding("orientation", False, f"{found[0]}: {text}")] if found else []


def fault_of(error: InputError, path: Path) -> Finding:
    """What a reader said of the file at ``path``, and how to mend the file where that is known."""
    text = str(error) if str(path) in str(error) else f"{path}: {error}"
    return Finding("files", True, " ".join(part for part in (text, advice(path)) if part))


def advice(path: Path) -> str:
    """How to bring the numbers in a file into the form that is read here; "" where nothing is known to help."""
    try:
        if path.suffix == ".npy":
            return _advice_on(np.load(path, mmap_mode="r", allow_pickle=False))
        if path.suffix == ".csv":
            with open(path, encoding="utf-8") as file:
                rows = [line for line in islice(file, PIXELS + 1) if line.strip() and not line.startswith("#")]
            table = np.loadtxt(rows, delimiter="," if "," in rows[0] else None, ndmin=2)
            return _advice_on(table.astype(np.uint8) if np.isin(table, np.arange(256)).all() else table)
        if IDX_NAME.fullmatch(path.name) and "images" in path.name:
            return _advice_on(read_idx(path, 3))
    except (ValueError, OSError, EOFError, IndexError):
        pass
    return ""


def _advice_on(array: np.ndarray) -> str:
    steps = []
    if array.ndim == 2 and array.shape[1] != PIXELS == array.shape[0]:
        steps.append("its columns are the drawings: save array.T")
    elif array.ndim > 2 and array.shape[1:3] == (28, 28) and array.dtype == np.uint8 and array[0].size == PIXELS:
        steps.append("save array.reshape(-1, 784)")
    elif array.ndim == 3 and array.shape[:2] == (28, 28):
        steps.append("its last axis counts the drawings: save np.moveaxis(array, -1, 0)")
    some = np.asarray(array[:_LOOKED_AT])
    if some.size and some.dtype.kind in "biuf" and some.dtype != np.uint8:
        low, high = float(some.min()), float(some.max())
        if 0 <= low and high <= 1:
            steps.append(f"its numbers are from {low:.3g} to {high:.3g}: save np.rint(array * 255).astype(np.uint8)")
        elif 0 <= low and high <= 255:
            steps.append(f"its numbers are {some.dtype}: save np.rint(array).astype(np.uint8)")
    return f"To mend it: {'; '.join(steps)}." if steps else ""


def _look_into(path: Path) -> Check:
    try:
        return Check(path, True, f"{len(open_bitmaps(path)):,} drawings")
    except InputError as error:
        return Check(path, False, str(error))
