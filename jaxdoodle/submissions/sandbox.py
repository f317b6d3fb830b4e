"""Run what others wrote in a process of its own, with bounds: the parent's side, and what the process does first.

The process starts this file by its path: until its bounds are set it imports the standard library alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Characters of what the program printed that are handed back.
PRINTED = 2000
_GIB = 2**30
#: Largest file that the program may write, in bytes: its prints go to one, too.
_FILE_SIZE = 2**26


@dataclass(frozen=True)
class Bounds:
    """Of one process.

    Args:
      seconds: Until it is ended, with those that it started.
      memory: In GiB, of data.
    """

    seconds: float = 120.0
    memory: float = 4.0


def run(path: Path, bounds: Bounds, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Check a file in a process of its own; gives the messages of ``worker.check_file`` as they come.

    Args:
      path: Python file or notebook.
      bounds: Of the process.
      options: Keyword arguments of ``worker.check_file``.

    Yields:
      Its messages; last ``{"end": {"printed": ..., "protection": ..., "error": ...}}``.
    """
    with tempfile.TemporaryDirectory(prefix="jaxdoodle-") as folder:
        env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        env |= {"MPLBACKEND": "Agg", "TMPDIR": folder, "NUMBA_CACHE_DIR": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        env["PYTHONUNBUFFERED"] = "1"  # what is printed is kept, however the process ends
        env.setdefault("OMP_NUM_THREADS", "1")  # of small arrays: threads of torch wait for each other
        order = json.dumps([str(path.resolve()), folder, bounds.seconds, bounds.memory, options])
        log = Path(folder, "printed")
        with log.open("wb") as printed:
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve()), order], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=printed, env=env, cwd=folder, start_new_session=True,
            )  # fmt: skip
        over = threading.Event()

        def end() -> None:
            over.set()
            _kill(process)

        watch = threading.Timer(bounds.seconds, end)
        watch.start()
        last: dict[str, Any] = {}
        assert process.stdout is not None
        try:
            for line in process.stdout:
                try:
                    message = json.loads(line)
                except ValueError:
                    continue  # the program wrote there
                if "end" in message:
                    last = message["end"]
                    break
                yield message
        finally:
            watch.cancel()
            _kill(process)
            process.stdout.close()
            code = process.wait()
        text = log.read_bytes()[-PRINTED:].decode(errors="replace")
        if over.is_set():
            last["error"] = f"ended after {bounds.seconds:.0f} s (time limit)"
        elif not last:
            last["error"] = f"the process ended before everything was checked (exit code {code})"
        yield {"end": {"error": None} | last | {"printed": text}}


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process and those it started."""
    try:
        os.killpg(process.pid, 9)
    except (AttributeError, ProcessLookupError, PermissionError):
        process.kill()


# -- in the process --------------------------------------------------------------------------------------------------

_NEW_USERS, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET
_NO_NEW_PRIVILEGES = 38
_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # system calls of Landlock, the same on every architecture
_WRITES = {1: 0x1FF2, 2: 0x3FF2, 3: 0x7FF2}  # writing, removing and making, by version of Landlock


def confine(folder: str, memory: float) -> list[str]:
    """Set bounds for this process and its children; gives in words what holds. Call before threads are started."""
    held = []
    try:
        import resource

        for name, most in (("DATA", int(memory * _GIB)), ("FSIZE", _FILE_SIZE), ("CORE", 0)):
            kind = getattr(resource, f"RLIMIT_{name}")
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
        held.append(f"memory limit {memory:g} GiB")
    except (ImportError, ValueError, OSError):
        pass
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        alone = libc.unshare(_NEW_USERS | _NEW_NETWORK) == 0
        version = libc.syscall(_CREATE, None, 0, 1)
        no_writes = version > 0 and _landlock(libc, version, folder)
    except (AttributeError, OSError, TypeError):  # not Linux
        alone = no_writes = False
        version = 0
    if alone:
        held.append("no network")
    elif no_writes and version >= 4:
        held.append("no TCP")
    if no_writes:
        held.append("no writes outside a temporary folder")
    return held


def _landlock(libc: Any, version: int, folder: str) -> bool:
    """Refuse writes outside ``folder``, TCP, and signals to other processes, as far as this version can."""

    class Ruleset(ctypes.Structure):
        _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]

    class Beneath(ctypes.Structure):
        _pack_ = 1
        _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]

    writes = _WRITES[min(version, 3)]
    rules = Ruleset(writes, 3, 3)
    ruleset = libc.syscall(_CREATE, ctypes.byref(rules), 8 if version < 4 else 16 if version < 6 else 24, 0)
    for path in (folder, "/dev/null", "/dev/shm"):
        if ruleset >= 0 and os.path.exists(path):
            parent = os.open(path, os.O_PATH)
            allowed = writes if os.path.isdir(path) else writes & 0x4002  # write and truncate
            rule = Beneath(allowed, parent)
            libc.syscall(_ADD_RULE, ruleset, 1, ctypes.byref(rule), 0)
            os.close(parent)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return ruleset >= 0 and libc.syscall(_RESTRICT, ruleset, 0) == 0


def main() -> None:
    """In the process: bounds, then the check. Results go to standard output, what the program prints elsewhere."""
    path, folder, seconds, memory, options = json.loads(sys.argv[1])
    held = [f"time limit {seconds:g} s", *confine(folder, memory), "no standard input, no display"]
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    sys.argv[:] = [path]
    if "no writes outside a temporary folder" in held:
        os.chdir(Path(path).parent)  # its data may be read from there
    from jaxdoodle.submissions import worker

    process = os.getpid()
    for message in worker.check_file(Path(path), **options):
        if os.getpid() != process:  # the program forked: its copies tell nothing
            os._exit(0)
        print(json.dumps(message), file=results, flush=True)
    print(json.dumps({"end": {"protection": held}}), file=results, flush=True)
    os._exit(0)  # whatever the program left running


if __name__ == "__main__":
    main()
