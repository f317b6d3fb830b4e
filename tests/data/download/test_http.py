import re
from contextlib import closing
from socket import socket

import pytest
from urllib3 import HTTPResponse, Retry
from urllib3.util.retry import RequestHistory

from jaxdoodle.data.download import http
from jaxdoodle.data.download.http import OVERLAP, MirrorError, pull
from jaxdoodle.data.download.publishers import fetch
from tests.fixtures.mirror import CONTENT, GOOD, HASTY, QUICK, whole_item

BAD = {
    "forbidden": "HTTP 403",
    "html": "answers with an HTML page",
    "ignores range and says more": "ends after 40,000 of 40,999 bytes",
    "says less": "ends after 39,001 of 40,000 bytes",
    "cuts at once": "ends after 0 of 40,000 bytes",
    "another range": "asked for bytes from 0 on, answers HTTP 206 bytes 7-40006/40000",
    "new each time": "has another hash",
    "no length and cuts": "has another hash",
    "never ends": "has another hash",
    "redirects for ever": "too many redirects",
    "redirects nowhere": "Invalid IPv6 URL",
}
SILENT = {
    "says nothing": "Read timed out",
    "stalls": "Read timed out",
    "trickles": "fewer than 1,000 bytes in 0.25 seconds",
}


@pytest.mark.parametrize("manner", GOOD)
def test_a_file_arrives_whole_whatever_the_server_s_manners(manner, server, tmp_path):
    server.content |= {"a": CONTENT, "elsewhere/a": CONTENT}
    server.manners["a"] = manner
    status = fetch(whole_item(server, tmp_path, "a"), QUICK())
    assert status.ok and (tmp_path / "file").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("manner", BAD | SILENT)
def test_a_mirror_that_fails_is_named_in_one_line(manner, server, tmp_path):
    server.content["a"] = CONTENT
    server.manners["a"] = manner
    status = fetch(whole_item(server, tmp_path, "a"), (HASTY if manner in SILENT else QUICK)())
    assert not status.ok and not (tmp_path / "file").exists()
    assert f"{server.url}/a: " in status.text and (BAD | SILENT)[manner] in status.text and "\n" not in status.text
    assert str(tmp_path / "file") in status.text and "copy the file there yourself" in status.text


@pytest.mark.parametrize("manner", ["forbidden", "cuts at once", "new each time", "redirects nowhere"])
def test_after_a_mirror_that_fails_the_next_one_is_asked(manner, server, tmp_path):
    server.content |= {"a": CONTENT, "b": CONTENT}
    server.manners["a"] = manner
    assert fetch(whole_item(server, tmp_path, "a", "b"), QUICK()).ok
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_no_answer_is_taken_that_led_from_https_to_http(tmp_path, monkeypatch):
    hop = RequestHistory("GET", "/a", None, 302, "http://elsewhere/a")
    answer = HTTPResponse(CONTENT, status=200, preload_content=False, retries=Retry(history=(hop,)))
    monkeypatch.setattr(http, "_request", lambda *_: answer)
    with pytest.raises(MirrorError, match="from https to http"):
        pull("https://publisher.invalid/a", QUICK(), tmp_path / "a", 10**6)
    assert not (tmp_path / "a").exists()


def test_a_full_disk_is_one_line(server, tmp_path):
    server.content["a"] = CONTENT
    (tmp_path / "file.part").mkdir()  # nothing can be written there
    status = fetch(whole_item(server, tmp_path, "a"), QUICK())
    assert not status.ok and status.text == f"{tmp_path / 'file.part'}: cannot be written; Is a directory."


def test_a_download_continues_where_it_was_cut(server, tmp_path):
    server.content["a"] = CONTENT
    server.manners["a"] = "cuts"
    fetch(whole_item(server, tmp_path, "a"), QUICK())
    starts = [int(re.match(r"bytes=(\d+)", asked)[1]) for _, asked, _ in server.requests]
    assert starts == [max(0, n * 10_000 - n * OVERLAP) for n in range(5)]


def test_a_cut_that_brought_something_is_continued_at_once(server, tmp_path):
    server.content["a"] = CONTENT
    server.manners["a"] = "cuts"
    assert fetch(whole_item(server, tmp_path, "a"), QUICK(pause=10**6)).ok


def test_the_part_of_an_earlier_command_is_continued_from_another_mirror(server, tmp_path):
    server.content["b"] = CONTENT
    (tmp_path / "file.part").write_bytes(CONTENT[:30_000])
    assert fetch(whole_item(server, tmp_path, "a", "b"), QUICK()).ok
    assert server.sent == 10_000 + OVERLAP


@pytest.mark.parametrize("left", [b"x" * 30_000, CONTENT[:-1] + b"x", CONTENT + bytes(5_000)], ids=len)
def test_bytes_of_another_file_are_not_continued(left, server, tmp_path):
    server.content["a"] = CONTENT
    (tmp_path / "file.part").write_bytes(left)
    assert fetch(whole_item(server, tmp_path, "a"), QUICK()).ok
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_damaged_beginning_is_downloaded_again(server, tmp_path):
    server.content["a"] = CONTENT
    (tmp_path / "file.part").write_bytes(b"x" + CONTENT[1:30_000])  # its end fits
    assert fetch(whole_item(server, tmp_path, "a"), QUICK()).ok
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_an_unreachable_server_is_asked_for_one_file_only(tmp_path):
    with closing(socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        transfer = QUICK()
        with pytest.raises(MirrorError, match="Connection refused"):
            pull(f"{url}/a", transfer, tmp_path / "a", 10**6)
        assert len(transfer.unreachable) == 1
        with pytest.raises(MirrorError, match="^cannot be reached$"):
            pull(f"{url}/b", transfer, tmp_path / "b", 10**6)


def test_proxies_come_from_the_environment(server, tmp_path, monkeypatch):
    server.content["a"] = CONTENT
    monkeypatch.setenv("http_proxy", server.url)
    pull("http://publisher.invalid/a", QUICK(), tmp_path / "a", 10**6)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_file_gets_its_name_when_it_is_whole(server, tmp_path):
    server.content["a"] = CONTENT
    server.manners["a"] = "throttles"
    sizes = []
    watch = lambda part, size, end: sizes.append((size, end, (tmp_path / "file").exists()))  # noqa: E731
    fetch(whole_item(server, tmp_path, "a"), QUICK(watch=watch))
    assert sizes == sorted(sizes) and sizes[-1] == (40_000, 40_000, False) and len(sizes) > 3
