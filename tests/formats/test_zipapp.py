import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxdoodle
from jaxdoodle.formats import zipapp
from jaxdoodle.inference.model import Model
from tests.formats.conftest import EXAMPLES, around

SQUARE = [[[0, 100, 100, 0, 0], [0, 0, 100, 100, 0]]]
CROSS = [[[10, 250], [30, 40]], [[100, 100], [5, 200]]]
DOT = [[[5], [5]]]


@pytest.fixture(scope="session")
def pyz(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("zipapp") / "digits.pyz"
    zipapp.write(digits, path)
    return path


@pytest.fixture
def picture(tmp_path):
    page = np.full((60, 50, 3), 255, np.uint8)
    page[10:50, 22:27] = 0
    Image.fromarray(page).save(tmp_path / "one.png")
    return tmp_path / "one.png"


def run(pyz, *arguments, stdin=""):
    command = [sys.executable, str(pyz), *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=pyz.parent)
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def ndjson(*drawings):
    return "".join(json.dumps({"word": "thing", "drawing": drawing}) + "\n" for drawing in drawings)


def test_a_picture_is_answered_as_the_library_answers(pyz, digits, picture):
    code, lines, errors = run(pyz, picture, "--json", "-k", 10)
    assert (code, errors) == (0, [])
    found, expected = json.loads(lines[0]), Model.from_file(digits).predict(picture)
    assert found["input"] == str(picture)
    assert {guess["label"]: guess["probability"] for guess in found["top"]} == pytest.approx(expected.probabilities)


def test_a_person_gets_one_line_per_picture(pyz, digits, picture):
    code, lines, _ = run(pyz, picture, picture)
    label, probability = Model.from_file(digits).predict(picture).top(1)[0]
    assert code == 0 and len(lines) == 2
    assert lines[0].startswith(f"{picture}: {label} {100 * probability:.1f} %, ")


def test_drawings_go_in_and_json_lines_come_out(pyz):
    code, lines, errors = run(pyz, stdin=ndjson(SQUARE, CROSS, DOT))
    assert (code, errors) == (0, [])
    found = [json.loads(line) for line in lines]
    assert [one["input"] for one in found] == ["-:1", "-:2", "-:3"]
    assert [(len(one["top"]), one["abstained"]) for one in found] == [(3, False), (3, False), (0, True)]


def test_what_is_no_drawing_is_named_and_the_others_are_answered(pyz, tmp_path):
    (tmp_path / "some.ndjson").write_text("{}\n" + ndjson(SQUARE) + "[" * 100_000 + '\n{"drawing": [[[1], [1, 2]]]}\n')
    code, lines, errors = run(pyz, tmp_path / "some.ndjson", tmp_path / "absent.png", tmp_path / "absent.ndjson")
    assert code == 2 and len(lines) == 1 and lines[0].startswith(f"{tmp_path / 'some.ndjson'}:2: ")
    assert [error.split(": ")[0] for error in errors] == [
        *(f"{tmp_path / 'some.ndjson'}, line {number}" for number in (1, 3, 4)),
        str(tmp_path / "absent.png"),
        str(tmp_path / "absent.ndjson"),
    ]


def test_it_takes_folders_and_options_before_files(pyz, picture):
    code, lines, errors = run(pyz, "-k", 1, picture.parent)
    assert (code, errors) == (0, []) and len(lines) == 1 and lines[0].startswith(f"{picture}: ")
    assert run(pyz, "--watch")[0] == 2


def test_drawings_need_numpy_alone(pyz):
    block = "import sys, runpy; sys.modules.update(jax=None, jaxlib=None, optax=None, scipy=None, PIL=None)"
    code = f"{block}; sys.argv = [{str(pyz)!r}]; runpy.run_path({str(pyz)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], input=ndjson(CROSS), capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)["input"] == "-:1", done.stderr


def test_it_runs_its_own_copy_of_the_library(pyz, tmp_path):
    """With the installed one broken, the archive still works."""
    (tmp_path / "jaxdoodle").mkdir()
    (tmp_path / "jaxdoodle" / "__init__.py").write_text("raise ImportError('the wrong one')")
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, str(pyz)], input=ndjson(DOT), capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def test_the_same_model_gives_the_same_bytes(digits, pyz, tmp_path):
    zipapp.write(digits, tmp_path / "again.pyz")
    assert (tmp_path / "again.pyz").read_bytes() == pyz.read_bytes()


ONE_AFTER_THE_OTHER = """
import runpy, sys
drawing, *archives = sys.argv[1:]
for archive in archives:
    for name in [name for name in sys.modules if name.partition(".")[0] == "jaxdoodle"]:
        del sys.modules[name]  # each runs its own copy
    sys.argv = [archive, "--json", drawing]
    try:
        runpy.run_path(archive, run_name="__main__")
    except SystemExit as end:
        assert not end.code, archive
"""


def test_each_built_in_layer_is_carried_and_computed(build_spec, tmp_path):
    (tmp_path / "cross.ndjson").write_text(ndjson(CROSS))
    one_of_each = {type(layer): (layer, shape) for layer, shape in EXAMPLES}
    models = [build_spec(around(*example)) for example in one_of_each.values()]
    paths = [tmp_path / f"{index}.pyz" for index in range(len(models))]
    for model, path in zip(models, paths, strict=True):
        zipapp.write(model, path)
    words = [sys.executable, "-I", "-c", ONE_AFTER_THE_OTHER, tmp_path / "cross.ndjson", *paths]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for model, line in zip(models, done.stdout.splitlines(), strict=True):
        expected = Model.from_file(model).predict([tuple(stroke) for stroke in CROSS])
        assert json.loads(line)["top"][0]["probability"] == pytest.approx(expected.top(1)[0][1]), model.spec


def test_what_predicting_does_not_need_is_left_out(pyz):
    package = Path(jaxdoodle.__file__).parent
    packed = {name.removeprefix("jaxdoodle/") for name in zipfile.ZipFile(pyz).namelist()}
    assert not packed & {"cli/__init__.py", "nn/model.py", "nn/backprop.py", "nn/fused/__init__.py", *zipapp.LEFT_OUT}
    assert all((package / name).is_file() for name in zipapp.LEFT_OUT)
