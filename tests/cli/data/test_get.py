import sys

import numpy as np

from jaxdoodle.cli import main
from tests.fixtures.mirror import BITMAPS, npy


def test_the_command_prints_the_files_and_fails_where_one_is_missing(server, target, capsys, monkeypatch):
    words = ["data", "get", "quickdraw", "--per-class", "7", "--data-dir", str(target), "--base-url", server.url]
    assert main([*words, "--classes", "clock"]) == 0
    printed = capsys.readouterr()
    assert f"{target / BITMAPS / 'clock.npy'}: 7 drawings\n" in printed.out and printed.err == ""
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
        assert main(["data", "get", "mnist", "--data-dir", str(target), "--base-url", address]) == 2
        assert "is no address of a mirror; expected http://" in capsys.readouterr().err
    for option in (["--classes", "clock"], ["--strokes"]):
        assert main(["data", "get", "mnist", "--data-dir", str(target), "--base-url", server.url, *option]) == 2
        assert "found --classes or --strokes; expected them for quickdraw alone" in capsys.readouterr().err


def test_of_many_failures_the_first_are_printed_and_the_others_counted(server, target, capsys):
    server.content["quickdraw/categories.txt"] = "\n".join("abcdefgh").encode()
    assert (
        main(["data", "get", "quickdraw", "--classes", "all", "--data-dir", str(target), "--base-url", server.url]) == 1
    )
    *lines, last = capsys.readouterr().err.splitlines()
    assert len(lines) == 5 and all("HTTP 404" in line for line in lines)
    assert last == "jaxdoodle: 3 more of 9 files cannot be downloaded"


def test_without_a_terminal_only_failures_are_printed_on_stderr(server, target, capsys):
    names = "abcdefghijklm"
    server.content["quickdraw/categories.txt"] = "\n".join(names).encode()
    for name in names:
        server.content[f"{BITMAPS}/{name}.npy"] = npy(np.zeros((2, 784), np.uint8))
    assert (
        main(["data", "get", "quickdraw", "--classes", "all", "--data-dir", str(target), "--base-url", server.url]) == 0
    )
    printed = capsys.readouterr()
    assert printed.err == "" and len(printed.out.splitlines()) == 14


def test_the_command_needs_no_rich(server, target, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setenv("JAXDOODLE_MIRROR", server.url)
    assert main(["data", "get", "quickdraw", "--classes", "clock", "--per-class", "7", "--data-dir", str(target)]) == 0
