"""The processes that are timed: workers that answer one request after the other, and programs that just run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

#: For every process of a benchmark. A GPU is shared: none may reserve all of its memory.
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "KERAS_BACKEND": "tensorflow",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


class Ended(Exception):
    """A process ended before its work was done. The message is the last line that it wrote to stderr."""


@dataclass(frozen=True)
class Worker:
    """A process that answers lines with lines of JSON."""

    process: subprocess.Popen[str]
    errors: IO[str]


def start(*arguments: str) -> Worker:
    """A worker: Python with these arguments."""
    pipe, errors = subprocess.PIPE, tempfile.TemporaryFile("w+", errors="replace")
    process = subprocess.Popen([sys.executable, *arguments], stdin=pipe, stdout=pipe, stderr=errors, text=True)
    return Worker(process, errors)


def ask(worker: Worker, what: str) -> dict[str, Any]:
    """What the worker answers. Raises ``Ended``."""
    assert worker.process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended; listening says why
        worker.process.stdin.write(what + "\n")
        worker.process.stdin.flush()
    return listen(worker)


def listen(worker: Worker) -> dict[str, Any]:
    """The next message; lines that the library prints on its own account are passed over. Raises ``Ended``."""
    assert worker.process.stdout is not None
    for line in worker.process.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise Ended(_last_words(worker.errors, worker.process.wait()))


def stop(worker: Worker) -> None:
    worker.process.kill()
    worker.process.wait()
    assert worker.process.stdin is not None and worker.process.stdout is not None
    with suppress(BrokenPipeError):
        worker.process.stdin.close()
    worker.process.stdout.close()
    worker.errors.close()


def run(*arguments: str) -> tuple[str, float, float]:
    """What Python with these arguments prints, and the seconds that it takes from start to end: by the clock, and of
    processor time. Raises ``Ended``.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        with process.stdout:
            output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise Ended(_last_words(errors, process.returncode))
    return output, seconds, used.ru_utime + used.ru_stime


def _last_words(errors: IO[str], status: int) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors if line.strip()]
    return lines[-1] if lines else f"ended with status {status}"
