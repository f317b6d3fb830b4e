"""Several processes, on one host or on many, as one run: JAX's own runtime joins them, and each watches the others.

Every process computes the same program on its own devices. A process that waits for one that is gone waits for ever: so
each shows, in the store of JAX's coordinator, that it runs, and ends where another has stopped doing so.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.training.hardware.devices import use_cpu_devices

__all__ = ["NotFirst", "is_first", "join", "largest", "refuse_incomplete"]

#: Seconds between two signs of life of a process.
BEAT = 1.0
#: Seconds without one after which a process counts as lost: longer than a busy machine pauses, and half of the minute
#: within which all are to end.
LOST = 30.0
#: Seconds that processes wait for each other at the start: a cluster starts them one after the other.
START = 300
#: Folder of the coordinator's store in which each process writes its signs of life.
ALIVE = "jaxdoodle/alive/"
#: The last sign of a process, whose work is done.
DONE = "done"


def refuse_incomplete(coordinator: str | None, processes: int | None, process_id: int | None) -> None:
    """Raise ``InputError`` where the three do not fit each other. All ``None`` is right: then the cluster says.

    Args:
      coordinator: ``HOST:PORT`` of process 0.
      processes: Number of processes, at least 1.
      process_id: Which of them this is, counted from 0.
    """
    if (coordinator, processes, process_id) == (None, None, None):
        return
    if coordinator is None or processes is None or process_id is None:
        raise InputError("coordinator, processes and process-id are given together, or none where a cluster says them.")
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise InputError(f"coordinator is HOST:PORT of process 0, like 10.0.0.1:1234; got {coordinator!r}.")
    if processes < 1 or not 0 <= process_id < processes:
        raise InputError(f"process-id is counted from 0 and below processes; got {process_id} of {processes}.")


class NotFirst(Exception):
    """This process is not number 0 and has nothing to write."""


def is_first() -> bool:
    """Whether this is the only process, or number 0 of several."""
    return jax.process_index() == 0


def largest(number: int) -> int:
    """The largest of the numbers that the processes call it with, in each of them."""
    if jax.process_count() == 1:
        return number
    from jax.experimental import multihost_utils

    return int(np.max(multihost_utils.process_allgather(np.int32(number))))


@contextmanager
def join(
    coordinator: str | None = None, processes: int | None = None, process_id: int | None = None, *, devices: int = 1
) -> Iterator[int]:
    """Be one of several processes while the block runs. Call it before JAX computes anything.

    A process whose block is done, or left by ``NotFirst`` or ``SystemExit``, waits until all are. Where one fails or is
    lost, the others end with one line on stderr and exit code 1, wherever they are: nothing else ends a collective that
    waits.

    Args:
      coordinator: ``HOST:PORT`` of process 0; ``None``: the cluster (Slurm, Kubernetes, MPI, a TPU pod) says.
      processes: Number of processes; likewise.
      process_id: Which of them this is, counted from 0; likewise.
      devices: On processors, the number of devices of all processes, one core each; 1: each process has one device with
        all cores. Of GPUs and TPUs all are taken.

    Yields:
      The number of this process. Number 0 alone writes files.

    Raises:
      InputError: The arguments do not fit each other, or there is no cluster.
      FailedError: The processes do not find each other.
    """
    refuse_incomplete(coordinator, processes, process_id)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM for itself
    try:
        jax.distributed.initialize(coordinator, processes, process_id, initialization_timeout=START)
    except (ValueError, TypeError):
        raise InputError("there is no cluster that says coordinator, processes and process-id; give them.") from None
    except RuntimeError as error:
        where = coordinator or "the cluster"
        raise FailedError(f"{where}: the processes do not find each other: {str(error).splitlines()[0]}") from None
    watch, leaving = _Watch(), None
    try:
        if devices % watch.count and devices > 1:
            raise InputError(f"devices is a multiple of the {watch.count} processes; got {devices}.")
        if devices > 1:
            use_cpu_devices(devices // watch.count)
        yield watch.own
    except NotFirst:
        pass
    except SystemExit as error:
        leaving = error
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, InputError | FailedError):
            time.sleep(LOST + 3 * BEAT)  # most likely a collective without a lost process, which the watch will name
        atexit.register(_end, 2 if isinstance(error, InputError) else 1)  # before JAX waits for the other processes
        raise
    watch.finish()
    jax.distributed.shutdown()
    if leaving:
        raise leaving


class _Watch:
    """One thread shows that this process runs and looks at the others; one notices where the coordinator is silent.

    JAX watches, too: where the connection to the coordinator breaks, it aborts the process with a stack trace. That
    is caught, and what C++ writes to stderr meanwhile is shown only where the reason is another one.
    """

    def __init__(self) -> None:
        from jax._src.distributed import global_state  # the store has no public name

        self.store: Any = global_state.client
        self.own, self.count = global_state.process_id, global_state.num_processes
        self.answered, self.done, self.ended = time.monotonic(), False, threading.Event()
        self.written = tempfile.TemporaryFile()  # by C++, to stderr
        self.stderr = os.dup(2)
        self.handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(self._aborted)
        sys.stderr.flush()
        self.python_stderr, sys.stderr = sys.stderr, open(os.dup(self.stderr), "w", buffering=1, errors="replace")
        os.dup2(self.written.fileno(), 2)
        ctypes.CDLL(None).signal(signal.SIGABRT, self.handler)
        for target in (self._beat, self._wait):
            threading.Thread(target=target, daemon=True).start()

    def finish(self) -> None:
        """Wait until every process is here."""
        self.done = True
        self.ended.wait()
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        sys.stderr.close()
        os.dup2(self.stderr, 2)
        sys.stderr = self.python_stderr

    def _beat(self) -> None:
        signs: dict[int, tuple[str, float]] = {}
        beats = 0
        while not self.ended.is_set():
            beats += 1
            try:
                self.store.key_value_set(f"{ALIVE}{self.own}", DONE if self.done else f"{beats}", allow_overwrite=True)
                found = {int(key.rpartition("/")[2]): sign for key, sign in self.store.key_value_dir_get(ALIVE)}
            except jax.errors.JaxRuntimeError:  # the coordinator has ended
                self._lost(0)
            now = self.answered = time.monotonic()
            for process in range(self.count):
                before, since = signs.get(process, ("", now))
                sign = found.get(process, "")
                signs[process] = sign, since if sign == before != DONE else now
                if now - signs[process][1] > LOST:
                    self._lost(process)
            if all(found.get(process) == DONE for process in range(self.count)):
                self.ended.set()
            self.ended.wait(BEAT)

    def _wait(self) -> None:
        while not self.ended.wait(BEAT):
            if time.monotonic() - self.answered > LOST:
                self._lost(0)

    def _lost(self, process: int) -> None:
        if self.ended.is_set():
            return
        self._say(
            f"process {process} of {self.count} has ended or does not answer, so process {self.own} ends, too; "
            "start all of them again.\n"
        )
        _end(1)

    def _aborted(self, signal_number: int) -> None:
        self.written.seek(0)
        text = self.written.read().decode(errors="replace")
        if "distributed service" in text:
            self._lost(0)
        self._say(text)
        _end(128 + signal_number)

    def _say(self, text: str) -> None:
        os.write(self.stderr, text.encode())


def _end(code: int) -> None:
    """End this process at once: JAX would wait for processes that are not there."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
