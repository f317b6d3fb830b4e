"""A limit to the time that a user's code may take."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

__all__ = ["TimeOutError", "more_time", "time_limit"]

#: Seconds from one signal that the time is over to the next: one may be lost in a destructor.
_AGAIN = 0.1
#: How many times its limit code may take by the clock, and for how many seconds more than that at most: a busy machine
#: has a few programs for each core, and what hangs must not hide what comes after it.
WAITS, _WAITS_AT_MOST = 4.0, 30.0


class TimeOutError(BaseException):
    """The time of ``time_limit`` is over. Not an ``Exception``: code that catches all of these must end, too."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise ``TimeOutError`` inside the block after that much time. Python code in the main thread only.

    The time is that of the processor: what else runs on the machine decides nothing. Code that sleeps or waits is
    ended by the clock, later.

    Args:
      seconds: Of the process with its threads.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield  # without signals nothing can be interrupted
        return

    def stop(number: int, frame: Any) -> None:
        raise TimeOutError

    kinds = ((signal.ITIMER_PROF, signal.SIGPROF), (signal.ITIMER_REAL, signal.SIGALRM))
    before = [signal.signal(number, stop) for _, number in kinds]
    start, outer = clocks(), _set_timers(max(seconds, 0.01))
    try:
        yield
    finally:
        _set_timers(0)
        for (timer, number), handler, left, spent in zip(kinds, before, outer, clocks(start), strict=True):
            signal.signal(number, handler)
            if left:  # a limit around this one goes on
                signal.setitimer(timer, max(left - spent, 0.01), _AGAIN)


def more_time(seconds: float) -> None:
    """Let a block of ``time_limit`` whose time is over go on for that many seconds; without a limit, nothing happens.

    Args:
      seconds: Time from now.
    """
    if hasattr(signal, "setitimer") and signal.getitimer(signal.ITIMER_REAL)[1]:
        _set_timers(seconds)


def clocks(start: tuple[float, float] = (0.0, 0.0)) -> tuple[float, float]:
    """Seconds of the processor, and by the clock."""
    return time.process_time() - start[0], time.monotonic() - start[1]


def _set_timers(seconds: float) -> list[float]:
    """Set both; gives what was left of each."""
    clock = seconds + min((WAITS - 1) * seconds, _WAITS_AT_MOST)
    again = _AGAIN if seconds else 0.0
    return [signal.setitimer(t, s, again)[0] for t, s in ((signal.ITIMER_PROF, seconds), (signal.ITIMER_REAL, clock))]
