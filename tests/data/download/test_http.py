import re
import time
from contextlib import closing
from socket import socket

import pytest

from jaxdoodle.data.download.http import OVERLAP, MirrorError, Transfer, pull
from jaxdoodle.data.download.publishers import fetch
from tests.fixtures.mirror import CONTENT, GOOD, QUICK, whole_item

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
    "redirects for ever": "too many redirects",
    "redirects to a file": "No host specified",
    "redirects to FTP": "Not supported URL scheme ftp",
    "redirects nowhere": "Invalid IPv6 URL",
}


@pytest.mark.parametrize("manner", GOOD)
def test_a_file_arrives_whole_whatever_the_server_s_manners(manner, server, tmp_path):
    server.content |= {"a": CONTENT, "elsewhere/a": CONTENT}
    server.manners["a"] = manner
    status = fetch(whole_item(server, tmp_path, "a"), QUICK())
    assert status.ok and (tmp_path / "file").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("manner", BAD)
def test_a_mirror_that_fails_is_named_and_the_next_one_asked(manner, server, tmp_path):
    server.content |= {"a": CONTENT, "b": CONTENT}
    server.manners["a"] = manner
    alone = fetch(whole_item(server, tmp_path, "a"), QUICK())
    assert not alone.ok and not (tmp_path / "file").exists()
    assert f"{server.url}/a: " in alone.text and BAD[manner] in alone.text and "\n" not in alone.text
    assert str(tmp_path / "file") in alone.text and "copy the file there yourself" in alone.text
    status = fetch(whole_item(server, tmp_path, "a", "b"), QUICK())
    assert status.ok and (tmp_path / "file").read_bytes() == CONTENT


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
        with pytest.raises(MirrorError, match="cannot be reached, .*Connection refused"):
            pull(f"{url}/a", transfer, tmp_path / "a", 10**6)
        assert len(transfer.unreachable) == 1
        with pytest.raises(MirrorError, match="^cannot be reached$"):
            pull(f"{url}/b", transfer, tmp_path / "b", 10**6)


def test_a_server_that_says_nothing_is_given_up_and_the_next_one_asked(server, tmp_path):
    server.manners["a"] = "says nothing"
    server.content |= {"a": CONTENT, "b": CONTENT}
    assert fetch(whole_item(server, tmp_path, "a", "b"), QUICK()).ok
    assert (tmp_path / "file").read_bytes() == CONTENT


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


def test_a_file_gets_its_name_when_it_is_whole(server, tmp_path):
    server.content["a"] = CONTENT
    server.manners["a"] = "throttles"
    sizes = []
    watch = lambda part, size, end: sizes.append((size, end, (tmp_path / "file").exists()))  # noqa: E731
    fetch(whole_item(server, tmp_path, "a"), Transfer(watch=watch))
    assert sizes == sorted(sizes) and sizes[-1] == (40_000, 40_000, False) and len(sizes) > 3
