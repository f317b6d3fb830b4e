"""The ``predict`` verb as a process: what goes in and comes out, and what it loads to do so."""

import importlib.util
import io
import json
import math
import os
import select
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.cli import main
from jaxdoodle.inference import Model, answers, model_file
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing.config import MNIST
from jaxdoodle.preprocessing.inputs.pictures import PICTURE_FORMATS
from tests.preprocessing.several.test_pages import page

LINE = {"drawing": [[[0, 4, 9], [5, 5, 5]]]}
UPRIGHT = {"drawing": [[[3, 3, 3], [0, 90, 200]]]}
COMMAND = [sys.executable, "-m", "jaxdoodle", "predict"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """It tells upright from level by where the ink is."""
    spec = ModelSpec((Flatten(), Dense(2)), (28, 28, 1), ("upright", "level"))
    w = np.zeros((28, 28, 2), np.float32)
    w[:, 12:16, 0] = w[12:16, :, 1] = 0.05
    params = [{}, {"w": w.reshape(784, 2), "b": np.zeros(2, np.float32)}]
    inputs = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
    logits = Network(spec, params, MNIST.divisor).logits(inputs)
    path = tmp_path_factory.mktemp("model") / "model.npz"
    model_file.write(path, ModelFile(spec, params, MNIST, inputs, logits, abstain_below=-1e3))
    return path


def ask(model, *words, stdin=b""):
    done = subprocess.run([*COMMAND, model, *words], input=stdin, capture_output=True)
    return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode().splitlines()


def picture():
    buffer = io.BytesIO()
    Image.fromarray(np.pad(np.zeros((9, 60), np.uint8), 30, constant_values=255)).save(buffer, "PNG")
    return buffer.getvalue()


def test_many_files_and_folders_are_answered_in_order(model, tmp_path, capsys):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.png").write_bytes(picture())
    (folder / "b.ndjson").write_text(json.dumps(UPRIGHT) + "\n{}\n" + json.dumps(LINE) + "\n")
    (folder / "notes.txt").write_text("none")
    np.save(tmp_path / "c.npy", np.uint8(255) - np.asarray(Image.open(io.BytesIO(picture()))))
    assert main(["predict", str(model), str(folder), str(tmp_path / "c.npy"), "-k", "1"]) == 2
    printed = capsys.readouterr()
    assert [line.rsplit(" ", 2)[0] for line in printed.out.splitlines()] == [
        f"{folder}/b.ndjson:1: upright",
        f"{folder}/b.ndjson:3: level",
        f"{folder}/deep/a.png: level",
        f"{tmp_path}/c.npy:0: level",
    ]
    (complaint,) = printed.err.splitlines()
    assert complaint.startswith(f"jaxdoodle: {folder}/b.ndjson, line 2: ")


def test_a_name_that_is_not_utf8_is_answered_like_any_other(model, tmp_path):
    folder = os.fsencode(tmp_path)
    for name in (b"/a\xff.png", b"/b.png"):
        with open(folder + name, "wb") as file:
            file.write(picture())
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([*COMMAND, model, tmp_path], capture_output=True, env=strict)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [line.split(b": ")[0] for line in done.stdout.splitlines()] == [
        folder + b"/a\\udcff.png",
        folder + b"/b.png",
    ]


def test_a_name_with_line_breaks_and_escapes_is_printed_on_one_line(model, tmp_path, capsys):
    for name, content in (("a\n\x1b[2J.png", picture()), ("b\n.png", b"?")):
        (tmp_path / name).write_bytes(content)
    assert main(["predict", str(model), str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{tmp_path}/a\\n\\x1b[2J.png: level ") and printed.out.count("\n") == 1
    assert printed.err.startswith(f"jaxdoodle: {tmp_path}/b\\n.png: not a picture") and printed.err.count("\n") == 1


def _tiff(pixels=None):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((9, 9), np.uint8) if pixels is None else pixels).save(buffer, "TIFF")
    return buffer.getvalue()


def _floats(*first):
    pixels = np.tile(np.arange(30, dtype=np.float32), (30, 1))
    pixels.flat[: len(first)] = first
    return _tiff(pixels)


@pytest.mark.parametrize(
    "content",
    [_tiff()[:10], _tiff()[:30], _floats(np.nan), _floats(np.inf), _floats(3e38, -3e38)],
    ids=["cut off in its tags", "cut off later", "NaN", "infinite", "beyond float32"],
)
def test_a_bad_picture_is_refused_in_one_line_without_warnings(model, content, tmp_path):
    (tmp_path / "bad.tif").write_bytes(content)
    code, found, errors = ask(model, tmp_path / "bad.tif")
    assert code == 2 and found == [] and len(errors) == 1, errors
    assert errors[0].startswith(f"jaxdoodle: {tmp_path}/bad.tif: ")


def test_json_says_all_that_a_prediction_says(model, tmp_path, capsys):
    (tmp_path / "one.json").write_text(json.dumps(UPRIGHT))
    assert main(["predict", str(model), str(tmp_path / "one.json"), "--json"]) == 0
    found, expected = json.loads(capsys.readouterr().out), Model.load(model).predict(UPRIGHT["drawing"])
    assert found == {
        "input": str(tmp_path / "one.json"),
        "label": "upright",
        "abstained": False,
        "reason": None,
        "top": [{"label": label, "probability": p} for label, p in expected.top(3)],
    }


@pytest.mark.parametrize("words", ["-k 1 MODEL FILE", "MODEL -k 1 FILE", "MODEL FILE -k 1", "MODEL --json -k 1 FILE"])
def test_options_stand_anywhere(words, model, tmp_path, capsys):
    (tmp_path / "one.json").write_text(json.dumps(UPRIGHT))
    places = {"MODEL": str(model), "FILE": str(tmp_path / "one.json")}
    assert main(["predict", *(places.get(word, word) for word in words.split())]) == 0
    printed = capsys.readouterr().out
    assert "upright" in printed and "level" not in printed


def test_an_abstaining_model_says_why_and_which_class_comes_nearest(model, tmp_path, capsys):
    from dataclasses import replace

    model_file.write(tmp_path / "strict.npz", replace(model_file.read(model), abstain_below=1e3))
    (tmp_path / "one.json").write_text(json.dumps(UPRIGHT))
    assert main(["predict", str(tmp_path / "strict.npz"), str(tmp_path / "one.json")]) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"{tmp_path}/one.json: unknown (it scores ")
    assert "below 1000.00); most like upright " in line


def test_drawings_on_the_standard_input_are_answered_in_json_lines(model):
    lines = [json.dumps(UPRIGHT), "nonsense", json.dumps(LINE)]
    code, found, errors = ask(model, "-", stdin="\n".join(lines).encode())
    assert code == 2 and [json.loads(line)["label"] for line in found] == ["upright", "level"]
    assert [json.loads(line)["input"] for line in found] == ["-:1", "-:3"]
    assert len(errors) == 1 and errors[0].startswith("jaxdoodle: -, line 2: ")


def test_a_drawing_is_answered_before_the_next_one_comes(model):
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen([*COMMAND, model, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=buffered)
    for drawing, label in ((UPRIGHT, "upright"), (LINE, "level")):
        process.stdin.write(json.dumps(drawing).encode() + b"\n")
        process.stdin.flush()
        assert select.select([process.stdout], [], [], 20)[0]
        assert json.loads(process.stdout.readline())["label"] == label
    process.stdin.close()
    assert process.stdout.read() == b"" and process.wait() == 0
    process.stdout.close()


@pytest.mark.parametrize("part, code", [(slice(None), 0), (slice(80), 2)], ids=["whole", "cut off"])
def test_a_picture_on_the_standard_input_is_answered(model, part, code):
    found, lines, errors = ask(model, "-", stdin=picture()[part])
    assert found == code and len(lines) == (not code) and len(errors) == bool(code)
    assert json.loads(lines[0])["label"] == "level" if lines else errors[0].startswith("jaxdoodle: -: not a picture")


def test_nothing_on_the_standard_input_is_refused(model):
    code, found, errors = ask(model, "-")
    assert (code, found) == (2, []) and errors == [
        "jaxdoodle: -: the standard input is empty; expected a picture, or drawings, one a line."
    ]


@pytest.mark.parametrize("suffix", [name for name, kind in PICTURE_FORMATS.items() if kind != "HEIF"])
def test_every_kind_of_picture_is_known_by_how_it_begins(suffix, tmp_path):
    kind = PICTURE_FORMATS[suffix]
    if kind == "AVIF" and suffix not in Image.registered_extensions():
        pytest.skip("this Pillow does not write AVIF")
    Image.new("1" if suffix == ".pbm" else "L", (9, 9)).save(tmp_path / f"a{suffix}", kind)
    assert answers._begins_whole((tmp_path / f"a{suffix}").read_bytes()[:12])


#: SIGINT is ignored where the tests run behind a shell, and so by what they start.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from jaxdoodle.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_watched_folder_is_answered_until_it_is_interrupted(model, tmp_path):
    words = [sys.executable, "-c", INTERRUPTIBLE, "predict", model, "--watch", tmp_path]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == f"watching {tmp_path}; Ctrl-C ends it\n"
    (tmp_path / "a.png").write_bytes(picture())
    assert process.stdout.readline().startswith(f"{tmp_path}/a.png: level ")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "") and process.returncode == 0


LOADED = "import sys; from jaxdoodle.cli import main; code = main(sys.argv[1:]); print(*sys.modules); sys.exit(code)"
HEAVY = {"jax", "optax", "PIL", "matplotlib", "rich", "scipy"} | {
    f"jaxdoodle.{name}"
    for name in (
        "nn.architectures", "nn.model", "nn.backprop", "nn.fused", "data", "training", "gradcheck", "formats", "plots",
        "run", "cli.window",
    )
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["npy", "ndjson", "json", "svg", "png"])
def test_it_loads_no_more_than_it_needs(model, suffix, tmp_path):
    path = tmp_path / f"one.{suffix}"
    content = {
        "npy": lambda: np.save(path, np.eye(28, dtype=np.uint8) * 255),
        "ndjson": lambda: path.write_text(json.dumps(LINE)),
        "json": lambda: path.write_text(json.dumps(LINE)),
        "svg": lambda: path.write_text('<svg><polyline points="0,0 50,80"/></svg>'),
        "png": lambda: path.write_bytes(picture()),
    }
    content[suffix]()
    done = subprocess.run([sys.executable, "-c", LOADED, "predict", model, path], capture_output=True, text=True)
    answer, loaded = done.stdout.splitlines()
    assert answer.startswith(str(path)), done.stderr
    assert HEAVY & set(loaded.split()) == ({"PIL"} if suffix == "png" else set())


def test_the_modules_that_it_must_not_load_exist():
    assert all(importlib.util.find_spec(name) for name in HEAVY)


def test_a_wrong_option_is_refused_before_the_model_is_read(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["predict", str(tmp_path / "absent.npz"), "-k", "0", "-"])
    assert stopped.value.code == 2 and "at least 1; got 0" in capsys.readouterr().err


def test_a_page_of_several_is_answered_in_rows_with_boxes_and_drawn(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page().save("page.png")
    assert main(["predict", "digits", "page.png", "--many", "-k", "1", "--out", "out.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("page.png, row 1: 504, ") and lines[4].startswith("page.png, row 2: 1, ")
    assert lines[1].startswith("  34, 38 to 75, 101: 5 ") and "," not in lines[1].partition(": ")[2], "one class each"
    with Image.open("out.png") as drawn:
        assert drawn.size == (280, 240) or drawn.width >= 280
    assert main(["predict", "digits", "page.png", "--many", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["text"] for row in found["rows"]] == ["504", "1"]
    for number, row in enumerate(found["rows"]):
        shares = [one["top"][0]["probability"] for one in found["drawings"] if one["row"] == number]
        assert row["confidence"] == pytest.approx(math.prod(shares)) and not row["abstained"]
    assert [(one["row"], one["label"]) for one in found["drawings"]] == [(0, "5"), (0, "0"), (0, "4"), (1, "1")]
    assert found["drawings"][0]["box"] == {"left": 34, "top": 38, "right": 75, "bottom": 101}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("page.png", "--out", "out.png"), "give --many, too"),
        (("page.png", "page.png", "--many", "--out", "out.png"), "takes one page"),
        (("page.png", "--many", "--out", "out.jpg"), "drawn as .png"),
        (("page.png", "--many", "--out", "none/out.png"), "none/out.png: cannot be written"),
        (("page.png", "--many", "--explain", "out.png"), "give one of them"),
        (("none.png", "--many"), "none.png"),
    ],
)
def test_options_of_pages_that_cannot_be_met_are_refused(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page().save("page.png")
    assert main(["predict", "digits", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_blank_page_has_nothing_on_it(model, tmp_path, capsys):
    Image.new("L", (60, 60), 255).save(tmp_path / "blank.png")
    assert main(["predict", str(model), str(tmp_path / "blank.png"), "--many"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/blank.png: nothing is drawn\n"
