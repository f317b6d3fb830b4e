"""Files written whole or not at all; the header of an ``.npy`` file, read as data: nothing is unpickled."""

from __future__ import annotations

import ast
import contextlib
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

from jaxdoodle.core.errors import InputError

BYTES = ("|u1", "u1", "<u1", ">u1")

_MAGIC = b"\x93NUMPY"


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """An ``OSError`` in the block becomes an ``InputError`` that names the file."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be read; {error.strerror}.") from None


def header_of(path: str | os.PathLike[str]) -> tuple[int, Any, bool, tuple[int, ...]]:
    """Where the values begin, their type as written, whether they go column by column, and their shape.

    Raises ``InputError`` at anything else than a header that is whole.
    """
    with reading(path), open(path, "rb") as file:
        start = file.read(12)
        if start[:6] != _MAGIC:
            raise InputError(f"{path}: starts with {start!r}; expected a .npy file.")
        wide = start[6:7] > b"\1"  # from version 2 on, the header's length takes 4 bytes
        offset = 12 if wide else 10
        length = int.from_bytes(start[8:offset], "little")
        file.seek(offset)
        text = file.read(min(length, 10_000))
    try:
        header = ast.literal_eval(text.decode("latin1").strip())
        dtype, column_major, shape = header["descr"], header["fortran_order"], header["shape"]
        if type(column_major) is bool and type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape):
            return offset + length, dtype, column_major, shape
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        pass
    raise InputError(f"{path}: its .npy header is damaged; found {text[:60]!r}.")


def refuse_length(path: str | os.PathLike[str], offset: int, shape: tuple[int, ...], what: str) -> None:
    """Raise ``InputError`` unless the bytes of an array so large are there, and no more."""
    size, expected = os.path.getsize(path), offset + math.prod(shape)
    if size != expected:
        fault = "truncated" if size < expected else "too long"
        raise InputError(f"{path}: {fault}; {size:,} bytes, expected {expected:,} for {what}.")


def write_atomically(path: str | os.PathLike[str], write: Callable[[str], object]) -> None:
    """Write a file whole or not at all: an old one stays until the new one is complete.

    Args:
      path: The file.
      write: Writes it at another path in the same folder, which is then renamed.

    Raises:
      OSError: The file cannot be written. What ``write`` raises is passed on, too.
    """
    from threading import get_ident

    unfinished = f"{os.fspath(path)}.{os.getpid()}-{get_ident()}.tmp"
    try:
        write(unfinished)
        os.replace(unfinished, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
