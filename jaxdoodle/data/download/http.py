"""The beginning of a remote file, by HTTP: continued where it was cut, and without trust in what a server says.

What is there already is continued only where it belongs to the same file: every request begins a little before the
end of what is there, and those bytes have to be the same. So it does not matter which mirror they came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from jaxdoodle.core.errors import FailedError

OVERLAP = 1024  # bytes that a continued download has to repeat
ATTEMPTS = 3  # in a row that bring nothing new
LEAST = 1000  # bytes that are something new, and that a connection brings in the time it is given
CHUNK = 2**16
#: Timeout, too early, too many requests, and what goes wrong in the server: later it may work.
PASSING = (408, 425, 429, 500, 502, 503, 504)


class MirrorError(Exception):
    """This address does not give the file; another may."""


class _CutError(Exception):
    """The transfer ended too early; the next attempt continues it."""


class _SilenceError(_CutError):
    """It did not begin: the server, or the network, is not there."""


class _LateError(_SilenceError):
    """It did not begin in all the time it had: trying again would take as long again."""


class _ForeignError(Exception):
    """What is there is not the beginning of the file."""


class _Redirection(HTTPRedirectHandler):
    """To HTTP and HTTPS alone; urllib would go to FTP as well, and fail at an address that is none."""

    def http_error_302(self, req, fp, code, msg, headers):
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
    """What all downloads of one command share.

    ``timeout``      seconds without a byte, or with less than ``LEAST``, after which a connection counts as cut.
    ``patience``     seconds for an answer to begin: finding the server, connecting and its header.
    ``pause``        seconds after an attempt that brought nothing; twice that after the second.
    ``watch``        called with the file, its size now and the size it will have, from any thread.
    ``opener``       asks for an address.
    ``halted``       set: all downloads stop.
    ``heard``        hosts that have answered.
    ``unreachable``  hosts that did not.
    """

    timeout: float = 20.0
    patience: float = 10.0
    pause: float = 0.5
    watch: Callable[[Path, int, int | None], None] = lambda path, size, end: None
    opener: OpenerDirector = field(default_factory=lambda: build_opener(_Redirection))
    halted: Event = field(default_factory=Event)
    heard: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)


def pull(url: str, transfer: Transfer, part: Path, stop: int) -> None:
    """Make ``part`` the first ``stop`` bytes of the file at ``url``, or all of it where it is shorter.

    What ``part`` holds is kept where it fits, and where it is longer already nothing happens. Raises ``MirrorError``.
    """
    host, failures, began_anew = urlsplit(url).netloc, 0, False
    while _size(part) < stop:
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
            failures = 0 if _size(part) - before >= LEAST else failures + 1
            if failures >= ATTEMPTS or (isinstance(cut, _LateError) and host not in transfer.heard):
                if isinstance(cut, _SilenceError):
                    transfer.unreachable.add(host)
                raise MirrorError(str(cut)) from None
            if failures:
                transfer.halted.wait(transfer.pause * 2 ** (failures - 1))


def _continue(url: str, transfer: Transfer, part: Path, stop: int) -> None:
    """One request, for what ``part`` lacks."""
    before = size = _size(part)
    start = max(size - OVERLAP, 0)
    with _open(url, transfer, start, stop) as response:
        total, skipped = _place(response, start)
        body = _Body(response, transfer)
        body.take(skipped)
        with open(part, "a+b") as file:
            file.seek(start)
            if body.take(size - start) != file.read():
                raise _ForeignError
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
    told = total is not None or response.chunked
    if not told and before < size < stop:  # then it is the end if there is no more to be had
        raise _CutError("ends early each time")


def _open(url: str, transfer: Transfer, start: int, stop: int) -> HTTPResponse:
    headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity", "User-Agent": "jaxdoodle"}
    try:
        response = _answer(Request(url, headers=headers), transfer)
    except HTTPError as error:
        with error:
            transfer.heard.add(urlsplit(url).netloc)
            if error.code == 416 and start:
                raise _ForeignError from None
            fault = _CutError if error.code in PASSING else MirrorError
            raise fault(_line(f"HTTP {error.code} {error.reason}")) from None
    except (URLError, TimeoutError) as error:
        cause = getattr(error, "reason", error)
        fault = _LateError if isinstance(cause, TimeoutError) else _SilenceError
        raise fault(f"cannot be reached, {_reason(cause)}") from None
    except (OSError, HTTPException, ValueError, OverflowError) as error:
        raise _CutError(_reason(error)) from None
    transfer.heard.add(urlsplit(url).netloc)
    return response


def _answer(request: Request, transfer: Transfer) -> HTTPResponse:
    """What begins to arrive in time. Asked for in a thread: nothing else ends the search for a server's name, attempts
    at each of its addresses, or a header that comes byte by byte.
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
    """The size of the whole file where it is told, and how many bytes come before those that were asked for."""
    if response.headers.get_content_type() == "text/html":
        raise MirrorError("answers with an HTML page")
    coding = response.headers.get("Content-Encoding", "identity")
    if coding != "identity" and not urlsplit(response.url).path.endswith(".gz"):  # of which some servers say so
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
    """What follows the header, read at a pace that is one."""

    def __init__(self, response: HTTPResponse, transfer: Transfer):
        self._response, self._transfer = response, transfer
        self._since, self._count = monotonic(), 0

    def read(self, most: int) -> bytes:
        """What has arrived, at most ``most`` bytes; nothing at the end."""
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
        """Exactly ``count`` bytes; only the last ``OVERLAP`` of them are kept."""
        kept = b""
        while count:
            chunk = self.read(count)
            if not chunk:
                raise _CutError(f"ends {count:,} bytes before what is there already")
            count -= len(chunk)
            kept = (kept + chunk)[-OVERLAP:]
        return kept


def _write(file, part: Path, chunk: bytes) -> None:
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
    """What a server says, fit to be repeated."""
    return "".join(char if char.isprintable() else " " for char in words)[:200].strip()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
