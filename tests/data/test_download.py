"""Fetching from a server that does whatever servers do. It listens on 127.0.0.1; nothing here goes further."""

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from urllib.parse import unquote

import numpy as np
import pytest

from jaxdoodle.cli import main
from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.data import FileStatus, load_dataset
from jaxdoodle.data.download import files, get
from jaxdoodle.data.download.get import Item, fetch
from jaxdoodle.data.download.http import OVERLAP, MirrorError, Transfer, pull
from jaxdoodle.data.download.lock import locked
from jaxdoodle.data.readers.idx import MNIST_SHA256
from jaxdoodle.data.readers.quickdraw import open_bitmaps

BITMAPS = "quickdraw/full/numpy_bitmap"
CONTENT = np.random.default_rng(0).bytes(40_000)
QUICK = partial(Transfer, timeout=0.25, patience=0.7, pause=0.01)
LEADING_AWAY = {  # where a server sends one, with {} for the address asked for
    "redirects for ever": "{}",
    "redirects to a file": "file:///etc/hostname",
    "redirects to FTP": "ftp://127.0.0.1/file",
    "redirects nowhere": "http://[::1",
}


class Server(ThreadingHTTPServer):
    """Serves ``content`` (path -> bytes) as ``manners`` (path -> a word of ``Handler.do_GET``) says."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.manners, self.requests = {}, {}, []
        self.released = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def sent(self):
        return sum(count for _, _, count in self.requests)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # chunks are of 1.1; every answer ends its connection nevertheless

    def do_GET(self):
        self.close_connection = True
        path = unquote(re.sub("^http://[^/]*", "", self.path)).lstrip("/")
        manner, asked = self.server.manners.get(path, "honest"), self.headers.get("Range")
        earlier = sum(seen == path for seen, _, _ in self.server.requests)
        record = [path, asked, 0]
        self.server.requests.append(record)
        if path not in self.server.content or manner == "forbidden":
            return self.send_error(403 if manner == "forbidden" else 404)
        if manner == "busy once" and not earlier:
            return self.send_error(503)
        if manner == "redirect" or manner in LEADING_AWAY:
            self.send_response(302)
            to = LEADING_AWAY.get(manner, "/elsewhere{}").format(self.path)
            self.send_header("Location", to)
            return self.end_headers()
        if manner == "says nothing":
            return self.server.released.wait(5)
        if manner == "speaks byte by byte":
            for _ in range(200):
                if self.server.released.wait(0.02):
                    break
                self.wfile.write(b"HTTP/1.0 200 OK"[_ : _ + 1] or b"x")
            return None
        body = self.server.content[path]
        if manner == "new each time":
            body = bytes([earlier]) + os.urandom(len(body) - 1)
        if manner.startswith("html"):
            body, asked = b"<!DOCTYPE html><title>Sign in</title>" * 200, None
        first, last = 0, len(body) - 1
        if asked and not manner.startswith(("ignores range", "no length", "never ends")):
            first, end = re.fullmatch(r"bytes=(\d+)-(\d*)", asked).groups()
            first, last = int(first), min(int(end or last), last)
            if first > last:
                return self.send_error(416)
            self.send_response(206)
            shift = 7 if manner == "another range" else 0
            size = "*" if manner.startswith("tells no size") else len(body)
            self.send_header("Content-Range", f"bytes {first + shift}-{last + shift}/{size}")
        else:
            self.send_response(200)
        body = body[first : last + 1]
        length = len(body) + 999 * manner.endswith("says more") - 999 * manner.endswith("says less")
        if manner == "zips":
            body = gzip.compress(body)
            length = len(body)
            self.send_header("Content-Encoding", "gzip")
        if manner.startswith("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
        elif not manner.startswith(("no length", "tells no size", "never ends")):
            self.send_header("Content-Length", str(length))
        self.send_header("Content-Type", "text/html" if manner == "html" else "application/octet-stream")
        self.end_headers()
        if manner.endswith("cuts"):
            body = body[:10_000] if manner != "ignores range and cuts" or not earlier else body
        if manner == "cuts at once":
            body = b""
        if manner == "stalls":
            self.wfile.write(body[:100])
            self.wfile.flush()
            self.server.released.wait(5)
            return None
        if manner.startswith("chunked"):
            pieces = [body[start : start + 3_000] for start in range(0, len(body), 3_000)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            body += b"0\r\n\r\n" * (manner == "chunked")
        step = {"throttles": 4_000, "is slow but steady": 1_000, "gives a byte at a time": 1}.get(
            manner, len(body) or 1
        )
        try:
            while manner == "never ends" and not self.server.released.is_set():
                self.wfile.write(bytes(2**16))
            for start in range(0, len(body), step):
                record[2] += len(body[start : start + step])  # before the client can be done
                self.wfile.write(body[start : start + step])
                if step < len(body):
                    self.server.released.wait(0.01)
        except OSError:
            pass
        return None

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.released.set()
        made.shutdown()
        thread.join()


@pytest.fixture
def data(server, tmp_path):
    """A mirror with two classes and their strokes, and an empty root."""
    rng = np.random.default_rng(1)
    for name in ("clock", "The Eiffel Tower"):
        server.content[f"{BITMAPS}/{name}.npy"] = google_npy(rng.integers(0, 256, (60, 784), dtype=np.uint8))
        lines = [json.dumps({"drawing": [[[0, i], [0, 255]]]}) + "\n" for i in range(60)]
        server.content[f"quickdraw/full/simplified/{name}.ndjson"] = "".join(lines).encode()
    server.content["quickdraw/categories.txt"] = b"The Eiffel Tower\nclock\npizza\n"
    return tmp_path / "root"


def google_npy(array):
    """With the 80 bytes of header that the published files have."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {array.shape}, }}".ljust(69) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + array.tobytes()


