"""Filling one file, by its format: only the bytes that are needed.

Each function fills ``part`` by ``pull(part, stop)``, which makes it the first ``stop`` bytes of the remote file.
``path`` is the existing file, if there is one; its drawings are not requested again. Each raises ``InputError`` where
the contents are not as they should be.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.dataset import read_names
from jaxdoodle.data.download.http import size_of
from jaxdoodle.data.readers.quickdraw import PIXELS, bitmaps_header, open_bitmaps
from jaxdoodle.strokes.readers import MAX_BYTES, read_drawings

Pull = Callable[[Path, int], None]

MOST_BYTES = 2**30  # limit for a server that sends without end: the largest file, EMNIST's archive, takes 560 MB
NAMES_BYTES = 2**20  # the same limit for a list of names
HEADER = 128  # bytes that hold the header of a .npy file: NumPy's take 80 or 128
LINE = 1024  # estimated bytes of the line of a drawing


def whole(part: Path, path: Path, pull: Pull, most: int = MOST_BYTES) -> None:
    """A file of which no part is of use."""
    pull(part, most)


def bitmaps(part: Path, path: Path, pull: Pull, count: int) -> None:
    """The first ``count`` drawings of a ``.npy`` file; its header is rewritten to their number."""
    existing = open_bitmaps(path).tobytes() if path.exists() else b""
    with suppress(InputError):
        open_bitmaps(part)
        part.unlink()  # whole, so its header may be the rewritten one, of a command that was killed at its end
    new = not part.exists()
    pull(part, HEADER)
    offset, rows = bitmaps_header(part)
    if new:
        with open(part, "r+b") as file:
            file.seek(offset)
            file.write(existing)
    count = min(count, rows)
    size = offset + count * PIXELS
    os.truncate(part, min(size_of(part), size - 1))  # at least one request is made, and compares the bytes
    pull(part, size)
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, {PIXELS}), }}"
    with open(part, "r+b") as file:
        file.seek(10)  # after magic, version and length
        file.write(text.ljust(offset - 11).encode() + b"\n")
    _refuse_others(part, offset, existing, path)


def drawings(part: Path, path: Path, pull: Pull, count: int) -> None:
    """The first ``count`` lines of an ``.ndjson`` file."""
    existing = path.read_bytes() if path.exists() else b""
    if existing and not part.exists():
        part.write_bytes(existing)
    have, size = _lines(part, count)
    if have == count:
        os.truncate(part, size - 1)  # as above
        have -= 1
    while have < count:
        before = size_of(part)
        pull(part, before + LINE * (count - have + 64))
        have, size = _lines(part, count)
        if size_of(part) == before:
            size = before  # the last line need not end with a newline
            break
        if have < count and size_of(part) - size > MAX_BYTES:
            raise InputError(f"{part}: line {have + 1} has no end; expected one drawing a line.")
    os.truncate(part, size)
    _refuse_others(part, 0, existing, path)


def _refuse_others(part: Path, offset: int, existing: bytes, path: Path) -> None:
    """Raise ``InputError`` unless the drawings in ``part`` begin with those of ``path``."""
    with open(part, "rb") as file:
        file.seek(offset)
        if file.read(len(existing)) != existing:
            raise InputError(f"{path} exists and holds other drawings; move it away to download these")


def summarize_names(path: Path) -> str:
    found = read_names(path)
    for name in found:
        if not may_be_a_class(name):
            raise InputError(f"{path}: found {name[:40]!r}; expected one class name a line.")
    return f"{len(found)} class names"


def may_be_a_class(name: str) -> bool:
    """Whether this may be the name of a class: letters, spaces and hyphens."""
    return name.replace(" ", "").replace("-", "").isalpha()


def summarize_bitmaps(path: Path, count: int) -> str | None:
    found = len(open_bitmaps(path))
    return f"{found:,} drawings" if found >= count else None


def summarize_drawings(path: Path, count: int) -> str | None:
    found = sum(1 for _ in islice(read_drawings(path, suffix=".ndjson"), count))
    return f"{found:,} drawings" if found == count else None


def _lines(path: Path, most: int) -> tuple[int, int]:
    """The number of complete lines in the file, at most ``most``, and the byte after the last of them."""
    if not path.exists():
        return 0, 0
    with open(path, "rb") as file:
        lengths = [len(line) for line in islice(file, most) if line.endswith(b"\n")]
    return len(lengths), sum(lengths)
