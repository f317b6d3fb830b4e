"""The wheel holds the package with its pages and data, and nothing else; what describes it is sound."""

import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import jaxdoodle as jd

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns("__pycache__", "records")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("jaxdoodle", "experiments", "tests"):
        shutil.copytree(ROOT / name, folder / "tree" / name, ignore=LEFT_OUT)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    command = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, folder / "tree"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as file:
        yield file


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel):
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    package = {path for path in (ROOT / "jaxdoodle").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert held == {path.relative_to(ROOT).as_posix() for path in package}
    assert {Path(name).suffix for name in held} == {
        ".py",
        ".pyi",
        ".typed",
        ".md",
        ".csv",
        ".npz",
        ".html",
        ".css",
        ".js",
        ".ts",
        ".json",
        ".c",
        ".h",
    }


def test_what_describes_the_wheel_names_version_license_and_what_it_needs(wheel):
    metadata = message_from_bytes(wheel.read(f"jaxdoodle-{jd.__version__}.dist-info/METADATA"))
    assert (metadata["Name"], metadata["Version"], metadata["License-Expression"]) == (
        "jaxdoodle",
        jd.__version__,
        "MIT",
    )
    needed = [need for need in metadata.get_all("Requires-Dist") if "extra ==" not in need]
    assert sorted(re.match(r"\w+", need)[0] for need in needed) == ["numpy", "pillow"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# jaxdoodle")