def rows(data):
    return np.frombuffer(data, np.uint8, offset=80).reshape(-1, 784)


def quickdraw(server, root, **options):
    return get("quickdraw", root, base_url=server.url, transfer=QUICK(), **options)


def whole_item(server, root, *names):
    """A file of ``CONTENT``'s size to be had from several addresses, good if it is ``CONTENT``."""

    def fill(part, path, pull):
        pull(part, files.IDX_BYTES)
        if part.read_bytes() != CONTENT:
            raise InputError(f"{part}: has another hash.")
        return "good"

    return Item(root / "file", tuple(f"{server.url}/{name}" for name in names), lambda path: "good", fill)


GOOD = (
    "honest", "redirect", "cuts", "ignores range", "ignores range and cuts", "throttles", "no length", "busy once",
    "says more", "chunked", "chunked and cuts", "tells no size", "tells no size and cuts", "is slow but steady",
)  # fmt: skip
BAD = {
    "forbidden": "HTTP 403",
    "html": "answers with an HTML page",
    "html called bytes": "has another hash",
    "ignores range and says more": "ends after 40,000 of 40,999 bytes",
    "ignores range and says less": "has another hash",
    "says less": "ends after 39,001 of 40,000 bytes",
    "cuts at once": "ends after 0 of 40,000 bytes",
    "another range": "asked for bytes from 0 on, answers HTTP 206 bytes 7-40006/40000",
    "stalls": "no answer in time",
    "new each time": "has another hash",
    "no length and cuts": "has another hash",
    "never ends": "has another hash",
    "zips": "answers in another coding, gzip",
    "gives a byte at a time": " bytes in 0 s",
    "redirects for ever": "HTTP 302 The HTTP server returned a redirect error that would lead to an infinite loop. ",
    "redirects to a file": "HTTP 302 Found, leads to 'file:///etc/hostname'",
    "redirects to FTP": "leads to 'ftp://127.0.0.1/file'",
    "redirects nowhere": "leads to 'http://[::1'",
}


@pytest.mark.parametrize("manner", GOOD)
def test_a_file_arrives_whole_whatever_the_server_s_manners(manner, server, tmp_path):
    server.content |= {"a": CONTENT, "elsewhere/a": CONTENT}
    server.manners["a"] = manner
    outcome = fetch(whole_item(server, tmp_path, "a"), QUICK())
    assert outcome.ok and (tmp_path / "file").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("manner", BAD)
def test_a_mirror_that_fails_is_named_and_the_next_one_asked(manner, server, tmp_path):
    server.content |= {"a": CONTENT, "b": CONTENT}
    server.manners["a"] = manner
    alone = fetch(whole_item(server, tmp_path, "a"), QUICK())
    assert not alone.ok and not (tmp_path / "file").exists()
    assert f"{server.url}/a: " in alone.text and BAD[manner] in alone.text and "\n" not in alone.text
    assert str(tmp_path / "file") in alone.text and "copy the file there yourself" in alone.text
    outcome = fetch(whole_item(server, tmp_path, "a", "b"), QUICK())
    assert outcome.ok and (tmp_path / "file").read_bytes() == CONTENT


