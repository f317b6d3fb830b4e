"""A model that the command itself has trained."""

import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A small model of two classes, by the command itself."""
    out = tmp_path_factory.mktemp("trained")
    words = f"train --dataset doodles --classes clock,hexagon --per-class 300 --model mlp --epochs 6 --out {out}"
    code = "import sys; from jaxdoodle.cli import main; sys.exit(main(sys.argv[1:]))"
    result = subprocess.run([sys.executable, "-c", code, *words.split()], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return out, result.stdout
