"""Every picture and drawing that comes into a folder, once its file is complete. The folder is scanned repeatedly."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing import inputs

#: Seconds between two scans.
SCAN_INTERVAL = 0.2
#: Scans that find a file unchanged before the error of reading it is given: it may still be being written.
SCANS_BEFORE_ERROR = 10


@dataclass
class _File:
    stamp: tuple[int, int]  # size and time of the last change
    given: int = 0  # how many of its pictures and drawings
    done: bool = False
    unchanged: int = 0  # scans that found it as the one before did


def changes(folder: str, wait: Callable[[], None]) -> Iterator[tuple[str, Any]]:
    """Name and content of the pictures and drawings in files that are new or changed since the first scan; endless.

    A file is read once two scans find it the same. Of an ``.ndjson`` that has grown, only the new lines are given.

    Args:
      folder: Scanned with the folders in it.
      wait: Called between two scans.

    Yields:
      As ``inputs.items``; the ``InputError`` in place of what cannot be read.

    Raises:
      InputError: There is no such folder.
    """
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: is no folder to watch.")
    return _changes(folder, {path: _File(stamp, _count(path), True) for path, stamp in _stamps(folder)}, wait)


def _changes(folder: str, known: dict[str, _File], wait: Callable[[], None]) -> Iterator[tuple[str, Any]]:
    while True:
        wait()
        found = dict(_stamps(folder))
        known = {path: file for path, file in known.items() if path in found}
        for path, stamp in found.items():
            file = known.get(path)
            if file is None or file.stamp != stamp:
                grown = file is not None and _grows(path) and stamp[0] > file.stamp[0]
                known[path] = _File(stamp, file.given if file and grown else 0)
            elif not file.done:
                file.unchanged += 1
                yield from _remaining(path, file)


def _remaining(path: str, file: _File) -> Iterator[tuple[str, Any]]:
    """The contents of a file that have not been given. An error at its end may be the end of what is written so far."""
    last = None
    try:
        for name, content in islice(inputs.items(path), file.given, None):
            if last is not None:
                file.given += 1
                yield last
            last = name, inputs.picture(path, name) if content is path else content
    except InputError as error:
        last = path, error
    if last is not None and isinstance(last[1], InputError) and file.unchanged < SCANS_BEFORE_ERROR:
        return
    file.done = True
    if last is not None:
        file.given += 1
        yield last


def _stamps(folder: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for path in sorted(inputs.in_folder(folder)):
        try:
            state = os.stat(path)
        except OSError:
            continue  # gone again
        yield path, (state.st_size, state.st_mtime_ns)


def _grows(path: str) -> bool:
    return inputs.suffix_of(path) == ".ndjson"


def _count(path: str) -> int:
    """How many complete lines a file that may grow has; 0 where it cannot be read."""
    if not _grows(path):
        return 0
    with suppress(OSError), open(path, "rb") as lines:
        return sum(line.endswith(b"\n") for line in lines)
    return 0
