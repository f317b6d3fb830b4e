"""What a benchmark records of its run: no folder of this machine, and the memory and load of this process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import experiments
from experiments.speed.harness import machine
from jaxdoodle.core.record import Record

RECORDS = sorted((Path(experiments.__file__).parent / "records" / "speed").glob("*.json"))


@pytest.mark.parametrize(
    ("typed", "recorded"),
    [
        (["W3", "--rounds", "3"], "W3 --rounds 3"),
        (["--data-dir", "/home/me/data", "--out=/tmp/record.json"], "--data-dir PATH --out=PATH"),
        (["--folder", "../elsewhere", "--out", "experiments/records/speed/one.json"],
         "--folder PATH --out experiments/records/speed/one.json"),
        (["--folder", "/home/me=x/data", "/home/me=x", "--out=/home/me=x/data"], "--folder PATH PATH --out=PATH"),
    ],
)  # fmt: skip
def test_a_command_is_recorded_without_the_places_of_this_machine(typed, recorded, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["anything", *typed])
    assert machine.command("experiments.speed") == f"python -m experiments.speed {recorded}"


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_committed_commands_name_no_place_of_a_machine(path, monkeypatch):
    words = Record.read(path).command.split()
    monkeypatch.setattr(sys, "argv", words[2:])
    assert words[:2] == ["python", "-m"] and machine.command(words[2]) == " ".join(words)


PEAK = "from experiments.speed.harness.machine import peak_bytes; print(peak_bytes())"


def test_the_peak_is_not_that_of_the_process_before():
    big = np.ones(300 * 2**20, np.uint8)
    here = machine.peak_bytes()
    there = int(subprocess.run([sys.executable, "-c", PEAK], check=True, stdout=subprocess.PIPE).stdout)
    assert here > len(big) and 2**20 < there < 100 * 2**20


def test_idle_seconds_are_those_of_all_cores_with_waiting(monkeypatch):
    monkeypatch.setattr(machine.os, "sysconf", lambda name: 100)
    assert machine._idle_seconds("cpu  5 6 7 800 200 9 9 9 0 0\ncpu0 5 6 7 8 9 9 9 9 0 0\n") == 10


def test_busy_cores_are_those_of_other_processes():
    assert 0 <= machine.busy_cores(0.05) <= machine.os.cpu_count()
    text = iter(["cpu  0 0 0 1000 0 0\n", "cpu  0 0 0 1050 0 0\n"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine.Path, "exists", lambda path: True)
        patch.setattr(machine.Path, "read_text", lambda path: next(text))
        patch.setattr(machine.os, "sysconf", lambda name: 100)
        patch.setattr(machine.os, "cpu_count", lambda: 4)
        clock = iter([10.0, 10.5])
        patch.setattr(machine.time, "perf_counter", lambda: next(clock))
        assert machine.busy_cores(0.0) == 3.0  # one of four was idle
