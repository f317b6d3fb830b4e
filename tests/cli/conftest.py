"""A model that the command itself has trained; other trainings draw no figures, which take longer than they do."""

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


@pytest.fixture(scope="module", autouse=True)
def no_figures():
    """Figures of a run have tests of their own, and ``trained`` draws them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxdoodle.plots.run_figures.draw_figures", lambda *given, **named: None)
        yield
