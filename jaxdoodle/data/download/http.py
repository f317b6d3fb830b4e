"""Downloading the first bytes of a file by HTTP: cut transfers are continued, and no answer of a server is trusted.

urllib3 connects, redirects and streams. Existing bytes are kept only where they are of the same file: every request
begins a little before their end, and the bytes in common have to be equal, from whichever mirror they come.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

from jaxdoodle.core.errors import FailedError

OVERLAP = 1024  # bytes that a continued download repeats, to compare them
ATTEMPTS = 3  # attempts in a row without a new byte
LEAST = 1000  # fewest new bytes that count as progress, of an attempt or of a connection in its timeout
CHUNK = 2**16
#: HTTP statuses after which another attempt may succeed: timeout, too early, too many requests, server errors.
PASSING = (408, 425, 429, 500, 502, 503, 504)


class MirrorError(Exception):
    """The file cannot be downloaded from this address; another may have it."""


class _CutError(Exception):
    """The transfer was cut; the next attempt continues it."""


class _OtherFileError(Exception):
    """The existing bytes are not the beginning of the file."""


@dataclass(frozen=True)
class Transfer:
    """Settings and state that all downloads of one command share.

    ``timeout``      seconds without a byte, or with less than ``LEAST``, after which a connection counts as cut.
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

    @cached_property
    def pools(self) -> dict[str | None, Any]:
        """Connections by proxy; those of the environment are used."""
        return {}

    def pool_of(self, url: str) -> Any:
        """The connections for an address, through its proxy where it has one."""
        parts = urlsplit(url)
        bypassed = urllib.request.proxy_bypass(parts.hostname or "")
        proxy = None if bypassed else urllib.request.getproxies().get(parts.scheme)
        if proxy not in self.pools:
            self.pools[proxy] = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager(maxsize=8)
        return self.pools[proxy]


def pull(url: str, transfer: Transfer, part: Path, stop: int) -> None:
    """Make ``part`` the first ``stop`` bytes of the file at ``url``, or all of it where it is shorter.

    Bytes in ``part`` are kept where they agree; where it is long enough nothing happens. Raises ``MirrorError``.
    """
    host, failures, began_anew = urlsplit(url).netloc, 0, False
    while size_of(part) < stop:
        if host in transfer.unreachable:
            raise MirrorError("cannot be reached")
        before = size_of(part)
        try:
            return _continue(url, transfer, part, stop)
        except _OtherFileError:
            if began_anew:
                raise MirrorError("gives other bytes each time") from None
            began_anew = True
            part.unlink()
        except ValueError as error:  # an address that urllib3 does not parse
            raise MirrorError(_line(str(error))) from None
        except (_CutError, HTTPError, OSError) as error:
            failures = 0 if size_of(part) - before >= LEAST else failures + 1
            reason = error.reason if isinstance(error, MaxRetryError) else error
            silent = isinstance(reason, NewConnectionError | ConnectTimeoutError)
            if failures >= ATTEMPTS or isinstance(reason, ConnectTimeoutError):
                if silent:
                    transfer.unreachable.add(host)
                timed_out = isinstance(reason, ReadTimeoutError)
                words = "no answer in time" if timed_out else f"{'cannot be reached, ' * silent}{_line(str(reason))}"
                raise MirrorError(words) from None
            if failures:
                transfer.halted.wait(transfer.pause * 2 ** (failures - 1))


def _continue(url: str, transfer: Transfer, part: Path, stop: int) -> None:
    """One request, for the bytes that ``part`` lacks."""
    before = size = size_of(part)
    start = max(size - OVERLAP, 0)
    headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity", "User-Agent": "jaxdoodle"}
    response = transfer.pool_of(url).request(
        "GET",
        url,
        headers=headers,
        preload_content=False,
        enforce_content_length=False,
        timeout=urllib3.Timeout(connect=transfer.patience, read=transfer.timeout),
        retries=urllib3.Retry(total=5, connect=0, read=0, status=0, other=0),
    )
    try:
        total, skipped = _place(response, url, start)
        body = _Body(response, transfer)
        body.take(skipped)
        with open(part, "a+b") as file:
            file.seek(start)
            if body.take(size - start) != file.read():
                raise _OtherFileError
            end = stop if total is None else min(stop, total)
            while size < end:
                transfer.watch(part, size, None if total is None else end)
                chunk = body.read(end - size)
                if not chunk:
                    break
                try:
                    file.write(chunk)
                    file.flush()
                except OSError as error:
                    raise FailedError(f"{part}: cannot be written; {error.strerror}.") from None
                size += len(chunk)
    finally:
        response.close()  # what is left of the body is not read
    transfer.watch(part, size, end if total is not None else size)
    if total is not None and size < end:
        raise _CutError(f"ends after {size:,} of {end:,} bytes")
    if (
        total is None and not response.chunked and before < size < stop
    ):  # the next attempt shows whether this is the end
        raise _CutError("ends early each time")


def _place(response: Any, url: str, start: int) -> tuple[int | None, int]:
    """The size of the whole file if the server states it, and the number of bytes before the requested ones."""
    if response.status == 416 and start:
        raise _OtherFileError
    if response.status >= 400:
        raise (_CutError if response.status in PASSING else MirrorError)(
            _line(f"HTTP {response.status} {response.reason}")
        )
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise MirrorError("answers with an HTML page")
    coding = response.headers.get("Content-Encoding", "identity")
    if coding != "identity" and not urlsplit(url).path.endswith(".gz"):  # some servers declare a .gz file so
        raise MirrorError(f"answers in another coding, {_line(coding)}")
    if response.status == 200:  # the whole file, from its first byte
        length = response.headers.get("Content-Length", "")
        return int(length) if re.fullmatch("[0-9]{1,18}", length) else None, start
    found = response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", found)
    if response.status != 206 or match is None or int(match[1]) != start:
        raise MirrorError(f"asked for bytes from {start:,} on, answers HTTP {response.status} {_line(found)}".strip())
    return None if match[2] == "*" else int(match[2]), 0


class _Body:
    """The body of a response; it counts as cut where it comes too slowly."""

    def __init__(self, response: Any, transfer: Transfer) -> None:
        self._response, self._transfer, self._since, self._count = response, transfer, monotonic(), 0

    def read(self, most: int) -> bytes:
        """The bytes that have arrived, at most ``most``; none at the end."""
        if self._transfer.halted.is_set():
            raise MirrorError("stopped")
        chunk: bytes = self._response.read1(min(most, CHUNK), decode_content=False)
        self._count += len(chunk)
        if (now := monotonic()) - self._since > self._transfer.timeout:
            if self._count < LEAST:
                raise _CutError(f"sends {self._count:,} bytes in {now - self._since:.0f} s")
            self._since, self._count = now, 0
        return chunk

    def take(self, count: int) -> bytes:
        """Read exactly ``count`` bytes; the last ``OVERLAP`` of them."""
        last = b""
        while count:
            if not (chunk := self.read(count)):
                raise _CutError(f"ends {count:,} bytes before the existing ones")
            count, last = count - len(chunk), (last + chunk)[-OVERLAP:]
        return last


def _line(words: str) -> str:
    """A server's words in one printable line of at most 200 characters."""
    return "".join(char if char.isprintable() else " " for char in words)[:200].strip()


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
