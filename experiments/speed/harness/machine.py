"""What a benchmark records of its own run: the command, the load of the machine, the peak memory."""

from __future__ import annotations

import os
import re
import resource
import shlex
import sys
import time
from pathlib import Path

MEGABYTE = 10**6


def command(module: str) -> str:
    """The command line of this process; paths outside the current folder, which mean nothing elsewhere, as ``PATH``."""
    words = []
    for word in sys.argv[1:]:
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        outside = Path(value).is_absolute() or ".." in Path(value).parts
        words.append(f"{option}{equals}PATH" if outside else word)
    return shlex.join(["python", "-m", module, *words])


def busy_cores(seconds: float = 1.0) -> float:
    """Number of cores that other processes use while this one sleeps.

    Where the system does not say (it is Linux that does), the load average: it still holds what ran a minute ago.
    """
    times = Path("/proc/stat")
    if not times.exists():
        return os.getloadavg()[0]
    before = _idle_seconds(times.read_text())
    started = time.perf_counter()
    time.sleep(seconds)
    idle, took = _idle_seconds(times.read_text()) - before, time.perf_counter() - started
    return max(0.0, (os.cpu_count() or 1) - idle / took)


def _idle_seconds(text: str) -> float:
    """Of all cores together since the system started, waiting for disks included."""
    fields = text.split(maxsplit=6)  # cpu user nice system idle iowait
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def peak_bytes() -> int:
    """The most main memory that this process has held.

    ``ru_maxrss``, which all systems know, begins on Linux with the peak of the process that started this one, and
    counts kilobytes there and bytes on macOS.
    """
    status = Path("/proc/self/status")
    if found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text() if status.exists() else ""):
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
