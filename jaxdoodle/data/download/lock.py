"""One process at a time."""

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

    def _lock(file: IO) -> None:
        while True:  # it gives up after ten seconds
            with suppress(OSError):
                return msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            time.sleep(0.1)

else:
    import fcntl

    def _lock(file: IO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until nobody else, process or thread, holds the lock file ``path``; hold it, and remove it in the end.

    The system lets go of a lock when its process ends, however that happens.
    """
    while True:
        with open(path, "ab") as file:
            _lock(file)
            # whoever held it before may have removed the file that was waited for
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            if not os.path.samestat(os.fstat(file.fileno()), found):
                continue
            try:
                yield
            finally:
                with suppress(PermissionError):  # Windows does not remove what is open
                    path.unlink()
            return
