"""``jaxdoodle train --resume`` goes on with a run that was stopped, and refuses what would make another run of it."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from jaxdoodle.cli import main
from jaxdoodle.core.errors import FailedError
from jaxdoodle.core.record import Record
from tests.fixtures.commands import jaxdoodle
from tests.fixtures.jax_modes import users_jax

pytestmark = pytest.mark.usefixtures("as_users_run")

ROOT = Path(__file__).parents[3]
WORDS = "train --quiet --dataset doodles --classes clock,hexagon --per-class 60 --model mlp --hidden 8 --epochs 40"
#: One thread of XLA, whose results are equal to the bit.
ENV = os.environ | {"NPROC": "1", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
TIMES = ("compile_seconds", "train_seconds")


def command(*words):
    return subprocess.Popen(jaxdoodle(*words), env=ENV, stderr=subprocess.PIPE, text=True)


def facts(folder):
    """The record without its times."""
    record = Record.read(folder / "record.json").to_json()
    record["epochs"] = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in record["epochs"]]
    record["extra"] = {k: v for k, v in record["extra"].items() if k not in TIMES}
    return record | {"command": "", "options": {k: v for k, v in record["options"].items() if k != "out"}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    with command(*WORDS.split(), "--out", str(folder)) as run:
        assert run.wait() == 0, run.stderr.read()
    return folder


def stopped_by(number, folder, *words):
    """A run that gets a signal once it has written a checkpoint; its exit code and what it says."""

    def written():
        return {path.name for path in (folder / "checkpoints").glob("*") if path.name.isdecimal()}

    before = written()
    with command(*words, "--checkpoint-interval", "0") as run:
        while written() <= before:
            assert run.poll() is None, run.stderr.read()
            time.sleep(0.002)
        run.send_signal(number)
        return run.wait(), run.stderr.read()


def test_a_run_that_was_killed_and_interrupted_goes_on_and_ends_as_one_that_was_not(tmp_path, whole):
    out = tmp_path / "my run"
    assert stopped_by(signal.SIGKILL, out, *WORDS.split(), "--out", out)[0] == -9
    code, said = stopped_by(signal.SIGTERM, out, "train", "--quiet", "--resume", out)
    assert (code, said) == (143, f"jaxdoodle: interrupted; jaxdoodle train --resume '{out}' goes on\n")
    assert Record.read(out / "record.json").extra["interrupted"] and (out / "model.npz").exists()
    with command("train", "--quiet", "--resume", str(out)) as run:
        assert run.wait() == 0, run.stderr.read()
    assert (out / "model.npz").read_bytes() == (whole / "model.npz").read_bytes()
    assert facts(out) == facts(whole)
    assert not (out / "checkpoints").exists(), "they go when the run is finished"


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The folder of a run that was stopped by its user after two epochs."""

    from jaxdoodle.training import Checkpoints

    folder = tmp_path_factory.mktemp("begun")
    after = Checkpoints._after_chunk

    def interrupt(self, run):
        self.caught = signal.SIGINT if run.epoch == 2 else 0
        after(self, run)

    with pytest.MonkeyPatch.context() as patch, users_jax():
        patch.setattr(Checkpoints, "_after_chunk", interrupt)
        assert main([*WORDS.split(), "--out", str(folder / "runs" / "a")]) == 130
    return folder / "runs" / "a"


def test_without_a_name_the_only_unfinished_run_goes_on(begun, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--resume"]) == 2
    assert capsys.readouterr().err == "jaxdoodle: runs: no run is unfinished; expected --resume RUN.\n"
    shutil.copytree(begun, "runs/a")
    assert main(["train", "--quiet", "--resume"]) == 0
    record = Record.read(Path("runs/a/record.json"))
    assert len(record.epochs) == 40 and record.command.endswith(f" --out {begun}"), "the command that began it"
    assert main(["train", "--resume", "runs/a"]) == 2
    assert "runs/a: is finished; runs/a/checkpoints/record.json is missing." in capsys.readouterr().err
    shutil.copytree(begun, "runs/b")
    shutil.copytree(begun, "runs/c")
    assert main(["train", "--resume"]) == 2
    assert "2 runs are unfinished: runs/b, runs/c; expected --resume RUN." in capsys.readouterr().err


def test_a_run_that_fails_when_it_goes_on_keeps_its_checkpoints(begun, tmp_path, monkeypatch, capsys):
    def fail(*given, **named):
        raise FailedError("it failed")

    monkeypatch.setattr("jaxdoodle.run.train_model", fail)
    shutil.copytree(begun, tmp_path / "a")
    before = sorted(path for path in (tmp_path / "a").rglob("*"))
    assert main(["train", "--quiet", "--resume", str(tmp_path / "a")]) == 1
    assert sorted(path for path in (tmp_path / "a").rglob("*")) == before
    assert main([*WORDS.split(), "--out", str(tmp_path / "new")]) == 1
    assert not (tmp_path / "new").exists(), "what never took a step leaves nothing"


def test_a_run_that_is_unfinished_keeps_its_folder(begun, tmp_path):
    shutil.copytree(begun, tmp_path / "a")
    assert main([*WORDS.replace("40", "1").split(), "--out", str(tmp_path / "a")]) == 0
    assert (tmp_path / "a" / "checkpoints").exists() and (tmp_path / "a-2" / "model.npz").exists()


@pytest.mark.parametrize("words", ["--epochs 3", "--config x.toml", "--out x", "--overwrite"])
def test_options_that_the_run_has_fixed_are_refused(words, begun, capsys):
    assert main(["train", "--resume", str(begun), *words.split()]) == 2
    said = f"{words.split()[0]} is fixed by the run that --resume goes on with; remove it, or use --config."
    assert said in capsys.readouterr().err


def test_a_run_whose_options_were_changed_is_refused(begun, tmp_path, capsys):
    shutil.copytree(begun, tmp_path / "a")
    path = tmp_path / "a" / "checkpoints" / "record.json"
    record = json.loads(path.read_text())
    record["options"]["seed"] = 5
    path.write_text(json.dumps(record))
    assert main(["train", "--resume", str(tmp_path / "a")]) == 2
    assert f"{path}: seed of its config is 0, and by its options 5; no exact" in capsys.readouterr().err
