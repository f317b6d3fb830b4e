"""Drawings that stay on disk: what is indexed is read, and nothing else is ever in memory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from jaxdoodle.core import user_cache
from jaxdoodle.core.errors import InputError

IMAGE_SHAPE = (28, 28, 1)
PIXELS = 784
#: Rows between two that are wanted, up to which reading on costs less than seeking.
GAP = 16
#: Rows of a file that are read at once, at most.
SPAN = 1024
#: Rows that are told apart by file at once.
BLOCK = 2**20


@dataclass(frozen=True)
class BitmapFile:
    """``count`` drawings of 784 bytes each, from the byte ``offset`` of the file on."""

    path: Path
    offset: int
    count: int


@dataclass(frozen=True, eq=False)
class Bitmaps:
    """Some of the drawings of some files; indexed as if it were an array uint8 ``(n, 28, 28, 1)``.

    ``rows`` is int32 ``(n,)``: the place of each in all ``files``, one after the other. That is all the memory it
    takes. Mapped files would look the same, but a page once looked at counts as memory of the process: so each read
    goes into a buffer that is used again.
    """

    files: tuple[BitmapFile, ...]
    rows: np.ndarray

    dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *IMAGE_SHAPE)

    def __getitem__(self, key) -> np.ndarray:
        """The drawings at ``key``, which is what indexes an array's first axis, read from their files."""
        rows = self.rows[key]
        return self._read(np.ravel(rows)).reshape(*np.shape(rows), *IMAGE_SHAPE)

    def take(self, rows: np.ndarray) -> Bitmaps:
        """The drawings at ``rows``, integers or a mask, without reading them."""
        return Bitmaps(self.files, self.rows[rows])

    def digests(self) -> np.ndarray:
        """A hash of each drawing, as ``digests_of`` has it, uint64 ``(n,)``."""
        found = np.empty(len(self), np.uint64)
        for start in range(0, len(self), BLOCK):
            rows, part = self.rows[start : start + BLOCK], found[start : start + BLOCK]
            which = np.searchsorted(self._ends, rows, side="right")
            for number in np.unique(which):
                here = which == number
                part[here] = file_digests(self.files[number])[rows[here] - self._starts[number]]
        return found

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum([file.count for file in self.files], dtype=np.int32)

    @cached_property
    def _starts(self) -> np.ndarray:
        return self._ends - np.array([file.count for file in self.files], np.int32)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        """uint8 ``(n, 784)``. Rows near each other come with one read, file by file, in the order of the disk."""
        images, order = np.empty((len(rows), PIXELS), np.uint8), np.argsort(rows, kind="stable")
        which = np.searchsorted(self._ends, rows[order], side="right")
        local = rows[order] - self._starts[which]
        for number in np.unique(which):
            here = slice(*np.searchsorted(which, [number, number + 1]))
            read_rows(self.files[number], local[here], order[here], images)
        return images


def read_rows(file: BitmapFile, rows: np.ndarray, places: np.ndarray, images: np.ndarray) -> None:
    """Put the drawings at ``rows``, which ascend, into ``images`` at ``places``."""
    buffer = bytearray(SPAN * PIXELS)
    view, drawings = memoryview(buffer), np.frombuffer(buffer, np.uint8).reshape(SPAN, PIXELS)
    apart = (np.diff(rows) > GAP) | (np.diff(rows // SPAN) != 0)
    breaks = [0, *(np.flatnonzero(apart) + 1), len(rows)]
    try:
        with open(file.path, "rb", buffering=0) as stream:
            for first, last in pairwise(breaks):
                low, high = int(rows[first]), int(rows[last - 1])
                stream.seek(file.offset + low * PIXELS)
                size = (high - low + 1) * PIXELS
                if stream.readinto(view[:size]) != size:
                    raise InputError(f"{file.path}: was cut short after it was opened; drawing {high} is not there.")
                images[places[first:last]] = drawings[rows[first:last] - low]
    except OSError as error:
        raise InputError(f"{file.path}: cannot be read; {error.strerror}.") from None


def digests_of(images: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each drawing's bytes, uint64 ``(n,)``: equal for equal drawings, the same everywhere."""
    blake2b = hashlib.blake2b
    hashes = b"".join([blake2b(image.tobytes(), digest_size=8).digest() for image in images])
    return np.frombuffer(hashes, "<u8").astype(np.uint64)


def file_digests(file: BitmapFile) -> np.ndarray:
    """The hashes of a file's drawings, uint64 ``(count,)``; kept in the user's cache until the file changes.

    Hashing takes two seconds for a million drawings, all 50 million therefore more than a minute: once.
    """
    status = file.path.stat()
    kept = _digests_path(file.path)
    stamp = np.array([status.st_size, status.st_mtime_ns], np.uint64)
    known = _load(kept, stamp)
    if len(known) < file.count:
        drawings = Bitmaps((file,), np.arange(file.count, dtype=np.int32))
        steps = range(len(known), file.count, SPAN)
        known = np.concatenate([known, *(digests_of(drawings[start : start + SPAN]) for start in steps)])
        with suppress(OSError):  # without a cache, it is computed anew each time
            _save(kept, np.concatenate([stamp, known]))
    return known[: file.count]


def all_drawings(files: Sequence[BitmapFile]) -> Bitmaps:
    return Bitmaps(tuple(files), np.arange(sum(file.count for file in files), dtype=np.int32))


def _digests_path(path: Path) -> Path:
    name = hashlib.blake2b(os.fsencode(path.resolve()), digest_size=16).hexdigest()
    return user_cache.folder() / "digests" / f"{name}.npy"


def _load(kept: Path, stamp: np.ndarray) -> np.ndarray:
    """What was kept of a file with the same stamp, which is its size and time."""
    with suppress(OSError, ValueError, EOFError):
        found = np.load(kept, allow_pickle=False)
        if found.dtype == np.uint64 and found.ndim == 1 and np.array_equal(found[:2], stamp):
            return found[2:]
    return np.empty(0, np.uint64)


def _save(kept: Path, content: np.ndarray) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=kept.parent)
    try:
        with open(handle, "wb") as file:
            np.save(file, content)
        os.replace(unfinished, kept)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
