"""The folder of a run is checked before the first step, and a run in it is never lost in silence."""

import errno
import os

import pytest

from jaxdoodle.cli import main
from jaxdoodle.cli.train import run_folder
from jaxdoodle.core.errors import InputError
from jaxdoodle.training import setup

WORDS = "train --dataset doodles --classes clock,hexagon --per-class 40 --model mlp --hidden 4 --epochs 1 --quiet"

pytestmark = pytest.mark.usefixtures("as_users_run")


@pytest.fixture
def untrained(monkeypatch):
    """Training is a failure."""
    monkeypatch.setattr(setup, "make_step", lambda *given, **named: pytest.fail("a step was made"))


def test_a_run_takes_the_first_folder_that_holds_none(tmp_path):
    for name in ("a", "a-2", "a-3"):
        assert run_folder.claim(tmp_path / "a").name == name
        (tmp_path / name / "record.json").touch()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.txt").touch()
    assert run_folder.claim(tmp_path / "b").name == "b", "other files are no run"


def test_overwriting_removes_the_run_and_nothing_else(tmp_path):
    for name in ("model.npz", "record.json", "loss.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "checkpoints" / "7").mkdir(parents=True)
    assert run_folder.claim(tmp_path, overwrite=True) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("below", ["", "/run"])
def test_a_file_in_the_place_of_the_folder_is_named(tmp_path, capsys, untrained, below):
    (tmp_path / "model.npz").write_text("mine")
    assert main([*WORDS.split(), "--overwrite", "--out", f"{tmp_path}/model.npz{below}"]) == 2
    said = f"{tmp_path}/model.npz: is a file; expected a folder, or a name that is free."
    assert capsys.readouterr().err == f"jaxdoodle: {said}\n" and (tmp_path / "model.npz").read_text() == "mine"


def test_a_full_disk_is_noticed_before_the_first_step(tmp_path, capsys, untrained, monkeypatch):
    def full(file, offset, size):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    assert main([*WORDS.split(), "--out", str(tmp_path / "run")]) == 2
    assert "bytes cannot be written there; No space left on device." in capsys.readouterr().err


def test_what_is_reserved_is_given_back(tmp_path):
    run_folder.reserve(tmp_path, 10_000)
    assert not list(tmp_path.iterdir())


def test_without_fallocate_the_free_bytes_are_counted(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    run_folder.reserve(tmp_path, 10_000)
    with pytest.raises(InputError, match="bytes left; the run needs"):
        run_folder.reserve(tmp_path, 2**60)


def test_the_second_run_of_a_name_says_where_it_goes(tmp_path, capsys):
    words = [*WORDS.replace(" --quiet", "").split(), "--out", str(tmp_path / "run")]
    assert main(words) == main(words) == 0
    assert f"{tmp_path}/run holds a run; this one goes to {tmp_path}/run-2\n" in capsys.readouterr().out
    assert (tmp_path / "run-2" / "model.npz").exists()
