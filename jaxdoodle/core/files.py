"""Files written whole or not at all; the header of an ``.npy`` file, read as data: nothing is unpickled."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO

from jaxdoodle.core.errors import InputError

BYTES = ("|u1", "u1", "<u1", ">u1")

NPY_MAGIC = b"\x93NUMPY"
#: Bytes of the header of an ``.npy`` file; NumPy writes 128 for arrays of numbers.
MAX_NPY_HEADER = 10_000
_NPY_HEADER = re.compile(
    r"\{ *'descr': *('[^']{1,16}'|\[[^\[\]]{1,200}\]), *'fortran_order': *(True|False)"
    r", *'shape': *\(((?: *\d{1,40}L? *,?)*)\) *,? *\} *\n?"
)


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """An ``OSError`` in the block becomes an ``InputError`` that names the file."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be read; {error.strerror}.") from None


def header_of(path: str | os.PathLike[str]) -> tuple[int, str, bool, tuple[int, ...]]:
    """Where the values begin, their type as written, whether they go column by column, and their shape.

    Raises ``InputError`` at anything else than a header that is whole.
    """
    with reading(path), open_regular(path) as file:
        start = file.read(MAX_NPY_HEADER)
    try:
        return npy_header(start)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def npy_header(data: bytes | memoryview) -> tuple[int, str, bool, tuple[int, ...]]:
    """``header_of`` the bytes of an ``.npy`` file; the message does not name the file."""
    start = bytes(data[:MAX_NPY_HEADER])
    if start[:6] != NPY_MAGIC:
        raise InputError(f"starts with {start[:12]!r}; expected a .npy file.")
    offset = 12 if start[6:7] > b"\1" else 10  # from version 2 on, the header's length takes 4 bytes
    length = int.from_bytes(start[8:offset], "little")
    text = start[offset : offset + length].decode("latin1").rstrip()
    if offset + length > MAX_NPY_HEADER or not (found := _NPY_HEADER.fullmatch(text)):
        raise InputError(f"its .npy header is damaged; found {text[:60].encode('latin1')!r}.")
    shape = tuple(int(n.strip(" L")) for n in found[3].split(",") if n.strip())
    return offset + length, found[1].strip("'"), found[2] == "True", shape


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; a FIFO or device is refused, and not waited for.

    Raises:
      OSError: It is no regular file, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(mode := os.fstat(descriptor).st_mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise OSError(errno.EINVAL, "is no regular file")
    return open(descriptor, "rb")


def read_bytes(path: str | os.PathLike[str], limit: int) -> bytes:
    """The content of a regular file. Raises as ``open_regular``, and ``InputError`` beyond ``limit`` bytes."""
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"has more than {limit:,} bytes; at most that many are read.")
    return data


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
      OSError: The file cannot be written. What ``write`` raises is passed on, too; an ``InputError`` names the file.
    """
    from threading import get_ident

    unfinished = f"{os.fspath(path)}.{os.getpid()}-{get_ident()}.tmp"
    _remove_leftovers(os.fspath(path))
    try:
        write(unfinished)
        os.replace(unfinished, path)
    except InputError as error:
        raise type(error)(str(error).replace(unfinished, os.fspath(path))) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)


def _remove_leftovers(path: str) -> None:
    """Remove what writers of this file left that were killed: their processes are gone."""
    folder, name = os.path.split(path)
    pattern = re.compile(re.escape(name) + r"\.(\d+)-\d+\.tmp")
    with contextlib.suppress(OSError):
        for other in os.listdir(folder or "."):
            if (found := pattern.fullmatch(other)) and not _is_running(int(found[1])):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, other))


def _is_running(process: int) -> bool:
    """Whether there is such a process on this machine; where that cannot be asked, there is."""
    if os.name != "posix":
        return True  # on Windows, os.kill would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
