"""The beginning of a remote file, by HTTP: continued where it was cut, and without trust in what a server says.

What is there already is continued only where it belongs to the same file: every request begins a little before the
end of what is there, and those bytes have to be the same. So it does not matter which mirror they came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from threading import Event
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from jaxdoodle.inference.errors import FailedError

OVERLAP = 1024  # bytes that a continued download has to repeat
ATTEMPTS = 3  # in a row that bring nothing new
CHUNK = 2**16
#: Timeout, too early, too many requests, and what goes wrong in the server: later it may work.
PASSING = (408, 425, 429, 500, 502, 503, 504)


class MirrorError(Exception):
    """This address does not give the file; another may."""


class _CutError(Exception):
    """The transfer ended too early; the next attempt continues it."""


class _ForeignError(Exception):
    """What is there is not the beginning of the file."""


@dataclass(frozen=True)
class Transfer:
    """What all downloads of one command share.

    ``timeout``      seconds without a byte after which a connection counts as cut.
    ``pause``        seconds before the second attempt; twice that before the third.
    ``watch``        called with the file, its size now and the size it will have, from any thread.
    ``halted``       set: all downloads stop.
    ``unreachable``  hosts that nothing was heard from.
    """

    timeout: float = 20.0
    pause: float = 0.5
    watch: Callable[[Path, int, int | None], None] = lambda path, size, end: None
    halted: Event = field(default_factory=Event)
    unreachable: set[str] = field(default_factory=set)


def pull(url: str, transfer: Transfer, part: Path, stop: int | None) -> None:
    """Make ``part`` the first ``stop`` bytes of the file at ``url``, or all of it where it is shorter (``None``: all).

    What ``part`` holds is kept where it fits, and where it is longer already nothing happens. Raises ``MirrorError``.
    """
    host, failures, began_anew = urlsplit(url).netloc, 0, False
    while stop is None or _size(part) < stop:
        if host in transfer.unreachable:
            raise MirrorError("cannot be reached")
        before = _size(part)
        try:
            return _continue(url, transfer, part, stop)
        except _ForeignError:
            if began_anew:
                raise MirrorError("gives other bytes each time") from None
            began_anew = True
            part.unlink()
        except _CutError as cut:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= ATTEMPTS:
                if isinstance(cut.__cause__, URLError):
                    transfer.unreachable.add(host)
                raise MirrorError(str(cut)) from None
            transfer.halted.wait(transfer.pause * 2 ** (failures - 1))


def _continue(url: str, transfer: Transfer, part: Path, stop: int | None) -> None:
    """One request, for what ``part`` lacks."""
    size = _size(part)
    start = max(size - OVERLAP, 0)
    with _open(url, transfer, start, stop) as response:
        total, skipped = _place(response, start)
        _take(response, transfer, skipped)
        with open(part, "a+b") as file:
            file.seek(start)
            if _take(response, transfer, size - start) != file.read():
                raise _ForeignError
            end = min((n for n in (stop, total) if n is not None), default=None)
            while end is None or size < end:
                transfer.watch(part, size, end)
                chunk = _read(response, transfer, CHUNK if end is None else min(CHUNK, end - size))
                if not chunk:
                    break
                _write(file, part, chunk)
                size += len(chunk)
    transfer.watch(part, size, end)
    if total is not None and end is not None and size < end:
        raise _CutError(f"ends after {size:,} of {end:,} bytes")


def _open(url: str, transfer: Transfer, start: int, stop: int | None) -> HTTPResponse:
    wanted = f"bytes={start}-{'' if stop is None else stop - 1}"
    request = Request(url, headers={"Range": wanted, "Accept-Encoding": "identity", "User-Agent": "jaxdoodle"})
    try:
        return urlopen(request, timeout=transfer.timeout)
    except HTTPError as error:
        with error:
            if error.code == 416 and start:
                raise _ForeignError from None
            fault = _CutError if error.code in PASSING else MirrorError
            raise fault(f"HTTP {error.code} {error.reason}".strip()) from None
    except URLError as error:
        raise _CutError(f"cannot be reached, {_reason(error.reason)}") from error
    except (OSError, HTTPException) as error:
        raise _CutError(_reason(error)) from None


def _place(response: HTTPResponse, start: int) -> tuple[int | None, int]:
    """The size of the whole file where it is told, and how many bytes come before those that were asked for."""
    if response.headers.get_content_type() == "text/html":
        raise MirrorError("answers with an HTML page")
    if response.status == 200:  # the whole file, from its first byte
        length = response.headers.get("Content-Length", "")
        return int(length) if re.fullmatch("[0-9]{1,18}", length) else None, start
    found = response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", found)
    if response.status != 206 or match is None or int(match[1]) != start:
        raise MirrorError(f"asked for bytes from {start:,} on, answers HTTP {response.status} {found}".strip())
    return None if match[2] == "*" else int(match[2]), 0


def _take(response: HTTPResponse, transfer: Transfer, count: int) -> bytes:
    """Exactly ``count`` bytes; only the last ``OVERLAP`` of them are kept."""
    kept = b""
    while count:
        chunk = _read(response, transfer, min(count, CHUNK))
        if not chunk:
            raise _CutError(f"ends {count:,} bytes before what is there already")
        count -= len(chunk)
        kept = (kept + chunk)[-OVERLAP:]
    return kept


def _read(response: HTTPResponse, transfer: Transfer, most: int) -> bytes:
    """What has arrived, at most ``most`` bytes; nothing at the end."""
    if transfer.halted.is_set():
        raise MirrorError("stopped")
    try:
        return response.read1(most)
    except (OSError, HTTPException, ValueError) as error:
        raise _CutError(_reason(error)) from None


def _write(file, part: Path, chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise FailedError(f"{part}: cannot be written; {error.strerror}.") from None


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
