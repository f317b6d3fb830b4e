"""The command, end to end: train, evaluate, predict; and one line for whatever is wrong with the input."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.cli import main
from jaxdoodle.data import load_dataset, synthetic
from jaxdoodle.nn import Dense, Flatten, ModelSpec

pytestmark = pytest.mark.usefixtures("as_users_run")

CLASSES = "clock,hexagon"
PINNED = Path(__file__).parents[1] / "inference" / "model-v1.npz"


def picture(name, ink=255, paper=0, size=200):
    bitmap = synthetic.generate(name, 1, np.random.default_rng(5))[0]
    enlarged = np.asarray(Image.fromarray(bitmap).resize((size, size), Image.Resampling.BICUBIC), float) / 255
    return Image.fromarray(np.uint8(paper + (ink - paper) * enlarged))


def test_a_reader_who_has_had_enough_is_no_error():
    code = "import sys; from jaxdoodle.cli import main; sys.exit(main(['data', 'list']))"
    result = subprocess.run(f'{sys.executable} -c "{code}" | true', shell=True, capture_output=True, text=True)
    assert "jaxdoodle:" not in result.stderr


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
    np.save(tmp_path / "clocks.npy", synthetic.generate("clock", 5, rng).reshape(5, 784))
    drawing = synthetic.generate_drawing("hexagon", rng)
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
    (tmp_path / "text.png").write_text("no picture")
    picture("clock").save(tmp_path / "clock.png")
    files = [str(tmp_path / name) for name in ("text.png", "missing.png", "clock.png")]
    assert main(["predict", str(trained[0] / "model.npz"), *files]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{files[2]}: clock") and len(printed.out.splitlines()) == 1
    complaints = printed.err.splitlines()
    assert len(complaints) == 2
    assert all(line.startswith(f"jaxdoodle: {file}: ") for file, line in zip(files[:2], complaints, strict=True))


def test_a_blank_page_is_none_of_mine(trained, tmp_path, capsys):
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    words = ["predict", str(trained[0] / "model.npz"), str(tmp_path / "blank.png")]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/blank.png: unknown (the picture is blank")
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["abstained"] and found["label"] is None and found["top"] == [] and "blank" in found["reason"]


TRAIN = "train --dataset doodles --per-class 20 --epochs 1 --out {tmp}/out"
FAULTS = [
    (f"{TRAIN} --classes clock,unicorn", "unicorn"),
    (
        f"{TRAIN} --model {{tmp}}/absent.json",
        "absent.json: is no network; there are mlp, cnn, sketch-cnn, or a JSON file",
    ),
    (f"{TRAIN} --model {{tmp}}/bad.json", "bad.json: a spec is JSON"),
    (f"{TRAIN} --model {{tmp}}/unfit.json", "unfit.json: .*but there are 5 class names"),
    (f"{TRAIN} --optimizer adamm", "'adamm' is not known; there are sgd"),
    (f"{TRAIN} --learning-rate -1", "learning_rate is above 0; got -1.0"),
    (f"{TRAIN} --l2 -1", "the rate of L2 is at least 0; got -1.0"),
    ("train --dataset mnist --data-dir {tmp}", "train-images-idx3-ubyte"),
    ("train --dataset mnist --data-dir {tmp}/absent", "absent"),
    ("train --dataset mnsit", "mnsit: no such folder"),
    (f"{TRAIN} --model {{tmp}}/swapped.json --classes clock,hexagon", "classes are .'clock', 'hexagon'.; those of the"),
    (f"{TRAIN} --model {{tmp}}/small.json", r"images are \(28, 28, 1\); the network takes \(14, 14, 1\)"),
    (f"{TRAIN} --model {{tmp}}/deep.json", "deep.json: a spec is JSON"),
    (f"{TRAIN} --model {{tmp}}/twice.json", "twice.json: .*a key comes twice"),
    (f"{TRAIN} --model {{tmp}}/huge.json", "23,700,005 parameters; a model file has room for 16 million"),
    (f"{TRAIN} --seed -1", "seed is at least 0"),
    (f"{TRAIN} --schedule exponential", "decay of the schedule exponential is above 0"),
    (
        f"{TRAIN} --schedule inverse_time --schedule-decay nan",
        "schedule_decay is at least 0; got nan",
    ),
    (
        "train --dataset doodles --per-class 1 --classes clock --out {tmp}/out",
        "doodles: has one class alone, clock; a classifier needs two or more",
    ),
    (
        "train --dataset doodles --per-class 20 --epochs 1 --out {tmp}/bad.json",
        "bad.json: is a file; expected a folder",
    ),
    ("evaluate {tmp}/absent.npz --dataset doodles", "absent.npz"),
    ("evaluate {tmp}/bad.json --dataset doodles", "bad.json"),
    ("evaluate {model} --dataset doodles --set tset", "no set 'tset'; it has train"),
    ("predict {model} {tmp}/zip.npy", "zip.npy: starts with b.PK.*expected a .npy file"),
    ("predict {model} {tmp}/none.npy", "none.npy: holds .u1 .0, 28, 28."),
    ("predict {model} {tmp}/none.ndjson", "none.ndjson: holds no drawing"),
    ("evaluate {model} --dataset doodles --against {other}", "has other classes than"),
    ("predict {tmp}/bad.json {tmp}/x.png", "bad.json"),
    ("predict {model} {tmp}/folder", "folder: holds no picture and no drawing"),
    ("predict {model} --watch {tmp}/absent", "absent: is no folder to watch"),
    ("predict {model} --watch {tmp} {tmp}/folder", "--watch takes one folder; got .*folder"),
    ("data verify --data-dir {tmp}", "holds no dataset to verify"),
]


@pytest.mark.parametrize("words, complaint", FAULTS)
def test_a_fault_of_the_input_is_one_line_and_exit_code_2(trained, tmp_path, capsys, words, complaint):
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "folder").mkdir()
    (tmp_path / "unfit.json").write_text(ModelSpec((Flatten(), Dense(3)), (28, 28, 1)).to_json())
    specs = {
        "swapped": ModelSpec((Flatten(), Dense(2)), (28, 28, 1), ("hexagon", "clock")),
        "small": ModelSpec((Flatten(), Dense(5)), (14, 14, 1)),
        "huge": ModelSpec((Flatten(), Dense(30_000), Dense(5)), (28, 28, 1)),
    }
    for name, spec in specs.items():
        (tmp_path / f"{name}.json").write_text(spec.to_json())
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "twice.json").write_text('{"input_shape": [784], "input_shape": [9], "layers": []}')
    np.savez(tmp_path / "zip.npz", a=np.zeros(3))
    (tmp_path / "zip.npz").rename(tmp_path / "zip.npy")
    np.save(tmp_path / "none.npy", np.zeros((0, 28, 28), np.uint8))
    (tmp_path / "none.ndjson").write_text("")
    words = words.format(tmp=tmp_path, model=trained[0] / "model.npz", other=PINNED)
    assert main(words.split()) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("jaxdoodle: ") and re.search(complaint, lines[0])


def test_the_reports_classes_are_the_default():
    assert load_dataset("doodles", per_class=10).classes == ("headphones", "bucket", "clock", "pizza", "hexagon")