def test_a_download_continues_where_it_was_cut(server, tmp_path):
    server.content["a"] = CONTENT
    server.manners["a"] = "cuts"
    fetch(whole_item(server, tmp_path, "a"), QUICK())
    starts = [int(re.match(r"bytes=(\d+)", asked)[1]) for _, asked, _ in server.requests]
    assert starts == [max(0, n * 10_000 - n * OVERLAP) for n in range(5)]


def test_a_cut_that_brought_something_is_continued_at_once(server, tmp_path):
    server.content["a"] = CONTENT
    server.manners["a"] = "cuts"
    begin = time.monotonic()
    assert fetch(whole_item(server, tmp_path, "a"), QUICK(pause=30)).ok
    assert time.monotonic() - begin < 10


def test_what_an_earlier_command_left_is_continued_by_another_mirror(server, tmp_path):
    server.content["b"] = CONTENT
    (tmp_path / "file.part").write_bytes(CONTENT[:30_000])
    assert fetch(whole_item(server, tmp_path, "a", "b"), QUICK()).ok
    assert server.sent == 10_000 + OVERLAP


@pytest.mark.parametrize("left", [b"x" * 30_000, CONTENT[:-1] + b"x", CONTENT + bytes(5_000)], ids=len)
def test_what_does_not_belong_to_the_file_is_not_continued(left, server, tmp_path):
    server.content["a"] = CONTENT
    (tmp_path / "file.part").write_bytes(left)
    assert fetch(whole_item(server, tmp_path, "a"), QUICK()).ok
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_spoilt_beginning_is_fetched_again(server, tmp_path):
    server.content["a"] = CONTENT
    (tmp_path / "file.part").write_bytes(b"x" + CONTENT[1:30_000])  # its end fits
    assert fetch(whole_item(server, tmp_path, "a"), QUICK()).ok
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_that_is_not_there_is_asked_for_one_file_only(tmp_path):
    with closing(socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        transfer = QUICK()
        with pytest.raises(MirrorError, match="cannot be reached, Connection refused"):
            pull(f"{url}/a", transfer, tmp_path / "a", 10**6)
        assert len(transfer.unreachable) == 1
        with pytest.raises(MirrorError, match="^cannot be reached$"):
            pull(f"{url}/b", transfer, tmp_path / "b", 10**6)


@pytest.mark.parametrize("manner", ["says nothing", "speaks byte by byte"])
def test_a_server_that_does_not_begin_is_given_up_soon_and_at_once_for_other_files(manner, server, tmp_path):
    server.manners |= {"a": manner, "c": manner}
    server.content |= {"a": CONTENT, "b": CONTENT, "c": CONTENT}
    item = whole_item(server, tmp_path, "a", "b")
    item = replace(item, urls=(item.urls[0], item.urls[1].replace("127.0.0.1", "localhost")))
    begin, transfer = time.monotonic(), QUICK()
    assert fetch(item, transfer).ok and (tmp_path / "file").read_bytes() == CONTENT
    assert time.monotonic() - begin < 2 * transfer.patience
    with pytest.raises(MirrorError, match="^cannot be reached$"):
        pull(f"{server.url}/c", transfer, tmp_path / "c", 10**6)


def test_a_server_that_has_answered_before_is_asked_again(server, tmp_path):
    server.content |= {"a": CONTENT, "b": CONTENT}
    transfer = QUICK(patience=0.2)
    pull(f"{server.url}/a", transfer, tmp_path / "a", 10**6)
    server.manners["b"] = "says nothing"
    with pytest.raises(MirrorError, match="no answer in time"):
        pull(f"{server.url}/b", transfer, tmp_path / "b", 10**6)
    assert [path for path, _, _ in server.requests] == ["a", "b", "b", "b"]


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_proxies_come_from_the_environment(name, server, tmp_path, monkeypatch):
    server.content["a"] = CONTENT
    monkeypatch.setenv(name, server.url)
    pull("http://publisher.invalid/a", QUICK(), tmp_path / "a", 10**6)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_file_is_never_there_by_its_name_before_it_is_whole(server, tmp_path):
    server.content["a"] = CONTENT
    server.manners["a"] = "throttles"
    sizes = []
    watch = lambda part, size, end: sizes.append((size, end, (tmp_path / "file").exists()))  # noqa: E731
    fetch(whole_item(server, tmp_path, "a"), Transfer(watch=watch))
    assert sizes == sorted(sizes) and sizes[-1] == (40_000, 40_000, False) and len(sizes) > 3


def test_n_drawings_cost_n_drawings(server, data):
    outcomes = quickdraw(server, data, classes="clock,The Eiffel Tower", per_class=20)
    assert all(outcome.ok for outcome in outcomes)
    bitmaps = [count for path, _, count in server.requests if path.endswith(".npy")]
    assert sum(bitmaps) <= 2 * (20 * 784 + 400)
    for name in ("clock", "The Eiffel Tower"):
        there = open_bitmaps(data / BITMAPS / f"{name}.npy")
        np.testing.assert_array_equal(there, rows(server.content[f"{BITMAPS}/{name}.npy"])[:20])
        np.testing.assert_array_equal(there, np.load(data / BITMAPS / f"{name}.npy", allow_pickle=False))
    assert len(load_dataset("quickdraw", root=data, classes="clock").train.images) > 0


@pytest.mark.parametrize("header", ["Google's", "NumPy's"])
@pytest.mark.parametrize("manner", GOOD)
def test_more_drawings_are_added_to_those_that_are_there(manner, header, server, data):
    path = f"{BITMAPS}/clock.npy"
    everything = rows(server.content[path])
    if header == "NumPy's":
        server.content[path] = npy(everything)
    server.content[f"elsewhere/{path}"] = server.content[path]
    for count, there in ((5, 5), (5, 5), (23, 23), (60, 60), (99, 60)):
        server.manners[path] = manner
        sent = server.sent
        assert all(outcome.ok for outcome in quickdraw(server, data, classes="clock", per_class=count))
        np.testing.assert_array_equal(open_bitmaps(data / path), everything[:there])
        if manner == "honest":
            assert server.sent - sent <= {5: 5 * 784, 23: 18 * 784, 60: 37 * 784, 99: 0}[count] + 128 + OVERLAP + 200
    assert sorted(p.name for p in (data / BITMAPS).iterdir()) == ["clock.npy"]


@pytest.mark.parametrize("left", ["of the same file", "of another"])
def test_more_than_is_asked_for_now_is_compared_too(left, server, data):
    """An earlier command, which was killed, had got further than this one goes."""
    path, strokes = f"{BITMAPS}/clock.npy", "quickdraw/full/simplified/clock.ndjson"
    for name, other in ((path, npy(np.full((60, 784), 7, np.uint8))), (strokes, b'{"drawing": [[[1], [2]]]}\n' * 60)):
        (data / name).parent.mkdir(parents=True)
        content = server.content[name] if left == "of the same file" else other
        (data / f"{name}.part").write_bytes(content[: len(content) * 5 // 6])
    assert all(outcome.ok for outcome in quickdraw(server, data, classes="clock", per_class=20, strokes=True))
    np.testing.assert_array_equal(open_bitmaps(data / path), rows(server.content[path])[:20])
    assert (data / strokes).read_bytes() == b"".join(server.content[strokes].splitlines(keepends=True)[:20])
    assert sorted(p.name for p in (data / BITMAPS).iterdir()) == ["clock.npy"]


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_one_s_own_drawings_are_not_overwritten(server, data):
    path = data / BITMAPS / "clock.npy"
    path.parent.mkdir(parents=True)
    np.save(path, np.full((3, 784), 7, np.uint8))
    _, outcome = quickdraw(server, data, classes="clock", per_class=10)
    assert not outcome.ok and "holds other drawings; move it away" in outcome.text
    assert np.all(open_bitmaps(path) == 7)
    path.write_bytes(b"mine")
    _, outcome = quickdraw(server, data, classes="clock", per_class=10)
    assert not outcome.ok and "expected a .npy file. Move it away" in outcome.text and path.read_bytes() == b"mine"


TWISTED = {
    "is an HTML page": (lambda file: b"<html>" * 500, "starts with b'<html>"),
    "holds floats": (lambda file: npy(np.zeros((9, 784))), "holds <f8 (9, 784)"),
    "holds columns": (lambda file: npy(np.zeros((784, 9), np.uint8)), "holds |u1 (784, 9)"),
    "promises too much": (lambda file: file.replace(b"(60,", b"(90,"), "truncated; 47,120 bytes, expected 70,640"),
    "is empty": (lambda file: b"", "HTTP 416"),
}


@pytest.mark.parametrize("twist, fault", TWISTED.values(), ids=TWISTED)
def test_a_remote_file_that_is_not_bitmaps_never_lands(twist, fault, server, data):
    path = f"{BITMAPS}/clock.npy"
    server.content[path] = twist(server.content[path])
    _, outcome = quickdraw(server, data, classes="clock", per_class=90)
    assert not outcome.ok and fault in outcome.text
    assert list((data / BITMAPS).iterdir()) == []


def test_strokes_come_as_the_first_lines(server, data):
    path = data / "quickdraw/full/simplified/clock.ndjson"
    remote = server.content["quickdraw/full/simplified/clock.ndjson"]
    for count, there in ((4, 4), (9, 9), (60, 60), (80, 60)):
        assert all(o.ok for o in quickdraw(server, data, classes="clock", per_class=count, strokes=True))
        assert path.read_bytes() == b"".join(remote.splitlines(keepends=True)[:there])
    server.content["quickdraw/full/simplified/pizza.ndjson"] = remote.rstrip()  # no newline at its end
    server.content[f"{BITMAPS}/pizza.npy"] = server.content[f"{BITMAPS}/clock.npy"]
    assert all(o.ok for o in quickdraw(server, data, classes="pizza", per_class=80, strokes=True))
    assert path.with_name("pizza.ndjson").read_bytes() == remote.rstrip()


def test_one_s_own_strokes_are_not_overwritten(server, data):
    path = data / "quickdraw/full/simplified/clock.ndjson"
    path.parent.mkdir(parents=True)
    path.write_text('{"drawing": [[[1, 2], [3, 4]]]}\n')
    *_, outcome = quickdraw(server, data, classes="clock", per_class=10, strokes=True)
    assert not outcome.ok and "holds other drawings" in outcome.text
    assert path.read_text() == '{"drawing": [[[1, 2], [3, 4]]]}\n'


def test_a_broken_line_of_strokes_never_lands(server, data):
    server.content["quickdraw/full/simplified/clock.ndjson"] = b'{"drawing": [[[0], [0]]]}\n{"drawing": []}\n'
    *_, outcome = quickdraw(server, data, classes="clock", per_class=10, strokes=True)
    assert not outcome.ok and "line 2" in outcome.text


def test_a_line_without_an_end_is_not_followed(server, data, monkeypatch):
    server.content["quickdraw/full/simplified/clock.ndjson"] = b'{"drawing": [[[0], [0]]]}\n[' + b" " * 2**20
    monkeypatch.setattr(files, "MAX_BYTES", 2**17)
    *_, outcome = quickdraw(server, data, classes="clock", per_class=10, strokes=True)
    assert not outcome.ok and "line 2 has no end" in outcome.text
    assert sum(count for path, _, count in server.requests if path.endswith(".ndjson")) < 2**19


def test_all_classes_are_those_of_the_official_list(server, data):
    outcomes = quickdraw(server, data, classes="all", per_class=5)
    names = ["categories.txt", "The Eiffel Tower.npy", "clock.npy", "pizza.npy"]
    assert [outcome.path.name for outcome in outcomes] == names
    assert [outcome.ok for outcome in outcomes] == [True, True, True, False]  # the others come nevertheless
    assert "HTTP 404" in outcomes[-1].text


def test_classes_that_are_not_there_are_refused_by_name(server, data, refusal):
    assert "did you mean clock?" in refusal(quickdraw, server, data, classes="clok")
    del server.content["quickdraw/categories.txt"]
    (data / "quickdraw/categories.txt").unlink()
    assert "no name of a class" in refusal(quickdraw, server, data, classes="../clock")
    assert [outcome.ok for outcome in quickdraw(server, data, classes="clock")] == [False, True]
    with pytest.raises(FailedError, match=r"categories\.txt: cannot be downloaded"):
        quickdraw(server, data, classes="all")


@pytest.fixture
def digits(server, idx_bytes, monkeypatch):
    """Four small files in MNIST's place, and their hashes in place of MNIST's."""
    for name in MNIST_SHA256:
        shape = (12, 28, 28) if "images" in name else (12,)
        content = idx_bytes(np.zeros(shape, np.uint8) + len(name))
        server.content[f"mnist/{name}.gz"] = gzip.compress(content)
        monkeypatch.setitem(MNIST_SHA256, name, hashlib.sha256(content).hexdigest())
    return server


@pytest.mark.parametrize("name", ["mnist", "mnist-mini"])
def test_mnist_is_held_to_its_hashes(name, digits, tmp_path):
    wrong = "mnist/t10k-labels-idx1-ubyte.gz"
    good = digits.content[wrong]
    digits.content[wrong] = gzip.compress(gzip.decompress(good)[:-1] + b"x")
    outcomes = get(name, tmp_path, base_url=digits.url + "/", transfer=QUICK())
    assert [outcome.ok for outcome in outcomes] == [True, True, True, False]
    assert "SHA-256 of the decompressed bytes" in outcomes[-1].text and not (tmp_path / wrong).exists()
    digits.content[wrong] = good
    sent = digits.sent
    assert all(outcome.ok for outcome in get(name, tmp_path, base_url=digits.url, transfer=QUICK()))
    assert digits.sent - sent == len(good)  # the others were there
    assert sorted(path.name for path in (tmp_path / "mnist").iterdir()) == sorted(f"{n}.gz" for n in MNIST_SHA256)


def test_publishers_are_asked_at_their_addresses(monkeypatch, tmp_path):
    asked = []

    def ask(item, transfer):
        asked.append(item)
        return FileStatus(item.path, False, "")

    monkeypatch.setattr(sys.modules[fetch.__module__], "fetch", ask)
    get("mnist", tmp_path)
    get("quickdraw", tmp_path, classes="The Eiffel Tower", strokes=True)
    google = "https://storage.googleapis.com"
    assert {item.path.relative_to(tmp_path).as_posix(): item.urls for item in asked} == {
        f"mnist/{name}.gz": (
            f"{google}/cvdf-datasets/mnist/{name}.gz",
            f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}.gz",
        )
        for name in MNIST_SHA256
    } | {
        "quickdraw/categories.txt": (
            "https://raw.githubusercontent.com/googlecreativelab/quickdraw-dataset/master/categories.txt",
        ),
        f"{BITMAPS}/The Eiffel Tower.npy": (f"{google}/quickdraw_dataset/full/numpy_bitmap/The%20Eiffel%20Tower.npy",),
        "quickdraw/full/simplified/The Eiffel Tower.ndjson": (
            f"{google}/quickdraw_dataset/full/simplified/The%20Eiffel%20Tower.ndjson",
        ),
    }


def test_two_processes_do_not_get_into_each_other_s_way(server, data):
    path = f"{BITMAPS}/clock.npy"
    server.manners[path] = "throttles"
    words = ["data", "get", "quickdraw", "--classes", "clock", "--per-class", "60", "--data-dir", str(data)]
    code = "import sys; from jaxdoodle.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = os.environ | {"JAXDOODLE_MIRROR": server.url}
    both = [
        subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("there already" in text.splitlines()[-1] for text in printed) == 1
    np.testing.assert_array_equal(open_bitmaps(data / path), rows(server.content[path]))


def test_a_process_that_is_killed_leaves_nothing_broken_and_the_next_goes_on(server, data):
    path = f"{BITMAPS}/clock.npy"
    server.content[path] = npy(np.random.default_rng(2).integers(0, 256, (900, 784), dtype=np.uint8))
    server.manners[path] = "is slow but steady"
    words = ["data", "get", "quickdraw", "--classes", "clock", "--per-class", "900", "--data-dir", str(data)]
    words += ["--base-url", server.url]
    process = subprocess.Popen([sys.executable, "-m", "jaxdoodle", *words], stdout=subprocess.DEVNULL)
    part = data / f"{path}.part"
    while process.poll() is None and not (part.exists() and part.stat().st_size > 50_000):
        time.sleep(0.01)
    process.kill()
    assert process.wait() != 0
    assert not (data / path).exists() and (got := part.stat().st_size) > 50_000
    server.manners[path], before = "honest", len(server.requests)
    assert main(words) == 0
    sent = sum(count for _, _, count in server.requests[before:])
    assert sent <= len(server.content[path]) - got + 2 * OVERLAP
    np.testing.assert_array_equal(open_bitmaps(data / path), np.load(io.BytesIO(server.content[path])))
    assert [p.name for p in (data / BITMAPS).iterdir()] == ["clock.npy"]


def test_a_lock_is_held_by_one_at_a_time(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(20):
            with locked(tmp_path / "lock"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and len(most) == 80 and not (tmp_path / "lock").exists()


def test_an_interruption_stops_all_downloads(server, data):
    path = f"{BITMAPS}/clock.npy"
    server.manners[path] = server.manners[f"{BITMAPS}/The Eiffel Tower.npy"] = "stalls"

    def interrupt(part, size, end):
        if part.name == "clock.npy.part" and size:
            raise KeyboardInterrupt

    server.manners[path] = "honest"
    transfer = Transfer(timeout=0.2, pause=0.01, watch=interrupt)
    with pytest.raises(KeyboardInterrupt):
        get("quickdraw", data, "clock,The Eiffel Tower", 60, base_url=server.url, transfer=transfer)
    assert transfer.halted.is_set()


def test_the_command_says_what_came_and_fails_where_something_did_not(server, data, capsys, monkeypatch):
    words = ["data", "get", "quickdraw", "--per-class", "7", "--data-dir", str(data), "--base-url", server.url]
    assert main([*words, "--classes", "clock"]) == 0
    printed = capsys.readouterr()
    assert f"{data / BITMAPS / 'clock.npy'}: 7 of 60 drawings\n" in printed.out and printed.err == ""
    assert main([*words, "--classes", "pizza,clock"]) == 1
    printed = capsys.readouterr()
    assert "clock.npy: 7 drawings, there already" in printed.out
    assert len(printed.err.splitlines()) == 1 and "pizza.npy: cannot be downloaded" in printed.err
    assert main([*words, "--classes", "piza"]) == 2
    assert "did you mean pizza?" in capsys.readouterr().err
    for address in (
        "ftp://here",
        "here",
        "http://",
        "http://[::1",
        "http://here:99999",
        "http://here:port",
        "http://a\nb",
    ):
        assert main(["data", "get", "mnist", "--data-dir", str(data), "--base-url", address]) == 2
        assert "is no address of a mirror; expected http://" in capsys.readouterr().err
    for option in (["--classes", "clock"], ["--strokes"]):
        assert main(["data", "get", "mnist", "--data-dir", str(data), "--base-url", server.url, *option]) == 2
        assert "found --classes or --strokes; expected them for quickdraw alone" in capsys.readouterr().err


def test_of_many_failures_the_first_are_told_and_the_others_counted(server, data, capsys):
    server.content["quickdraw/categories.txt"] = "\n".join("abcdefgh").encode()
    assert (
        main(["data", "get", "quickdraw", "--classes", "all", "--data-dir", str(data), "--base-url", server.url]) == 1
    )
    *told, last = capsys.readouterr().err.splitlines()
    assert len(told) == 5 and all("HTTP 404" in line for line in told)
    assert last == "jaxdoodle: 3 more of 9 files cannot be downloaded"


def test_without_a_terminal_nothing_but_failures_is_said_on_the_side(server, data, capsys):
    names = "abcdefghijklm"
    server.content["quickdraw/categories.txt"] = "\n".join(names).encode()
    for name in names:
        server.content[f"{BITMAPS}/{name}.npy"] = npy(np.zeros((2, 784), np.uint8))
    assert (
        main(["data", "get", "quickdraw", "--classes", "all", "--data-dir", str(data), "--base-url", server.url]) == 0
    )
    printed = capsys.readouterr()
    assert printed.err == "" and len(printed.out.splitlines()) == 14


def test_the_command_needs_no_rich(server, data, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setenv("JAXDOODLE_MIRROR", server.url)
    assert main(["data", "get", "quickdraw", "--classes", "clock", "--per-class", "7", "--data-dir", str(data)]) == 0


def test_every_kind_of_file_is_looked_into_before_it_is_left_as_it_is(tmp_path, refusal):
    (tmp_path / "page").write_text("<html>\n")
    assert "expected one class name a line" in refusal(files.summarize_names, tmp_path / "page")
