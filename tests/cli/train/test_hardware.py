"""The options of several processes, and two commands that train one network."""

import json
import signal
import subprocess
import time

import pytest

from jaxdoodle.cli import main
from tests.fixtures.commands import jaxdoodle
from tests.fixtures.jax_modes import users_jax
from tests.training.hardware.test_processes import free_port

TRAIN = ["train", "--dataset", "doodles", "--model", "mlp", "--hidden", "4", "--quiet"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--processes", "2"], "coordinator, processes and process-id are given together"),
        (["--coordinator", "here", "--processes", "2", "--process-id", "0"], "coordinator is HOST:PORT of process 0"),
        (
            ["--cluster", "--coordinator", "127.0.0.1:1", "--processes", "1", "--process-id", "0"],
            "--cluster says coordinator, processes and process-id by itself; leave them out.",
        ),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(words, message, capsys):
    assert main([*TRAIN, *words]) == 2
    assert message in capsys.readouterr().err


def two_commands(out, *words):
    """Two processes that train one network."""
    where = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2", "--out", str(out)]
    command = jaxdoodle(*TRAIN, "--per-class", "20", *words, *where, "--process-id")
    pipe = subprocess.PIPE
    return [subprocess.Popen([*command, number], stdout=pipe, stderr=pipe, text=True) for number in "01"]


def test_two_commands_train_one_network_and_the_first_writes_it(tmp_path):
    for one in two_commands(tmp_path / "run", "--epochs", "1"):
        _, errors = one.communicate(timeout=120)
        assert one.returncode == 0, errors
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["config"]["devices"] == 2 and (tmp_path / "run" / "model.npz").exists()
    assert [path.name for path in tmp_path.glob("run*")] == ["run"]


def test_a_signal_to_one_of_two_commands_ends_both_and_one_alone_goes_on(tmp_path):
    out = tmp_path / "run"
    both = two_commands(out, "--epochs", "40", "--checkpoint-interval", "0")
    while not [path for path in (out / "checkpoints").glob("*") if path.name.isdecimal()]:
        assert both[0].poll() is None, both[0].stderr.read()
        time.sleep(0.01)
    both[1].send_signal(signal.SIGTERM)
    said = [one.communicate(timeout=120)[1] for one in both]
    assert said == [f"jaxdoodle: interrupted; jaxdoodle train --resume {out} goes on\n", ""]
    assert [one.returncode for one in both] == [143, 0]
    before = json.loads((out / "record.json").read_text())["epochs"]
    with users_jax():
        assert main(["train", "--quiet", "--resume", str(out)]) == 0
    record = json.loads((out / "record.json").read_text())
    assert record["config"]["devices"] == 1 and len(record["epochs"]) == 40
    assert 0 < len(before) < 40 and record["epochs"][: len(before)] == before
