"""Downloading the first bytes of a file by HTTP: cut transfers are continued, and no answer of a server is trusted.

urllib3 connects, redirects, repeats what may pass and streams. Existing bytes are kept only where they are of the same
file: every request begins a little before their end, and the bytes in common have to be equal, from whichever mirror
they come.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError

OVERLAP = 1024  # bytes that a continued download repeats, to compare them
ATTEMPTS = 3  # attempts in a row that bring fewer than ``LEAST`` new bytes
LEAST = 1000  # new bytes of an attempt, and of every ``Transfer.timeout`` seconds of it
CHUNK = 2**16
#: HTTP statuses after which another attempt may succeed: timeout, too early, too many requests, server errors.
PASSING = (408, 425, 429, 500, 502, 503, 504)
OTHER = "gives other bytes each time"
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "jaxdoodle"}


class MirrorError(Exception):
    """The file cannot be downloaded from this address; another may have it."""


@dataclass(frozen=True)
class Transfer:
    """Settings and state that all downloads of one command share.

    ``timeout``      seconds without a connection, or with fewer than ``LEAST`` bytes, after which it counts as cut.
    ``pause``        seconds after a first attempt that brought nothing; twice that after a second.
    ``watch``        called with the file, its size and its final size, from any thread.
    ``halted``       set: all downloads stop.
    ``unreachable``  hosts that have not answered.
    """

    timeout: float = 15.0
    pause: float = 0.5
    watch: Callable[[Path, int, int | None], None] = lambda path, size, end: None
    halted: Event = field(default_factory=Event)
    unreachable: set[str] = field(default_factory=set)


def pull(url: str, transfer: Transfer, part: Path, stop: int) -> None:
    """Make ``part`` the first ``stop`` bytes of the file at ``url``, or all of it where it is shorter.

    Bytes in ``part`` are kept where they agree; where it is long enough nothing happens. Raises ``MirrorError``.
    """
    host, left = urlsplit(url).netloc, ATTEMPTS
    while (before := size_of(part)) < stop:
        if host in transfer.unreachable:
            raise MirrorError("cannot be reached")
        try:
            return _receive(url, transfer, part, stop)
        except ValueError as error:  # an address that urllib3 does not parse
            raise MirrorError(str(error)) from None
        except MaxRetryError as error:
            if isinstance(error.reason, NewConnectionError | ConnectTimeoutError):
                transfer.unreachable.add(host)
            raise MirrorError(str(error.reason)) from None
        except HTTPError as error:
            left = ATTEMPTS if size_of(part) - before >= LEAST else left - 1
            if not left:
                raise MirrorError(error.args[0]) from None
            transfer.halted.wait(transfer.pause * (ATTEMPTS - left))


def _receive(url: str, transfer: Transfer, part: Path, stop: int) -> None:
    """Add the bytes that ``part`` lacks, by one request. Raises ``HTTPError`` where some are lacking still."""
    start = max(size_of(part) - OVERLAP, 0)
    with closing(_request(url, transfer, start, stop)) as response:
        if start and response.status == 416:  # the file is shorter than ``part``
            part.unlink()
            raise HTTPError(OTHER)
        at, size = _place(response, url, start)
        end = min(stop, size or stop)
        checked, deadline = at, monotonic() + transfer.timeout
        with open(part, "a+b") as file:
            while at < end and (chunk := response.read1(min(CHUNK, end - at), decode_content=False)):
                if transfer.halted.is_set():
                    raise MirrorError("stopped")
                file.seek(at)
                existing = file.read(len(chunk))
                if not chunk.startswith(existing):
                    file.truncate(0)
                    raise HTTPError(OTHER)
                file.write(chunk[len(existing) :])
                file.flush()
                at += len(chunk)
                transfer.watch(part, size_of(part), end if size else None)
                if at - checked >= LEAST:
                    checked, deadline = at, monotonic() + transfer.timeout
                elif monotonic() > deadline:
                    raise HTTPError(f"fewer than {LEAST:,} bytes in {transfer.timeout:g} seconds")
    if at < end and size:
        raise HTTPError(f"ends after {at:,} of {end:,} bytes")


def _request(url: str, transfer: Transfer, start: int, stop: int) -> Any:
    """The answer to a request of some bytes, not read yet."""
    parts = urlsplit(url)
    proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    retries = urllib3.Retry(  # not as late as the server says, which may be days
        4, connect=1, read=2, status_forcelist=PASSING, backoff_factor=transfer.pause, respect_retry_after_header=False
    )
    return _pool(proxy).request(
        "GET",
        url,
        headers=HEADERS | {"Range": f"bytes={start}-{stop - 1}"},
        preload_content=False,
        enforce_content_length=False,  # ``_receive`` compares with the size of the whole file
        timeout=transfer.timeout,
        retries=retries,
    )


@cache
def _pool(proxy: str | None) -> Any:
    """Connections, through a proxy or without."""
    return urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager(maxsize=8)


def _place(response: Any, url: str, start: int) -> tuple[int, int]:
    """The place of the first byte of the answer, and the size of the whole file; 0 where the server does not say."""
    hops = [hop.redirect_location or "" for hop in response.retries.history]
    if url.startswith("https:") and any(hop.startswith("http:") for hop in hops):
        raise MirrorError("leads from https to http")
    if response.status >= 400:
        raise MirrorError(f"HTTP {response.status} {response.reason}")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise MirrorError("answers with an HTML page")
    if response.status == 200:  # the whole file
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if re.fullmatch("[0-9]{1,18}", length) else 0
    found = response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", found)
    if response.status != 206 or match is None or int(match[1]) != start:
        raise MirrorError(f"asked for bytes from {start:,} on, answers HTTP {response.status} {found}")
    return start, int(match[2]) + 1 if match[3] == "*" else int(match[3])


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
