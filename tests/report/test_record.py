"""What a record says of the machine and of the code."""

import json
import re
from pathlib import Path

import pytest

import jaxdoodle
from jaxdoodle.report.record import describe_machine, write_json


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


@pytest.mark.parametrize("value", [{"a": list(range(100)), "b": {"c": ["x" * 90] * 3}}, {"short": 1}])
def test_what_is_written_is_json_and_short_things_stay_on_a_line(tmp_path, value):
    write_json(tmp_path / "deep" / "record.json", value)
    text = (tmp_path / "deep" / "record.json").read_text()
    assert json.loads(text) == value
    assert ("\n " in text) == (len(json.dumps(value)) > 160)
