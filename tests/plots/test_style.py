import os
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from jaxdoodle.core.errors import install_hint
from jaxdoodle.plots import style
from jaxdoodle.plots.curves import loss_curve
from jaxdoodle.plots.image_grids import prediction_grid

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 28, 28, 1), np.uint8)
LABELS = RNG.integers(0, 10, 60)


def draw_loss(path):
    loss_curve(([2, 1, 0.5], 48_000), path, title="x", validation=([1, 1, 0.9], 12_000))


def test_the_same_drawing_gives_the_same_bytes(tmp_path):
    for copy in ("a", "b"):
        prediction_grid(IMAGES, LABELS, LABELS[::-1], [str(i) for i in range(10)], tmp_path / copy, title="x")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_users_matplotlib_settings_are_neither_used_nor_changed(tmp_path):
    draw_loss(tmp_path / "plain")
    dark = {"axes.facecolor": "black", "figure.facecolor": "black", "font.size": 30}
    with matplotlib.rc_context(dark):
        before = dict(matplotlib.rcParams)
        draw_loss(tmp_path / "dark")
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "dark").read_bytes()


def test_no_figure_needs_pyplot_and_no_import_needs_matplotlib(tmp_path):
    code = f"""
import sys
from jaxdoodle.plots import confusion, curves, dataset, image_grids, network, run_figures
assert "matplotlib" not in sys.modules
curves.loss_curve(([1.0], 1), {str(tmp_path / "figure.png")!r}, title="x")
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=re.escape(f"figures need matplotlib; {install_hint('train')}.")):
        draw_loss(tmp_path / "figure.png")


def test_a_name_that_the_font_lacks_is_no_warning(tmp_path):
    names = ["👩\u200d🚀", "می\u200cخانه"]
    prediction_grid(IMAGES[:4], LABELS[:4] % 2, LABELS[:4] % 2, names, tmp_path / "figure.png", title="x")


def test_a_drawing_that_fails_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError), style.figure(tmp_path / "figure.png", 1, "title", "note"):
        raise RuntimeError
    assert not (tmp_path / "figure.png").exists()


def test_a_backend_that_is_not_here_draws_nothing_and_stops_nothing(tmp_path):
    """Notebooks hand ``$MPLBACKEND`` to every command."""
    code = f"""
import os
from jaxdoodle.plots.curves import loss_curve
loss_curve(path={str(tmp_path / "loss.png")!r}, training=([1.0, 0.5], 10), title="a")
assert os.environ["MPLBACKEND"] == "module://not_installed.here"
"""
    env = os.environ | {"MPLBACKEND": "module://not_installed.here"}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    assert (tmp_path / "loss.png").exists()
