"""The folder of a run: before the first step it can be written and has room; a run in it is not lost in silence."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from itertools import chain, count
from pathlib import Path

from jaxdoodle.core.errors import InputError

__all__ = ["BEGUN", "CHECKPOINTS", "claim", "forget", "is_run", "reserve", "unfinished"]

MODEL, RECORD, CHECKPOINTS = "model.npz", "record.json", "checkpoints"
#: What a run is, written before its first step; it goes with the checkpoints when the run is finished.
BEGUN = f"{CHECKPOINTS}/{RECORD}"


def is_run(folder: Path) -> bool:
    """Whether a run, finished or not, has written here."""
    return any((folder / name).exists() for name in (MODEL, RECORD, BEGUN))


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


def unfinished(folder: str, root: Path = Path("runs")) -> Path:
    """Find the run that ``--resume`` is to go on with.

    Args:
      folder: Its folder; ``""`` for the only one in ``root``.
      root: Where to look.

    Raises:
      InputError: There is none, or more than one.
    """
    if folder:
        if not (path := Path(folder) / BEGUN).is_file():
            why = "is finished" if (Path(folder) / MODEL).exists() else "holds no run that was begun"
            raise InputError(f"{folder}: {why}; {path} is missing.")
        return Path(folder)
    found = sorted(path.parents[1] for path in root.glob(f"*/{BEGUN}"))
    if len(found) != 1:
        names = f"{len(found)} runs are unfinished: {', '.join(map(str, found))}" if found else "no run is unfinished"
        raise InputError(f"{root}: {names}; expected --resume RUN.")
    return found[0]


def forget(folder: Path) -> None:
    """Remove the checkpoints of a run that is finished or cannot go on, and the folder if nothing else is in it."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def remove(folder: Path) -> None:
    """Remove what a run has written."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    for path in chain((folder / name for name in (MODEL, RECORD)), folder.glob("*.png")):
        path.unlink(missing_ok=True)
