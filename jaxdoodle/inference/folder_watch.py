"""A folder looked at again and again: every picture and drawing that comes into it, once it is complete."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing import inputs

#: Seconds between two looks.
INTERVAL = 0.2
#: Looks for which what cannot be read has to be as it is before that is said: someone may still be writing it.
PATIENCE = 10


@dataclass
class _File:
    stamp: tuple[int, int]  # size and time of the last change
    told: int = 0  # of its pictures and drawings
    done: bool = False
    looks: int = 0  # at which it was as at the one before


def changes(folder: str, wait: Callable[[], None]) -> Iterator[tuple[str, Any]]:
    """Name and content, as ``files.items`` gives them, of what is new or changed since the first look; without end.

    ``wait()`` comes between two looks. A file is read once two looks find it the same. Of an ``.ndjson`` that has
    grown the lines are told that are new. What cannot be read is told as an ``InputError``.
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
                known[path] = _File(stamp, file.told if file and grown else 0)
            elif not file.done:
                file.looks += 1
                yield from _tell(path, file)


def _tell(path: str, file: _File) -> Iterator[tuple[str, Any]]:
    """What of a file has not been told. An error at its end may be the end of what is written so far."""
    last = None
    try:
        for name, content in islice(inputs.items(path), file.told, None):
            if last is not None:
                file.told += 1
                yield last
            last = name, inputs.picture(path, name) if content is path else content
    except InputError as error:
        last = path, error
    if last is not None and isinstance(last[1], InputError) and file.looks < PATIENCE:
        return
    file.done = True
    if last is not None:
        file.told += 1
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
    """How many lines of a file that may grow are there already, from end to end; none, where it cannot be read."""
    if not _grows(path):
        return 0
    try:
        with open(path, "rb") as lines:
            return sum(line.endswith(b"\n") for line in lines)
    except OSError:
        return 0
