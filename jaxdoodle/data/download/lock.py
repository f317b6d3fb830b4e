"""A lock file, for one process or thread at a time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        while True:  # msvcrt stops waiting after ten seconds
            with suppress(OSError):
                return msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            time.sleep(0.1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other process or thread holds the lock file ``path``; hold it, and remove it in the end.

    The system releases a lock when its process ends, for whatever reason.
    """
    while True:
        with open(path, "ab") as file:
            _lock(file)
            # the previous holder may have removed the file that was opened
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            if not os.path.samestat(os.fstat(file.fileno()), found):
                continue
            try:
                yield
            finally:
                with suppress(PermissionError):  # Windows does not remove an open file
                    path.unlink()
            return
