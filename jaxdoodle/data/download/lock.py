"""A lock file, for one process or thread at a time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other process or thread holds the lock file ``path`` (on Windows ten seconds), and hold it.

    The system releases it when its process ends, for whatever reason. The file stays: if it were removed, one that
    waits for it and one that makes a new one would both go on.
    """
    with open(path, "ab") as file:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
