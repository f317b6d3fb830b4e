"""Where each system keeps what can be made anew."""

import sys
from pathlib import Path

import pytest

from jaxdoodle.core import user_cache


@pytest.mark.parametrize(
    "platform, named, expected",
    [
        ("linux", {}, "HOME/.cache"),
        ("linux", {"XDG_CACHE_HOME": "/elsewhere"}, "/elsewhere"),
        ("linux", {"XDG_CACHE_HOME": ""}, "HOME/.cache"),
        ("darwin", {}, "HOME/Library/Caches"),
        ("win32", {}, "HOME/AppData/Local"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local"),
        ("win32", {"LOCALAPPDATA": "/local", "XDG_CACHE_HOME": "/elsewhere"}, "/elsewhere"),
    ],
)
def test_each_system_has_its_own_place(platform, named, expected, tmp_path, monkeypatch):
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in named.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert user_cache.folder() == Path(expected.replace("HOME", str(tmp_path))) / "jaxdoodle"
