"""What a record says of the machine and of the code."""

import json
import re
from pathlib import Path

import pytest

import jaxdoodle
from jaxdoodle.core import record
from jaxdoodle.core.record import cores, describe_machine, write_json


def test_a_record_names_versions_device_and_commit():
    found = describe_machine()
    assert {"jax", "jaxlib", "optax", "numpy", "jaxdoodle", "python"} == set(found["versions"])
    assert found["device"].startswith("cpu") and found["platform"]
    if (Path(jaxdoodle.__file__).parents[1] / ".git").exists():
        assert re.fullmatch(r"[0-9a-f]{7,40}(-dirty)?", found["commit"])


def test_without_a_clone_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(jaxdoodle, "__file__", str(tmp_path / "jaxdoodle" / "__init__.py"))
    assert describe_machine()["commit"] is None


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert describe_machine()["commit"] is None


@pytest.mark.parametrize(("prints", "driver"), [("NVIDIA T4, 570.1\n", "NVIDIA T4, 570.1"), ("", None), (None, None)])
def test_with_a_gpu_its_driver_is_recorded(prints, driver, tmp_path, monkeypatch):
    class Gpu:
        platform, device_kind = "gpu", "NVIDIA T4"

        class client:
            platform_version = "cuda 12"

    if prints is not None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\nprintf '{prints}'\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(record.jax, "devices", lambda: [Gpu])
    found = describe_machine()
    assert found["driver"] == driver and found["device"] == "gpu: NVIDIA T4"


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(record.os, "sched_getaffinity", lambda process: {3, 5, 6}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(record.os, "sched_getaffinity")
    monkeypatch.setattr(record.os, "cpu_count", lambda: 7)
    assert cores() == 7


@pytest.mark.parametrize("value", [{"a": list(range(100)), "b": {"c": ["x" * 90] * 3}}, {"short": 1}])
def test_what_is_written_is_json_and_short_things_stay_on_a_line(tmp_path, value):
    write_json(tmp_path / "deep" / "record.json", value)
    text = (tmp_path / "deep" / "record.json").read_text()
    assert json.loads(text) == value
    assert ("\n " in text) == (len(json.dumps(value)) > 160)
