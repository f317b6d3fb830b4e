"""The command, end to end: train, evaluate, predict; and one line for whatever is wrong with the input."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.cli import main
from jaxdoodle.data import doodles, load
from jaxdoodle.inference import Model
from jaxdoodle.inference.spec import Dense, Flatten, ModelSpec

pytestmark = pytest.mark.usefixtures("as_users_run")

CLASSES = "clock,hexagon"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small model of two classes, by the command itself."""
    out = tmp_path_factory.mktemp("trained")
    words = f"train --dataset doodles --classes {CLASSES} --per-class 300 --model mlp --epochs 6 --out {out}"
    code = "import sys; from jaxdoodle.cli import main; sys.exit(main(sys.argv[1:]))"
    result = subprocess.run([sys.executable, "-c", code, *words.split()], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return out, result.stdout


def picture(name, ink=255, paper=0, size=200):
    bitmap = doodles.generate(name, 1, np.random.default_rng(5))[0]
    enlarged = np.asarray(Image.fromarray(bitmap).resize((size, size), Image.Resampling.BICUBIC), float) / 255
    return Image.fromarray(np.uint8(paper + (ink - paper) * enlarged))


def test_train_leaves_a_model_a_record_and_figures(trained):
    out, printed = trained
    record = json.loads((out / "record.json").read_text())
    test = record["scores"]["test"]
    assert f"{test['correct']:,} of {test['total']:,} right" in printed
    assert test["correct"] / test["total"] > 0.85 and record["numpy_parity"] <= 1e-5
    assert len(record["history"]) == 6 and record["compile_seconds"] > 0 and record["machine"]["versions"]["jax"]
    figures = {"loss", "accuracy", "confusion", "classes", "predictions", "samples", "network"}
    assert {path.stem for path in out.glob("*.png")} == figures
    assert Model.load(out / "model.npz").provenance["seed"] == 0


def test_evaluate_counts_what_train_counted(trained, capsys):
    out, _ = trained
    scores = json.loads((out / "record.json").read_text())["scores"]
    for name in ("test", "validation"):
        words = [
            "evaluate",
            str(out / "model.npz"),
            "--dataset",
            "doodles",
            "--per-class",
            "300",
            "--set",
            name,
            "--json",
        ]
        assert main(words) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["correct"], found["total"]) == (scores[name]["correct"], scores[name]["total"])
        assert np.trace(found["confusion"]) == found["correct"]


def test_two_models_are_compared_on_the_same_drawings(trained, capsys):
    model = str(trained[0] / "model.npz")
    assert main(["evaluate", model, "--dataset", "doodles", "--against", model]) == 0
    printed = capsys.readouterr().out
    assert "0 drawings only" in printed and "McNemar's exact p = 1, which chance explains" in printed


def test_evaluate_says_which_classes_are_hard(trained, capsys):
    assert main(["evaluate", str(trained[0] / "model.npz"), "--dataset", "doodles"]) == 0
    printed = capsys.readouterr().out
    assert "doodles test: " in printed and "95 % interval" in printed and "hexagon" in printed


@pytest.mark.parametrize("ink, paper", [(255, 0), (0, 255), (40, 200)], ids=["light on dark", "dark on light", "grey"])
def test_predict_knows_a_drawing_in_any_ink_and_size(trained, tmp_path, capsys, ink, paper):
    for name in CLASSES.split(","):
        for size in (60, 500):
            picture(name, ink, paper, size).save(tmp_path / "drawing.png")
            assert main(["predict", str(trained[0] / "model.npz"), str(tmp_path / "drawing.png"), "--json"]) == 0
            found = json.loads(capsys.readouterr().out)
            assert found["top"][0]["label"] == name
            assert sum(guess["probability"] for guess in found["top"]) == pytest.approx(1)


