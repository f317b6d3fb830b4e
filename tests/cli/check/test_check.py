import argparse
import csv
import json
import re
import subprocess
import sys
import threading

import pytest

from jaxdoodle.cli import check
from jaxdoodle.core.errors import InputError
from jaxdoodle.gradcheck.reference import ORACLES

PAIRS = """
import numpy as np
from jaxdoodle.gradcheck import backward_of

def dense_forward(x, w, b):
    return x @ w + b, (x, w)

def dense_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.{reduction}(axis=0)

def cube(x):
    return x**3, x

@backward_of(cube, args=(np.ones((3, 2)) * [1.0, 2.0],))
def cube_gradient(x, dy):
    return 3 * x**2 * dy
"""


def run(*argv):
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    return check.run(parser.parse_args([str(a) for a in argv]))


def test_pairs_of_a_file_are_found_and_checked(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(PAIRS.format(reduction="sum"))
    assert run(file) == 0
    out = capsys.readouterr().out
    assert "all 2 checks passed" in out
    assert [line.split()[:3] for line in out.splitlines()[:2]] == [
        ["ok", name, "float64"] for name in ("dense", "cube_gradient")
    ]


def test_piped_output_has_a_line_for_each_case_as_soon_as_it_is_done(tmp_path):
    file, go_on = tmp_path / "mine.py", tmp_path / "go_on"
    wait = f"import os, time\n    while not os.path.exists({str(go_on)!r}): time.sleep(0.01)\n    return x**3, x"
    file.write_text(PAIRS.format(reduction="mean").replace("return x**3, x", wait))
    command = [sys.executable, "-m", "jaxdoodle", "check", file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = threading.Timer(120, process.kill)
        watch.start()
        first = process.stdout.readline()
        go_on.touch()
        rest = process.stdout.read()
        watch.cancel()
    assert re.fullmatch(r"FAIL  dense  float64  \d\.\de-01  bias mean instead of sum\n", first)
    assert rest.startswith("ok    cube_gradient  float64  ")
    assert "1 of 2 checks failed" in rest
    assert process.returncode == 1


def test_help_needs_no_jax():
    code = "import sys; sys.modules['jax'] = None; from jaxdoodle.cli import main; main(['check', '--help'])"
    assert "--oracle" in subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert check.ORACLES == ("auto", *ORACLES)


def test_a_wrong_pair_gives_exit_code_1_json_and_a_picture(tmp_path, capsys):
    file, image = tmp_path / "mine.py", tmp_path / "error.png"
    file.write_text(PAIRS.format(reduction="mean"))
    assert run(file, "--json", "--picture", image) == 1
    dense, cube = json.loads(capsys.readouterr().out)["checks"]
    assert not dense["passed"] and cube["passed"]
    assert dense["findings"][0]["name"] == "bias mean instead of sum"
    assert dense["findings"][0]["backward"]["line"] == 10
    assert image.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("x = 1", "no pair"),
        ("1 / 0", "bad.py:1: ZeroDivisionError"),
        ("def f_forward(q): raise ValueError\ndef f_backward(r, dy): pass", "define f_args"),
    ],
)
def test_a_file_that_cannot_be_checked_is_refused_by_name(tmp_path, text, message):
    file = tmp_path / "bad.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        run(file)
    assert str(file) in str(error.value)


CUBE = """
import numpy as np
print("loading")
def cube_forward(x):
    print("forward")
    return x**3, x
def cube_backward(dout, x):
    return dout * {factor} * x**2
"""


@pytest.fixture(scope="module")
def submissions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("submissions")
    (folder / "anna.py").write_text(CUBE.format(factor=3))
    (folder / "ben").mkdir()
    cell = {"cell_type": "code", "source": "%matplotlib inline\n" + CUBE.format(factor="2")}
    (folder / "ben" / "week1.ipynb").write_text(json.dumps({"cells": [cell]}))
    (folder / "clara.py").write_text("def broken(:")
    (folder / "helper.py").write_text("x = 1")
    (folder / ".git").mkdir()
    (folder / ".git" / "hook.py").write_text("1 / 0")
    return folder


def test_a_folder_gives_a_table_a_csv_a_page_and_clean_json(submissions, tmp_path, capsys):
    assert run(submissions, "--csv", tmp_path / "t.csv", "--html", tmp_path / "t.html", "--json") == 1
    data = json.loads(capsys.readouterr().out)
    found = {f["student"]: (f["verdict"], len(f["checks"])) for f in data["files"]}
    assert found == {"anna": ("right", 1), "ben": ("wrong", 1), "clara": ("not checked", 0),
                     "helper": ("nothing to check", 0)}  # fmt: skip
    assert "syntax error" in data["errors"][0] and not data["passed"]
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [(r["student"], r["verdict"]) for r in rows] == [
        ("anna", "right"), ("ben", "wrong"), ("clara", "not checked"), ("helper", "nothing to check"),
    ]  # fmt: skip
    page = (tmp_path / "t.html").read_text()
    assert "loading" in page and "1 of 1 gradients are wrong" in page and "<script" not in page


def test_errors_are_json_too(submissions, capsys):
    assert run(submissions / "clara.py", submissions / "none.py", "--json") == 2
    data = json.loads(capsys.readouterr().out)
    assert ["clara.py:1: syntax error" in data["errors"][0], "no such file" in data["errors"][1]] == [True, True]


def test_a_folder_without_python_is_refused(tmp_path):
    with pytest.raises(InputError, match="no Python file"):
        run(tmp_path)
