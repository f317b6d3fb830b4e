"""What a record says of the machine and of the code."""

import re
from pathlib import Path

import pytest

import jaxdoodle
from jaxdoodle.core import machine
from jaxdoodle.core.machine import cores, describe_machine


def test_a_record_names_versions_device_and_commit():
    found = describe_machine()
    assert {"jax", "jaxlib", "optax", "numpy", "jaxdoodle", "python"} == set(found["versions"])
    assert found["device"].startswith("cpu") and found["platform"]
    if (Path(jaxdoodle.__file__).parents[1] / ".git").exists():
        assert re.fullmatch(r"[0-9a-f]{7,40}(-dirty)?", found["commit"])


def test_without_a_clone_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "__file__", str(tmp_path / "jaxdoodle" / "core" / "machine.py"))
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
    monkeypatch.setattr("jax.devices", lambda: [Gpu])
    monkeypatch.setattr(machine.jax, "devices", lambda: [Gpu], raising=False)
    found = describe_machine()
    assert found["driver"] == driver and found["device"] == "gpu: NVIDIA T4"


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda process: {3, 5, 6}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(machine.os, "sched_getaffinity")
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 7)
    assert cores() == 7
