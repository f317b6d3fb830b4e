"""Checks of the files of a dataset, and how to repair a file that is only written in another way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.audit.checks import Finding
from jaxdoodle.data.catalog import FOLDERS, summarize_bitmaps, verify, verify_file
from jaxdoodle.data.readers.quickdraw import PIXELS, find_bitmaps

_SAMPLE = 1_000  # rows of a file from which the range of its numbers is taken
#: The folders that a dataset is read from.
_READ = {"mnist": ("mnist",), "mnist-mini": ("mnist", "mnist-mini"), "quickdraw": ("quickdraw",), "doodles": ()}


def audit_files(name: str, root: Path) -> list[Finding]:
    """Check the files of a dataset that exist: damaged, truncated, of another type or shape.

    Args:
      name: A dataset's name, or the path of a folder.
      root: The data folder.

    Returns:
      A fault for each bad file.
    """
    if name in _READ:
        folders = [root / FOLDERS[part] for part in _READ[name]]
        checks = [check for check in verify(root) if check.path.parent in folders]
    else:
        checks = [verify_file(path, summarize_bitmaps) for path in find_bitmaps(Path(name).expanduser()).values()]
    faults = [fault_of(InputError(check.text), check.path) for check in checks if not check.ok]
    # Cohen, Afshar, Tapson and van Schaik, "EMNIST: an extension of MNIST to handwritten letters"
    emnist = sorted(Path(name).expanduser().glob("emnist-*-images-idx3-ubyte*"))
    text = "EMNIST is published with rows and columns exchanged; a model of it reads upright pictures wrongly"
    text += "; --transpose exchanges them"
    return faults + [Finding("orientation", False, f"{path}: {text}") for path in emnist[:1]]


def fault_of(error: InputError, path: Path) -> Finding:
    """A reader's error as a finding.

    Args:
      error: What the reader raised.
      path: The file that it read.

    Returns:
      A fault whose text names the file and, where that is known, how to repair it.
    """
    text = str(error) if str(path) in str(error) else f"{path}: {error}"
    return Finding("files", True, " ".join(part for part in (text, advice(path)) if part))


def advice(path: Path) -> str:
    """How to bring the numbers of a file into the form that the readers take; "" where that is not known."""
    try:
        if path.suffix == ".npy":
            return _advice_on(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, OSError, EOFError, IndexError):
        pass
    return ""


def _advice_on(array: NDArray[Any]) -> str:
    steps = []
    if array.ndim == 2 and array.shape[1] != PIXELS == array.shape[0]:
        steps.append("its columns are the drawings: save array.T")
    elif array.ndim > 2 and array.shape[1:3] == (28, 28) and array.dtype == np.uint8 and array[0].size == PIXELS:
        steps.append("save array.reshape(-1, 784)")
    elif array.ndim == 3 and array.shape[:2] == (28, 28):
        steps.append("its last axis counts the drawings: save np.moveaxis(array, -1, 0)")
    some = np.asarray(array[:_SAMPLE])
    if some.size and some.dtype.kind in "biuf" and some.dtype != np.uint8:
        low, high = float(some.min()), float(some.max())
        if 0 <= low and high <= 1:
            steps.append(f"its numbers are from {low:.3g} to {high:.3g}: save np.rint(array * 255).astype(np.uint8)")
        elif 0 <= low and high <= 255:
            steps.append(f"its numbers are {some.dtype}: save np.rint(array).astype(np.uint8)")
    return f"To repair it: {'; '.join(steps)}." if steps else ""
