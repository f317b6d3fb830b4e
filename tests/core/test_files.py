"""Files written whole or not at all, and read only where they are files."""

import os
import subprocess
import sys

import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import read_bytes, write_atomically


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left, running = tmp_path / f"m.npz.{gone.pid}-1.tmp", tmp_path / f"m.npz.{os.getppid()}-1.tmp"
    for path in (left, running):
        path.write_bytes(b"unfinished")
    write_atomically(tmp_path / "m.npz", lambda path: open(path, "w").close())
    assert not left.exists() and running.exists() and (tmp_path / "m.npz").exists()


def test_a_fifo_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "f.png")
    with pytest.raises(OSError, match="is no regular file"):
        read_bytes(tmp_path / "f.png", 9)


def test_what_is_refused_while_writing_names_the_file_that_was_to_be_written(tmp_path):
    def refuse(path):
        raise InputError(f"{path}: is refused.")

    with pytest.raises(InputError, match=f"^{tmp_path / 'page.html'}: is refused.$"):
        write_atomically(tmp_path / "page.html", refuse)
    assert not list(tmp_path.iterdir())
