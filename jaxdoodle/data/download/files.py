"""Filling one file, by its format: only the bytes that are needed, and checked before the file gets its name.

Each function fills ``part`` by ``pull(part, stop)``, which makes it the first ``stop`` bytes of the remote file, and
returns one line on its contents. Each raises ``InputError`` where these are not as they should be.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.catalog import summarize_mnist
from jaxdoodle.data.dataset import read_names
from jaxdoodle.data.download.http import size_of
from jaxdoodle.data.readers.quickdraw import PIXELS, bitmaps_header, open_bitmaps
from jaxdoodle.strokes.readers import MAX_BYTES, read_drawings

Pull = Callable[[Path, int], None]

IDX_BYTES = 2**26  # limit for a server that sends without end: more than any of MNIST's files has, zipped or not
NAMES_BYTES = 2**20  # the same limit for a list of names
HEADER = 128  # bytes that hold the header of a .npy file: NumPy's take 80 or 128
LINE = 1024  # estimated bytes of the line of a drawing
STEP = 2**16  # fewest bytes of a request


def idx(part: Path, path: Path, pull: Pull) -> str:
    """One of MNIST's four files, by the SHA-256 of its decompressed bytes."""
    pull(part, IDX_BYTES)
    return summarize_mnist(part, path.name.removesuffix(".gz"))


def names(part: Path, path: Path, pull: Pull) -> str:
    """A list of class names."""
    pull(part, NAMES_BYTES)
    return summarize_names(part)


def summarize_names(path: Path) -> str:
    found = read_names(path)
    for name in found:
        if not may_be_a_class(name):
            raise InputError(f"{path}: found {name[:40]!r}; expected one class name a line.")
    return f"{len(found)} class names"


def may_be_a_class(name: str) -> bool:
    """Whether this may be the name of a class: letters, spaces and hyphens."""
    return name.replace(" ", "").replace("-", "").isalpha()


def bitmaps(part: Path, path: Path, pull: Pull, count: int) -> str:
    """The first ``count`` drawings of a ``.npy`` file; the header is rewritten to this count.

    Where ``path`` holds fewer, only the others are requested.
    """
    head, rows = _remote_header(part.with_suffix(".head"), pull)
    needed = min(count, rows)
    existing = open_bitmaps(path) if path.exists() else np.empty((0, PIXELS), np.uint8)
    if len(existing) >= needed:
        return f"{len(existing):,} drawings, all there are"
    size = len(head) + needed * PIXELS
    if part.exists():
        with open(part, "r+b") as file:
            file.write(head)  # an earlier command may have rewritten it
        _shorten(part, size - 1)
    else:
        with open(part, "wb") as file:
            file.write(head)
            existing.tofile(file)
    pull(part, size)
    if size_of(part) < size:
        raise InputError(f"{part}: truncated; {size_of(part):,} bytes, expected {size:,} for {needed:,} drawings.")
    with open(part, "r+b") as file:
        file.write(_header_of(head, needed))
        file.truncate(size)
    if not np.array_equal(open_bitmaps(part)[: len(existing)], existing):
        raise InputError(f"{path} exists and holds other drawings; move it away to download these")
    return f"{needed:,} of {rows:,} drawings"


def summarize_bitmaps(path: Path, count: int) -> str | None:
    found = len(open_bitmaps(path))
    return f"{found:,} drawings" if found >= count else None


def drawings(part: Path, path: Path, pull: Pull, count: int) -> str:
    """The first ``count`` lines of an ``.ndjson`` file."""
    if not part.exists() and path.exists():
        shutil.copyfile(path, part)
    have, size = _lines(part, count)
    if have == count:
        _shorten(part, size - 1)
        have -= 1
    while have < count:
        before = size_of(part)
        pull(part, before + max(STEP, LINE * (count - have)))
        have, size = _lines(part, count)
        if size_of(part) == before:
            size = before  # the last line need not end with a newline
            break
        if have < count and size_of(part) - size > MAX_BYTES:
            raise InputError(f"{part}: line {have + 1} has no end; expected one drawing a line.")
    with open(part, "r+b") as file:
        file.truncate(size)
    found = sum(1 for _ in read_drawings(part, suffix=".ndjson"))
    if path.exists() and not _begins_with(part, path):
        raise InputError(f"{path} exists and holds other drawings; move it away to download these")
    return f"{found:,} drawings" + ", all there are" * (found < count)


def summarize_drawings(path: Path, count: int) -> str | None:
    found, _ = _lines(path, count)
    return f"{found:,} drawings" if found >= count else None


def _remote_header(head: Path, pull: Pull) -> tuple[bytes, int]:
    """The header of the remote file, and the number of drawings in it."""
    head.unlink(missing_ok=True)
    try:
        pull(head, HEADER)
        offset, rows = bitmaps_header(head)
        return head.read_bytes()[:offset], rows
    finally:
        head.unlink(missing_ok=True)


def _header_of(head: bytes, rows: int) -> bytes:
    """A header for ``rows`` drawings, as long as ``head`` is."""
    start = head[: 12 if head[6] > 1 else 10]  # magic, version, length
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({rows}, {PIXELS}), }}"
    return start + text.ljust(len(head) - len(start) - 1).encode() + b"\n"


def _shorten(part: Path, size: int) -> None:
    """Cut what an earlier command left, so that a request is made and the bytes are compared."""
    with open(part, "r+b") as file:
        file.truncate(min(size_of(part), size))


def _lines(path: Path, most: int) -> tuple[int, int]:
    """The number of complete lines in the file, at most ``most``, and the byte after the last of them."""
    count = end = 0
    if path.exists():
        with open(path, "rb") as file:
            for line in file:
                if count == most or not line.endswith(b"\n"):
                    break
                count, end = count + 1, end + len(line)
    return count, end


def _begins_with(path: Path, beginning: Path) -> bool:
    with open(path, "rb") as file, open(beginning, "rb") as expected:
        while chunk := expected.read(STEP):
            if file.read(len(chunk)) != chunk:
                return False
    return True
