"""The folder of a run: before the first step it can be written and has room; a run in it is not lost in silence."""

from __future__ import annotations

import os
import shutil
import tempfile
from itertools import chain, count
from pathlib import Path

from jaxdoodle.core.errors import InputError

__all__ = ["CHECKPOINTS", "claim", "is_run", "reserve"]

MODEL, RECORD, CHECKPOINTS = "model.npz", "record.json", "checkpoints"


def is_run(folder: Path) -> bool:
    """Whether a run, finished or not, has written here."""
    return any((folder / name).exists() for name in (MODEL, RECORD, CHECKPOINTS))


def claim(folder: Path, *, overwrite: bool = False) -> Path:
    """Make the folder of a new run.

    Args:
      folder: Where it is wanted.
      overwrite: Whether a run in it is removed: what this program wrote, and nothing else.

    Returns:
      The folder, or the first of ``NAME-2``, ``NAME-3``, ... that holds no run.

    Raises:
      InputError: The folder, or one above it, is a file, or cannot be made.
    """
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir():
        raise InputError(f"{above}: is a file; expected a folder, or a name that is free.")
    if overwrite and is_run(folder):
        remove(folder)
    numbered = (folder.with_name(f"{folder.absolute().name}-{number}") for number in count(2))
    for path in chain([folder], numbered):
        if path.is_dir() and not is_run(path) or not path.exists():
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{path}: cannot be made; {error.strerror}.") from None
            return path
    raise AssertionError("count() ends")


def reserve(folder: Path, size: int) -> None:
    """Raise ``InputError`` unless a file of ``size`` bytes can be written in the folder; it is removed again."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):  # a quota shows, too
                os.posix_fallocate(file.fileno(), 0, size)
            elif (free := shutil.disk_usage(folder).free) < size:
                raise InputError(f"{folder}: has {free:,} bytes left; the run needs {size:,}.")
            file.write(b"\0")
            file.flush()
    except OSError as error:
        raise InputError(f"{folder}: {size:,} bytes cannot be written there; {error.strerror}.") from None


def remove(folder: Path) -> None:
    """Remove what a run has written."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    for path in chain((folder / name for name in (MODEL, RECORD)), folder.glob("*.png")):
        path.unlink(missing_ok=True)