def test_predict_takes_a_transparent_png_and_prints_the_best_guesses(trained, tmp_path, capsys):
    ink = np.asarray(picture("clock"))
    Image.fromarray(np.dstack([np.zeros((*ink.shape, 3), np.uint8), ink])).save(tmp_path / "clock.png")
    assert main(["predict", str(trained[0] / "model.npz"), str(tmp_path / "clock.png"), "-k", "1"]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/clock.png: clock ")


def test_predict_takes_bitmaps_and_strokes(trained, tmp_path, capsys):
    rng = np.random.default_rng(2)
    np.save(tmp_path / "clocks.npy", doodles.generate("clock", 5, rng).reshape(5, 784))
    drawing = doodles.draw("hexagon", rng)
    strokes = [[list(map(int, axis)) for axis in stroke] for stroke in drawing]
    (tmp_path / "one.ndjson").write_text(json.dumps({"word": "hexagon", "drawing": strokes}) + "\n")
    assert (
        main(["predict", str(trained[0] / "model.npz"), str(tmp_path / "clocks.npy"), str(tmp_path / "one.ndjson")])
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and lines[0].startswith(f"{tmp_path}/clocks.npy:0: clock")
    assert lines[5].startswith(f"{tmp_path}/one.ndjson:1: hexagon")


def test_one_bad_picture_does_not_keep_the_others_from_being_read(trained, tmp_path, capsys):
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    (tmp_path / "text.png").write_text("no picture")
    picture("clock").save(tmp_path / "clock.png")
    files = [str(tmp_path / name) for name in ("blank.png", "text.png", "missing.png", "clock.png")]
    assert main(["predict", str(trained[0] / "model.npz"), *files]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith(files[3]) and len(printed.out.splitlines()) == 1
    complaints = printed.err.splitlines()
    assert len(complaints) == 3 and all(file in line for file, line in zip(files[:3], complaints, strict=True))


def test_a_spec_from_a_file_is_trained(tmp_path):
    spec = ModelSpec((28, 28, 1), (Flatten(), Dense(2)))
    (tmp_path / "linear.json").write_text(spec.to_json())
    words = f"train --dataset doodles --classes {CLASSES} --per-class 40 --epochs 1 --model {tmp_path}/linear.json"
    assert main([*words.split(), "--out", str(tmp_path / "out")]) == 0
    assert Model.load(tmp_path / "out" / "model.npz").classes == ("clock", "hexagon")


TRAIN = "train --dataset doodles --per-class 20 --epochs 1 --out {tmp}/out"
FAULTS = [
    (f"{TRAIN} --classes clock,unicorn", "unicorn"),
    (f"{TRAIN} --model {{tmp}}/absent.json", "absent.json: No such file"),
    (f"{TRAIN} --model {{tmp}}/bad.json", "bad.json: a spec is JSON"),
    (f"{TRAIN} --model {{tmp}}/unfit.json", "unfit.json: .*but there are 5 class names"),
    (f"{TRAIN} --optimizer adamm", "'adamm' is not known; there are sgd"),
    (f"{TRAIN} --learning-rate -1", "learning_rate is above 0; got -1.0"),
    (f"{TRAIN} --l2 -1", "the rate of L2 is at least 0; got -1.0"),
    ("train --dataset mnist --data-dir {tmp}", "train-images-idx3-ubyte"),
    ("train --dataset mnist --data-dir {tmp}/absent", "absent"),
    ("train --dataset mnsit", "mnsit: no such folder"),
    ("evaluate {tmp}/absent.npz --dataset doodles", "absent.npz"),
    ("evaluate {tmp}/bad.json --dataset doodles", "bad.json"),
    ("evaluate {model} --dataset doodles --set tset", "no set 'tset'; it has train, validation, test"),
    ("predict {tmp}/bad.json {tmp}/x.png", "bad.json"),
    ("data verify --data-dir {tmp}", "holds no dataset to verify"),
]


@pytest.mark.parametrize("words, complaint", FAULTS)
def test_a_fault_of_the_input_is_one_line_and_exit_code_2(trained, tmp_path, capsys, words, complaint):
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "unfit.json").write_text(ModelSpec((28, 28, 1), (Flatten(), Dense(3))).to_json())
    words = words.format(tmp=tmp_path, model=trained[0] / "model.npz")
    assert main(words.split()) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("jaxdoodle: ") and re.search(complaint, lines[0])


def test_a_loss_that_is_no_number_is_exit_code_1(tmp_path, capsys):
    words = f"{TRAIN} --model mlp --optimizer sgd --learning-rate 1e38 --batch-size 8".format(tmp=tmp_path)
    assert main(words.split()) == 1
    assert "the loss became" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_data_list_and_verify_tell_what_is_there(data_root, capsys):
    assert main(["data", "list", "--data-dir", str(data_root)]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in listed] == [
        [name, "yes"] for name in ("doodles", "mnist", "mnist-mini", "quickdraw")
    ]
    assert main(["data", "verify", "--data-dir", str(data_root)]) == 0
    assert "files are sound" in capsys.readouterr().out


def test_the_reports_classes_are_the_default(trained):
    assert load("doodles", per_class=10).classes == ("headphones", "bucket", "clock", "pizza", "hexagon")
