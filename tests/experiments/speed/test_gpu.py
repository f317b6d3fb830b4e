"""The parts of the GPU's script: each its own process, its own limit, its own failure."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.speed import gpu
from jaxdoodle.core.record import Record

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "experiments" / "speed" / "gpu.sh"


def script(*words, **environment):
    environment = {**os.environ, "PYTHON": sys.executable, "JAX_PLATFORMS": "cpu", **environment}
    return subprocess.run(["bash", SCRIPT, *map(str, words)], capture_output=True, text=True, env=environment)


def test_the_script_prints_a_record_of_what_it_was_asked_for(tmp_path):
    done = script("--parts", "machine", "--out", tmp_path / "gpu.json")
    assert done.returncode == 0, done.stderr
    record = Record.read(tmp_path / "gpu.json")
    assert json.loads(done.stdout) == json.loads((tmp_path / "gpu.json").read_text())
    found = record.extra["machine"]
    assert found["backend"] == "cpu" and found["versions"]["jax"] and "nvidia-smi" in found["card"]


def test_a_part_that_lacks_its_data_says_so_and_the_others_run(tmp_path):
    done = script("--parts", "time_to_99,machine", "--data-dir", tmp_path, "--out", tmp_path / "gpu.json")
    assert done.returncode == 1
    found = Record.read(tmp_path / "gpu.json").extra
    assert str(tmp_path) in found["time_to_99"]["error"] and found["machine"]["backend"] == "cpu"


def test_a_part_that_takes_too_long_is_stopped_and_keeps_what_it_said(monkeypatch):
    say = """import json, time; print(json.dumps({"blocks": []}), flush=True); time.sleep(600)"""
    run = gpu._run
    monkeypatch.setattr(gpu, "_run", lambda words, seconds: run([sys.executable, "-c", say], 2.0))
    [record] = gpu.run_parts(["convolutions"], 1.0, "")
    assert record.extra["convolutions"]["blocks"] == [] and "stopped after 2 s" in record.extra["convolutions"]["error"]


def test_an_unknown_part_is_one_line(tmp_path):
    done = script("--parts", "cooling", "--out", tmp_path / "gpu.json")
    assert done.returncode == 2 and "no part 'cooling'; there are machine, " in done.stderr


def test_all_parts_together_stay_below_nine_minutes():
    assert gpu.LIMIT < 540 and set(gpu.PARTS) >= {"training", "tests", "time_to_99", "convolutions"}


@pytest.mark.slow
@pytest.mark.parametrize("part", gpu.PARTS)
def test_each_part_answers_on_a_processor(part):
    [record] = gpu.run_parts([part], 0.005, os.environ.get("JAXDOODLE_DATA", ""))
    assert "error" not in record.extra[part], record.extra[part]
