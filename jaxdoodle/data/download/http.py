"""Downloading the first bytes of a file by HTTP: cut transfers are continued, and no answer of a server is trusted.

Existing bytes are last only where they are of the same file: every request begins a little before their end, and the
bytes in common have to be equal. So it does not matter from which mirror they were downloaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

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


class _SilenceError(_CutError):
    """The transfer did not begin: no connection to the server."""


class _LateError(_SilenceError):
    """The transfer did not begin in time: another attempt would take as long again."""


class _OtherFileError(Exception):
    """The existing bytes are not the beginning of the file."""


class _Redirection(HTTPRedirectHandler):
    """Redirections to HTTP and HTTPS alone: urllib also follows FTP, and fails at an invalid address."""

    def http_error_302(self, req: Request, fp: Any, code: int, msg: str, headers: HTTPMessage) -> Any:
        address = headers.get("Location", "")
        try:
            scheme = urlsplit(urljoin(req.full_url, address)).scheme
        except ValueError:
            scheme = ""
        if scheme not in ("http", "https"):
            raise HTTPError(req.full_url, code, f"{msg}, leads to {address!r}", headers, fp)
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


@dataclass(frozen=True)
class Transfer:
    """Settings and state that all downloads of one command share.

    ``timeout``      seconds without a byte, or with less than ``LEAST``, after which a connection counts as cut.
    ``patience``     seconds until an answer begins: name lookup, connection and header.
    ``pause``        seconds after an attempt without a new byte; doubled after the second.
    ``watch``        called with the file, its size and its final size, from any thread.
    ``opener``       opens an address.
    ``halted``       set: all downloads stop.
    ``answered``     hosts that have answered.
    ``unreachable``  hosts that have not.
    """

    timeout: float = 20.0
    patience: float = 10.0
    pause: float = 0.5
    watch: Callable[[Path, int, int | None], None] = lambda path, size, end: None
    opener: OpenerDirector = field(default_factory=lambda: build_opener(_Redirection))
    halted: Event = field(default_factory=Event)
    answered: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)


def pull(url: str, transfer: Transfer, part: Path, stop: int) -> None:
    """Make ``part`` the first ``stop`` bytes of the file at ``url``, or all of it where it is shorter.

    Bytes in ``part`` are last where they agree; where it is long enough nothing happens. Raises ``MirrorError``.
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
        except _CutError as cut:
            failures = 0 if size_of(part) - before >= LEAST else failures + 1
            if failures >= ATTEMPTS or (isinstance(cut, _LateError) and host not in transfer.answered):
                if isinstance(cut, _SilenceError):
                    transfer.unreachable.add(host)
                raise MirrorError(str(cut)) from None
            if failures:
                transfer.halted.wait(transfer.pause * 2 ** (failures - 1))


def _continue(url: str, transfer: Transfer, part: Path, stop: int) -> None:
    """One request, for the bytes that ``part`` lacks."""
    before = size = size_of(part)
    start = max(size - OVERLAP, 0)
    with _open(url, transfer, start, stop) as response:
        total, skipped = _place(response, start)
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
                _write(file, part, chunk)
                size += len(chunk)
    transfer.watch(part, size, end if total is not None else size)
    if total is not None and size < end:
        raise _CutError(f"ends after {size:,} of {end:,} bytes")
    known = total is not None or response.chunked
    if not known and before < size < stop:  # the next attempt shows whether this is the end of the file
        raise _CutError("ends early each time")


def _open(url: str, transfer: Transfer, start: int, stop: int) -> HTTPResponse:
    headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity", "User-Agent": "jaxdoodle"}
    try:
        response = _answer(Request(url, headers=headers), transfer)
    except HTTPError as error:
        with error:
            transfer.answered.add(urlsplit(url).netloc)
            if error.code == 416 and start:
                raise _OtherFileError from None
            fault = _CutError if error.code in PASSING else MirrorError
            raise fault(_line(f"HTTP {error.code} {error.reason}")) from None
    except (URLError, TimeoutError) as error:
        cause = getattr(error, "reason", error)
        fault = _LateError if isinstance(cause, TimeoutError) else _SilenceError
        raise fault(f"cannot be reached, {_reason(cause)}") from None
    except (OSError, HTTPException, ValueError, OverflowError) as error:
        raise _CutError(_reason(error)) from None
    transfer.answered.add(urlsplit(url).netloc)
    return response


def _answer(request: Request, transfer: Transfer) -> HTTPResponse:
    """The answer, if it begins in time. Requested in a thread, since no timeout of ``urllib`` covers the name lookup,
    attempts at several addresses, or a header that comes byte by byte.
    """
    answer: Future[HTTPResponse] = Future()

    def ask() -> None:
        try:
            answer.set_result(transfer.opener.open(request, timeout=transfer.timeout))
        except BaseException as error:
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()
    try:
        return answer.result(transfer.patience)
    except TimeoutError:
        answer.add_done_callback(_close)
        raise


def _close(answer: Future[HTTPResponse]) -> None:
    if not answer.exception():
        answer.result().close()


def _place(response: HTTPResponse, start: int) -> tuple[int | None, int]:
    """The size of the whole file if the server states it, and the number of bytes before the requested ones."""
    if response.headers.get_content_type() == "text/html":
        raise MirrorError("answers with an HTML page")
    coding = response.headers.get("Content-Encoding", "identity")
    if coding != "identity" and not urlsplit(response.url).path.endswith(".gz"):  # some servers declare a .gz file so
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

    def __init__(self, response: HTTPResponse, transfer: Transfer) -> None:
        self._response, self._transfer = response, transfer
        self._since, self._count = monotonic(), 0

    def read(self, most: int) -> bytes:
        """The bytes that have arrived, at most ``most``; none at the end."""
        if self._transfer.halted.is_set():
            raise MirrorError("stopped")
        try:
            chunk = self._response.read1(min(most, CHUNK))
        except (OSError, HTTPException, ValueError) as error:
            raise _CutError(_reason(error)) from None
        self._count += len(chunk)
        if (now := monotonic()) - self._since > self._transfer.timeout:
            if self._count < LEAST:
                raise _CutError(f"sends {self._count:,} bytes in {now - self._since:.0f} s")
            self._since, self._count = now, 0
        return chunk

    def take(self, count: int) -> bytes:
        """Reads exactly ``count`` bytes and returns the last ``OVERLAP`` of them."""
        last = b""
        while count:
            chunk = self.read(count)
            if not chunk:
                raise _CutError(f"ends {count:,} bytes before the existing ones")
            count -= len(chunk)
            last = (last + chunk)[-OVERLAP:]
        return last


def _write(file: BinaryIO, part: Path, chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise FailedError(f"{part}: cannot be written; {error.strerror}.") from None


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return _line(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _line(words: str) -> str:
    """A server's words in one printable line of at most 200 characters."""
    return "".join(char if char.isprintable() else " " for char in words)[:200].strip()


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
