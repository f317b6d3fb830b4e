"""Downloading the first bytes of a file by HTTP: cut transfers are continued, and no answer of a server is trusted.

urllib3 connects, redirects, repeats what may pass and streams. Existing bytes are kept only where they are of the same
file: every request begins a little before their end, and the bytes in common have to be equal, from whichever mirror
they come.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

from jaxdoodle.core.errors import FailedError

OVERLAP = 1024  # bytes that a continued download repeats, to compare them
ATTEMPTS = 3  # attempts in a row that bring fewer than ``LEAST`` new bytes
LEAST = 1000
CHUNK = 2**16
#: HTTP statuses after which another attempt may succeed: timeout, too early, too many requests, server errors.
PASSING = (408, 425, 429, 500, 502, 503, 504)
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "jaxdoodle"}


class MirrorError(Exception):
    """The file cannot be downloaded from this address; another may have it."""


class _OtherFileError(Exception):
    """The existing bytes are not the beginning of the file."""


@dataclass(frozen=True)
class Transfer:
    """Settings and state that all downloads of one command share.

    ``timeout``      seconds without a byte after which a connection counts as cut.
    ``patience``     seconds until a connection is made.
    ``pause``        seconds after an attempt without a new byte; doubled after the second.
    ``watch``        called with the file, its size and its final size, from any thread.
    ``halted``       set: all downloads stop.
    ``unreachable``  hosts that have not answered.
    """

    timeout: float = 20.0
    patience: float = 10.0
    pause: float = 0.5
    watch: Callable[[Path, int, int | None], None] = lambda path, size, end: None
    halted: Event = field(default_factory=Event)
    unreachable: set[str] = field(default_factory=set)

    def request(self, url: str, start: int, stop: int) -> Any:
        """The answer to a request of some bytes, not read yet."""
        parts = urlsplit(url)
        bypassed = urllib.request.proxy_bypass(parts.hostname or "")
        retries = urllib3.Retry(
            total=5,
            connect=0,
            read=0,
            other=0,
            status=ATTEMPTS - 1,
            status_forcelist=PASSING,
            backoff_factor=self.pause,
            raise_on_status=False,
            respect_retry_after_header=False,  # which may be days
        )
        return _pool(None if bypassed else urllib.request.getproxies().get(parts.scheme)).request(
            "GET",
            url,
            headers=HEADERS | {"Range": f"bytes={start}-{stop - 1}"},
            preload_content=False,
            enforce_content_length=False,
            timeout=urllib3.Timeout(connect=self.patience, read=self.timeout),
            retries=retries,
        )


@cache
def _pool(proxy: str | None) -> Any:
    """Connections, through a proxy or without."""
    return urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager(maxsize=8)


def pull(url: str, transfer: Transfer, part: Path, stop: int) -> None:
    """Make ``part`` the first ``stop`` bytes of the file at ``url``, or all of it where it is shorter.

    Bytes in ``part`` are kept where they agree; where it is long enough nothing happens. Raises ``MirrorError``.
    """
    host, failures = urlsplit(url).netloc, 0
    while (before := size_of(part)) < stop:
        if host in transfer.unreachable:
            raise MirrorError("cannot be reached")
        try:
            fault = _continue(url, transfer, part, stop)
        except _OtherFileError:
            part.unlink()
            fault = "gives other bytes each time"
        except ValueError as error:  # an address that urllib3 does not parse
            raise MirrorError(_line(str(error))) from None
        except (HTTPError, OSError) as error:
            reason = error.reason if isinstance(error, MaxRetryError) else error
            silent = isinstance(reason, NewConnectionError | ConnectTimeoutError)
            timed_out = isinstance(reason, ReadTimeoutError)
            fault = "no answer in time" if timed_out else f"{'cannot be reached, ' * silent}{_line(str(reason))}"
            if silent and (failures + 1 == ATTEMPTS or isinstance(reason, ConnectTimeoutError)):
                transfer.unreachable.add(host)
                raise MirrorError(fault) from None
        if fault is None:
            return
        failures = 0 if size_of(part) - before >= LEAST else failures + 1
        if failures == ATTEMPTS:
            raise MirrorError(fault)
        if failures:
            transfer.halted.wait(transfer.pause * 2 ** (failures - 1))


def _continue(url: str, transfer: Transfer, part: Path, stop: int) -> str | None:
    """One request, for the bytes that ``part`` lacks. What is wrong, or ``None`` where they are all there now."""
    size = size_of(part)
    start = max(size - OVERLAP, 0)
    response = transfer.request(url, start, stop)
    try:
        total, at = _place(response, url, start)
        end = stop if total is None else min(stop, total)
        with open(part, "a+b") as file:
            while at < end and (chunk := response.read1(min(CHUNK, end - at), decode_content=False)):
                if transfer.halted.is_set():
                    raise MirrorError("stopped")
                existing = max(size - at, 0)
                file.seek(at)
                if existing and file.read(len(chunk)) != chunk[:existing]:
                    raise _OtherFileError
                try:
                    file.write(chunk[existing:])
                    file.flush()
                except OSError as error:
                    raise FailedError(f"{part}: cannot be written; {error.strerror}.") from None
                at += len(chunk)
                transfer.watch(part, max(at, size), None if total is None else end)
    finally:
        response.close()  # what is left of the body is not read
    if total is None:  # where neither size nor end is stated, the next attempt shows whether this is the end
        return "ends early each time" if size < at < stop and not response.chunked else None
    return f"ends after {at:,} of {end:,} bytes" if at < end else None


def _place(response: Any, url: str, start: int) -> tuple[int | None, int]:
    """The size of the whole file if the server states it, and the place of the first byte of the answer."""
    if response.status == 416 and start:
        raise _OtherFileError
    if response.status >= 400:
        raise MirrorError(_line(f"HTTP {response.status} {response.reason}"))
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise MirrorError("answers with an HTML page")
    coding = response.headers.get("Content-Encoding", "identity")
    if coding != "identity" and not urlsplit(url).path.endswith(".gz"):  # some servers declare a .gz file so
        raise MirrorError(f"answers in another coding, {_line(coding)}")
    if response.status == 200:  # the whole file
        length = response.headers.get("Content-Length", "")
        return int(length) if re.fullmatch("[0-9]{1,18}", length) else None, 0
    found = response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", found)
    if response.status != 206 or match is None or int(match[1]) != start:
        raise MirrorError(f"asked for bytes from {start:,} on, answers HTTP {response.status} {_line(found)}".strip())
    return None if match[2] == "*" else int(match[2]), start


def _line(words: str) -> str:
    """A server's words in one printable line of at most 200 characters."""
    return "".join(char if char.isprintable() else " " for char in words)[:200].strip()


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
