"""The options of several processes, and two commands that train one network."""

import json
import subprocess
import sys

import pytest

from jaxdoodle.cli import main
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


def test_two_commands_train_one_network_and_the_first_writes_it(tmp_path):
    where = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2", "--out", str(tmp_path / "run")]
    command = [sys.executable, "-m", "jaxdoodle", *TRAIN, "--per-class", "20", "--epochs", "1", *where, "--process-id"]
    both = [
        subprocess.Popen([*command, number], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in "01"
    ]
    for one in both:
        _, errors = one.communicate(timeout=120)
        assert one.returncode == 0, errors
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["config"]["devices"] == 2 and (tmp_path / "run" / "model.npz").exists()
    assert [path.name for path in tmp_path.glob("run*")] == ["run"]
