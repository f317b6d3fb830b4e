"""Drawings that stay on disk: only those that are indexed are read."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core import user_cache
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading, write_atomically
from jaxdoodle.core.types import NDArray

IMAGE_SHAPE = (28, 28, 1)
PIXELS = 784
#: Unwanted rows between two wanted ones, up to which reading them costs less time than seeking.
GAP = 16
#: Most rows of a file in one read.
SPAN = 1024
#: Rows whose files are looked up in one step.
BLOCK = 2**20


@dataclass(frozen=True)
class BitmapFile:
    """``count`` drawings of 784 bytes each, that begin at the byte ``offset`` of the file."""

    path: Path
    offset: int
    count: int


@dataclass(frozen=True, eq=False)
class Bitmaps:
    """Some of the drawings of some files; indexed as if it were an array uint8 ``(n, 28, 28, 1)``.

    ``rows`` is int32 ``(n,)``: indices into the drawings of all ``files``, one file after the other. They are all the
    memory that it takes. A mapped file would count as memory of the process, page by page, once it was read; so each
    read goes into a buffer that is used again.
    """

    files: tuple[BitmapFile, ...]
    rows: NDArray[np.int32]

    dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *IMAGE_SHAPE)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        """The drawings at ``key``, an index of an array's first axis, read from their files."""
        rows = self.rows[key]
        return self._read(np.ravel(rows)).reshape(*np.shape(rows), *IMAGE_SHAPE)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Bitmaps:
        """The drawings at ``rows``, indices or a mask, without reading them."""
        return Bitmaps(self.files, self.rows[rows])

    def digests(self) -> NDArray[np.uint64]:
        """The hash of each drawing by ``digests_of``, ``(n,)``."""
        found = np.empty(len(self), np.uint64)
        for start in range(0, len(self), BLOCK):
            rows, part = self.rows[start : start + BLOCK], found[start : start + BLOCK]
            which = np.searchsorted(self._ends, rows, side="right")
            for number in np.unique(which):
                here = which == number
                part[here] = file_digests(self.files[number])[rows[here] - self._starts[number]]
        return found

    @cached_property
    def _ends(self) -> NDArray[np.int32]:
        return np.cumsum([file.count for file in self.files], dtype=np.int32)

    @cached_property
    def _starts(self) -> NDArray[np.int32]:
        return self._ends - np.array([file.count for file in self.files], np.int32)

    def _read(self, rows: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Drawings ``(n, 784)``, read file by file in the order of the disk, near rows in one read."""
        images, order = np.empty((len(rows), PIXELS), np.uint8), np.argsort(rows, kind="stable")
        which = np.searchsorted(self._ends, rows[order], side="right")
        local = rows[order] - self._starts[which]
        for number in np.unique(which):
            here = slice(*np.searchsorted(which, [number, number + 1]))
            read_rows(self.files[number], local[here], order[here], images)
        return images


def read_rows(file: BitmapFile, rows: NDArray[np.int32], targets: NDArray[np.int64], images: NDArray[np.uint8]) -> None:
    """Read the drawings at ``rows``, which ascend, into the rows ``targets`` of ``images``."""
    buffer = bytearray(SPAN * PIXELS)
    view, drawings = memoryview(buffer), np.frombuffer(buffer, np.uint8).reshape(SPAN, PIXELS)
    apart = (np.diff(rows) > GAP) | (np.diff(rows // SPAN) != 0)
    breaks = [0, *(np.flatnonzero(apart) + 1), len(rows)]
    with reading(file.path), open(file.path, "rb", buffering=0) as stream:
        for first, last in pairwise(breaks):
            low, high = int(rows[first]), int(rows[last - 1])
            stream.seek(file.offset + low * PIXELS)
            size = (high - low + 1) * PIXELS
            if stream.readinto(view[:size]) != size:
                raise InputError(f"{file.path}: was truncated after it was opened; drawing {high} is missing.")
            images[targets[first:last]] = drawings[rows[first:last] - low]


def digests_of(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A 64-bit hash (BLAKE2b) of each drawing's bytes, ``(n,)``, the same on every machine."""
    blake2b = hashlib.blake2b
    hashes = b"".join([blake2b(image.tobytes(), digest_size=8).digest() for image in images])
    return np.frombuffer(hashes, "<u8").astype(np.uint64)


def file_digests(file: BitmapFile) -> NDArray[np.uint64]:
    """The hashes of a file's drawings, ``(count,)``, from the user's cache unless the file has changed.

    Hashing takes two seconds for a million drawings, so more than a minute for all 50 million of Quick, Draw!.
    """
    status = file.path.stat()
    name = hashlib.blake2b(os.fsencode(file.path.resolve()), digest_size=16).hexdigest()
    cached = user_cache.folder() / "digests" / f"{name}.npy"
    stamp = np.array([status.st_size, status.st_mtime_ns], np.uint64)
    known = _load(cached, stamp)
    if len(known) < file.count:
        drawings = Bitmaps((file,), np.arange(file.count, dtype=np.int32))
        steps = range(len(known), file.count, SPAN)
        known = np.concatenate([known, *(digests_of(drawings[start : start + SPAN]) for start in steps)])
        with suppress(OSError):  # without a cache folder they are computed again each time
            cached.parent.mkdir(parents=True, exist_ok=True)
            content = io.BytesIO()
            np.save(content, np.concatenate([stamp, known]))
            write_atomically(cached, lambda path: Path(path).write_bytes(content.getvalue()))
    return known[: file.count]


def all_drawings(files: Sequence[BitmapFile]) -> Bitmaps:
    """The drawings of all files, one file after the other."""
    return Bitmaps(tuple(files), np.arange(sum(file.count for file in files), dtype=np.int32))


def _load(cached: Path, stamp: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The cached hashes of a file with the same stamp, which is its size and time of change."""
    with suppress(OSError, ValueError, EOFError):
        found = np.load(cached, allow_pickle=False)
        if found.dtype == np.uint64 and found.ndim == 1 and np.array_equal(found[:2], stamp):
            return found[2:]
    return np.empty(0, np.uint64)
