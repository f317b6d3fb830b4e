"""What the README shows runs, and prints what it says."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jaxdoodle as jd
from jaxdoodle.preprocessing.config import QUICKDRAW

README = (Path(__file__).parents[2] / "README.md").read_text()


def block(marker, page=README):
    return re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", page, re.S)[1]


def run(program, folder):
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=folder
    ).stdout


def test_the_program_prints_what_the_readme_says(tmp_path):
    printed = run(block("program"), tmp_path)
    expected = re.search(r"prints\n\n```text\n(.*?)```", README, re.S)[1]
    assert re.sub(r"\d+", "N", expected) == re.sub(r"\d+", "N", printed)
    (shown, of), (correct, total) = ([int(n) for n in re.findall(r"\d+", text)[:2]] for text in (expected, printed))
    assert total == of and abs(correct - shown) <= 0.05 * of, "another machine rounds otherwise"
    assert (tmp_path / "doodles.npz").exists() and (tmp_path / "doodles.html").exists()


def test_the_loop_of_ones_own_trains_four_seeds_and_runs_on_numpy(tmp_path):
    program = block("loop")
    assert len([line for line in program.splitlines() if line.strip() and "import" not in line]) <= 25
    correct, total = map(int, re.findall(r"\d+", run(program, tmp_path)))
    assert correct > 0.7 * total


def test_the_layer_of_ones_own_is_proven_as_it_stands(tmp_path):
    page = (Path(__file__).parents[2] / "jaxdoodle" / "nn" / "README.md").read_text()
    code = [re.sub(r" *#.*", "", text) for text in (block("own layer"), block("own layer", page))]
    assert code[0] == code[1]
    (tmp_path / "mine.py").write_text(block("own layer"))
    done = subprocess.run(
        [sys.executable, "-m", "jaxdoodle", "check", "mine.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0 and "Swish" in done.stdout


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler, cc")
def test_the_program_in_c_compiles_without_a_warning_and_answers(tmp_path):
    spec = jd.ModelSpec((jd.nn.Flatten(), jd.nn.Dense(2)), (28, 28, 1), ("cat", "square"))
    params = [{}, {"w": np.zeros((784, 2)), "b": [0, 1]}]
    jd.export(jd.Model(spec, params, QUICKDRAW), tmp_path / "doodles.c")
    (tmp_path / "program.c").write_text(block("c"))
    flags = ("-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic")
    subprocess.run(["cc", *flags, "program.c", "doodles.c", "-o", "program"], check=True, cwd=tmp_path)
    assert subprocess.run([tmp_path / "program"], capture_output=True, check=True).stdout == b"square\n"


@pytest.fixture
def handler(tmp_path, monkeypatch):
    """``marker -> app`` of a handler that the page shows, beside a model file."""
    spec = jd.ModelSpec((jd.nn.Flatten(), jd.nn.Dense(2)), (28, 28, 1), ("cat", "square"))
    params = [{}, {"w": np.zeros((784, 2)), "b": [0, 1]}]
    jd.Model(spec, params, QUICKDRAW).save(tmp_path / "doodles.npz")
    monkeypatch.chdir(tmp_path)

    def app(marker):
        names = {"__name__": "__main__"}
        exec(block(marker), names)
        return names["app"]

    return app


#: What a handler answers to: strokes, a drawing that shows nothing, and what is neither a picture nor strokes.
ANSWERS = {
    b"[[[0, 90, 90], [0, 0, 90]]]": (200, "square", None),
    b"[[[5, 5, 5], [5, 5, 5]]]": (200, None, "the strokes are a single dot"),
    b"no drawing": (400, None, None),
    b"": (400, None, None),
}


def answered(body, status, given):
    expected, label, reason = ANSWERS[body]
    assert status == expected
    if status == 200:
        assert given["label"] == label and (given["unknown"] or "").find(reason or "") >= 0
        assert (given["unknown"] is None) == (reason is None)
    else:
        assert list(given) == ["error"] and "\n" not in given["error"]


@pytest.mark.parametrize("body", ANSWERS)
def test_the_handler_in_flask_answers(body, handler):
    pytest.importorskip("flask", reason="needs Flask")
    response = handler("flask").test_client().post("/predict", data=body)
    answered(body, response.status_code, response.get_json())


@pytest.mark.parametrize("body", ANSWERS)
def test_the_handler_in_starlette_answers(body, handler):
    pytest.importorskip("starlette", reason="needs Starlette")
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [], "query_string": b""}
    asyncio.run(handler("starlette")(scope, receive, send))
    answered(body, sent[0]["status"], json.loads(sent[1]["body"]))


@pytest.mark.skipif(not shutil.which("onnx2tf"), reason="needs onnx2tf, which brings TensorFlow")
def test_onnx_goes_on_to_tflite(tmp_path):
    spec = jd.ModelSpec((jd.nn.Flatten(), jd.nn.Dense(2)), (28, 28, 1), ("cat", "square"))
    params = [{}, {"w": np.zeros((784, 2)), "b": [0, 1]}]
    jd.export(jd.Model(spec, params, QUICKDRAW), tmp_path / "doodles.onnx")
    command = re.search(r"^onnx2tf [^#]*", block("converters"), re.M)[0].split()
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    assert (tmp_path / "tflite" / "doodles_float32.tflite").exists()
    assert (tmp_path / "tflite" / "saved_model.pb").exists()


def test_the_set_up_commands_are_one_line_each():
    assert len(block("main job").splitlines()) == len(block("tests").splitlines()) == 1


def test_every_file_that_the_readme_points_to_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (Path(__file__).parents[2] / target).exists(), target


def test_every_number_of_the_summary_is_in_the_results():
    summary = README.split("## Results\n")[1].split("\n## ")[0]
    results = (Path(__file__).parents[2] / "experiments" / "README.md").read_text()
    numbers = re.findall(r"\d[\d,.]*\d(?= %|\)| s | of | to |\.|,|:| times)", summary)
    assert len(numbers) > 12
    for number in numbers:
        assert number in results, number


def test_the_commands_of_the_readme_are_commands():
    from jaxdoodle.cli import main

    for words in re.findall(r"^jaxdoodle (\w+)", README, re.M):
        try:
            main([words, "--help"])
        except SystemExit as leaving:
            assert leaving.code == 0, words


def test_the_main_job_writes_a_model(tmp_path):
    command = block("main job").split("&&")[1].strip().replace("jaxdoodle", f"{sys.executable} -m jaxdoodle", 1)
    environment = {name: value for name, value in os.environ.items() if name != "JAXDOODLE_DATA"}
    words = [*command.split(), "--epochs", "1", "--per-class", "100"]
    subprocess.run(words, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert (tmp_path / "runs" / "doodles-cnn" / "model.npz").exists()
