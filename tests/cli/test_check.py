import argparse
import json
import re
import subprocess
import sys
import threading

import pytest

from jaxdoodle.cli import check
from jaxdoodle.gradcheck import CheckError
from jaxdoodle.gradcheck.reference import ORACLES

PAIRS = """
import numpy as np
from jaxdoodle.gradcheck.setup.discovery import backward_of

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
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("def f_forward(q): raise ValueError\ndef f_backward(r, dy): pass", "define f_args"),
    ],
)
def test_a_file_that_cannot_be_checked_is_refused_by_name(tmp_path, text, message):
    file = tmp_path / "bad.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CheckError, match=message) as error:
        run(file)
    assert str(file) in str(error.value)


LAYER = """
import jax
import numpy as np
from jaxdoodle import nn

@nn.layer
class Swish:
    beta: float = 1.0

    def forward(self, params, x, *, key=None):
        s = jax.nn.sigmoid(self.beta * x)
        return x * s, (x, s)

    def backward(self, residuals, dy):
        x, s = residuals
        return {}, dy * (s + self.beta * x * s * (1 - s))

    def numpy_forward(self, params, x):
        return x / (1 + np.exp(-self.beta * x))

@nn.loss
class SumOfSquares:
    def forward(self, outputs, labels):
        difference = outputs - jax.nn.one_hot(labels, outputs.shape[1], dtype=outputs.dtype)
        return (difference**2).sum(), difference

    def backward(self, residuals):
        return 2 * residuals
"""


def test_layers_and_losses_of_a_file_are_checked_in_both_dtypes(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(LAYER)
    assert run(file) == 0
    out = capsys.readouterr().out
    for dtype in ("float64", "float32"):
        assert re.search(rf"^ok    layer: Swish\(\).*  {dtype}  ", out, re.M)
        assert re.search(rf"^ok    loss: SumOfSquares\(\), integer labels  {dtype}  ", out, re.M)


def test_a_wrong_layer_of_a_file_fails_by_name(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(LAYER.replace("dy * (s + self.beta * x * s * (1 - s))", "dy * s"))
    assert run(file) == 1
    assert re.search(r"^FAIL  layer: Swish\(\).*  float64  ", capsys.readouterr().out, re.M)
