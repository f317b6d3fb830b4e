import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.cli import main

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
    (tmp_path / "one.json").write_text("[[[5, 90], [5, 7]]]")
    assert main(["predict", str(tmp_path), str(tmp_path / "one.json")]) == 2
    assert capsys.readouterr() == ("", f"jaxdoodle: {tmp_path}/model.npz: No such file or directory.\n")
    shutil.copy(MODEL, tmp_path / "model.npz")
    assert main(["predict", str(tmp_path), str(tmp_path / "one.json")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/one.json: ")


def test_explain_takes_one_picture(tmp_path, capsys):
    assert main(["predict", MODEL, "a.png", "b.png", "--explain", str(tmp_path / "x.png")]) == 2
    assert "--explain takes one picture or drawing; got a.png b.png" in capsys.readouterr().err


def test_the_picture_is_preprocessed_once(tmp_path, monkeypatch):
    from jaxdoodle.inference import model

    preprocessed, preprocess = [], model.preprocess
    monkeypatch.setattr(model, "preprocess", lambda *given: preprocessed.append(given) or preprocess(*given))
    (tmp_path / "one.json").write_text("[[[5, 90], [5, 7]]]")
    assert main(["predict", MODEL, str(tmp_path / "one.json"), "--explain", str(tmp_path / "x.png")]) == 0
    assert len(preprocessed) == 1 and (tmp_path / "x.png").exists()


def test_explain_takes_a_file_of_one_drawing(tmp_path, capsys):
    (tmp_path / "two.ndjson").write_text(2 * '{"drawing": [[[5, 90], [5, 7]]]}\n')
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
