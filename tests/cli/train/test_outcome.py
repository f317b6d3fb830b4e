"""What follows the writing of the model cannot lose it."""

import pkgutil

import pytest

from jaxdoodle.cli import main
from jaxdoodle.inference import Model

pytestmark = pytest.mark.usefixtures("as_users_run")

CLASSES = "clock,hexagon"


@pytest.mark.parametrize("fails", ["jaxdoodle.plots.run_figures.draw_figures", "jaxdoodle.core.record.Record.write"])
def test_whatever_fails_after_the_model_is_written_is_a_warning(fails, tmp_path, monkeypatch, capsys):
    written = pkgutil.resolve_name(fails)

    def fail(*given, **named):
        if not (tmp_path / "model.npz").exists():
            return written(*given, **named)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fails, fail)
    words = f"train --dataset doodles --classes {CLASSES} --per-class 40 --model mlp --epochs 1 --quiet"
    assert main([*words.split(), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().err
    assert said.startswith("jaxdoodle: warning: the model is written, ") and said.count("\n") == 1
    assert Model.load(tmp_path / "model.npz").classes == ("clock", "hexagon")
