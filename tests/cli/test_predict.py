import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.cli import main
from jaxdoodle.cli.options import layers_of
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing.config import MNIST

MODEL = str(Path(__file__).parents[1] / "inference" / "model-v1.npz")


@pytest.mark.parametrize("blank", [False, True])
def test_explain_draws_the_preprocessing_steps_beside_the_answer(blank, tmp_path, capsys):
    page = np.full((90, 90), 255, np.uint8)
    page[20:70, 40:46] = 255 if blank else 0
    Image.fromarray(page).save(tmp_path / "page.png")
    out = tmp_path / "steps.png"
    assert main(["predict", MODEL, str(tmp_path / "page.png"), "--explain", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/page.png: ")
    with Image.open(out) as image:
        assert image.format == "PNG" and image.width > 100


def test_the_folder_of_a_run_stands_for_its_model(tmp_path, capsys):
    (tmp_path / "one.json").write_text("[[[5, 50, 90], [5, 6, 7]]]")
    assert main(["predict", str(tmp_path), str(tmp_path / "one.json")]) == 2
    assert capsys.readouterr() == ("", f"jaxdoodle: {tmp_path}/model.npz: No such file or directory.\n")
    shutil.copy(MODEL, tmp_path / "model.npz")
    assert main(["predict", str(tmp_path), str(tmp_path / "one.json")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/one.json: ")


SWISH = """
import jax
import numpy as np
from jaxdoodle import nn

@nn.layer
class Swish:
    def forward(self, params, x, *, key=None):
        s = jax.nn.sigmoid(x)
        return x * s, (x, s)

    def backward(self, residuals, dy):
        x, s = residuals
        return {}, dy * (s + x * s * (1 - s))

    def numpy_forward(self, params, x):
        return x / (1 + np.exp(-x))
"""


def test_a_model_with_a_layer_of_its_own_is_read_with_the_file_that_has_it(tmp_path, capsys):
    path, drawing = tmp_path / "swish.py", tmp_path / "one.json"
    path.write_text(SWISH)
    drawing.write_text("[[[5, 50, 90], [5, 6, 7]]]")
    (swish,) = layers_of(str(path))
    spec = ModelSpec((Flatten(), swish(), Dense(2)), (28, 28, 1), ("level", "upright"))
    params = [{}, {}, {"w": np.ones((784, 2), np.float32), "b": np.float32([1, 0])}]
    inputs = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
    logits = Network(spec, params, MNIST.divisor).logits(inputs)
    model_file.write(tmp_path / "model.npz", ModelFile(spec, params, MNIST, inputs, logits))
    assert main(["predict", str(tmp_path), str(drawing), "--layers", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{drawing}: level 73.1 %")
    assert main(["predict", str(tmp_path), str(drawing)]) == 2
    assert "Swish" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_this_name", "cannot be run; ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("from jaxdoodle.nn.base import Layer", "has no class marked @nn.layer."),
        (None, "no such file; a Python file"),
    ],
)
def test_a_file_without_layers_is_refused_in_one_line(text, message, tmp_path, capsys):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    assert main(["predict", MODEL, "a.png", "--layers", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"jaxdoodle: {path}: {message}") and error.count("\n") == 1


def test_explain_takes_one_picture(tmp_path, capsys):
    assert main(["predict", MODEL, "a.png", "b.png", "--explain", str(tmp_path / "x.png")]) == 2
    assert "--explain takes one picture or drawing; got a.png b.png" in capsys.readouterr().err


def test_the_picture_is_preprocessed_once(tmp_path, monkeypatch):
    from jaxdoodle.inference import model

    preprocessed, preprocess = [], model.preprocess
    monkeypatch.setattr(model, "preprocess", lambda *given: preprocessed.append(given) or preprocess(*given))
    (tmp_path / "one.json").write_text("[[[5, 50, 90], [5, 6, 7]]]")
    assert main(["predict", MODEL, str(tmp_path / "one.json"), "--explain", str(tmp_path / "x.png")]) == 0
    assert len(preprocessed) == 1 and (tmp_path / "x.png").exists()


def test_explain_takes_a_file_of_one_drawing(tmp_path, capsys):
    (tmp_path / "two.ndjson").write_text(2 * '{"drawing": [[[5, 50, 90], [5, 6, 7]]]}\n')
    out = str(tmp_path / "x.png")
    assert main(["predict", MODEL, str(tmp_path / "two.ndjson"), "--explain", out]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "two.ndjson: holds more than one drawing; expected one." in printed.err
    assert main(["predict", MODEL, str(tmp_path), "--explain", out]) == 2
    assert "--explain takes one picture or drawing; got " in capsys.readouterr().err


@pytest.mark.parametrize("out", ["steps", "steps.xyz"])
def test_steps_in_another_format_are_refused_before_the_answer(out, tmp_path, capsys):
    assert main(["predict", MODEL, "a.png", "--explain", str(tmp_path / out)]) == 2
    assert capsys.readouterr() == ("", f"jaxdoodle: {tmp_path / out}: the preprocessing steps are drawn as .png.\n")


def test_strokes_without_steps_leave_no_picture(tmp_path, capsys):
    (tmp_path / "dot.json").write_text("[[[5], [5]]]")
    assert main(["predict", MODEL, str(tmp_path / "dot.json"), "--explain", str(tmp_path / "x.png")]) == 2
    printed = capsys.readouterr()
    assert (
        "unknown (the strokes are a single dot" in printed.out
        and "dot.json: is rejected before the first" in printed.err
    )
    assert not (tmp_path / "x.png").exists()
