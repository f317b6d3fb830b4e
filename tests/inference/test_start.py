"""Which modules a predicting process imports, and how many threads it leaves, each in a process of its own."""

import os
import subprocess
import sys

import numpy as np
import pytest

from jaxdoodle.formats import zipapp
from jaxdoodle.inference import model_file

#: What takes long to import, and is not needed to answer.
SLOW = "zipfile, threading, pathlib, tempfile, shutil, urllib, PIL, jax, scipy, numpy.ma, numpy.random"

PROGRAM = f"""
import gc, os, sys
before = dict(os.environ)
from jaxdoodle.inference import Model
assert os.environ == before and gc.isenabled()
import numpy
Model.load(sys.argv[1]).logits(numpy.zeros((1, 6, 5), numpy.uint8))
print(*(set(sys.modules) & set("{SLOW}".split(", ")) - set(sys.argv[2:])))
"""
THREADS = """
import os
{first}
from jaxdoodle.inference import Model
print(len(os.listdir("/proc/self/task")))
"""
MODEL = os.path.join(os.path.dirname(__file__), "model-v1.npz")
#: The program is run as its users run it, and the threads that it leaves are counted.
STARTED = """
import os, runpy, sys
how, name, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_path(name, run_name="__main__") if how == "path" else runpy.run_module(name, run_name="__main__")
except SystemExit as end:
    assert not end.code
print(len(os.listdir("/proc/self/task")))
"""


def run(program, *arguments, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=kept | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def already_there():
    """NumPy's own imports differ from version to version."""
    return run("import sys, numpy; print(*sys.modules)").split()


def test_an_answer_needs_none_of_the_slow_modules():
    assert run(PROGRAM, MODEL, *already_there()) == ""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs /proc to count threads")
def test_numpy_is_brought_in_with_as_many_threads_as_asked_for():
    """One, where nobody asked; the user's number, or that of a NumPy which is there already, otherwise."""
    alone = run(THREADS.format(first=""))
    asked = run(THREADS.format(first=""), OPENBLAS_NUM_THREADS="3")
    there = run(THREADS.format(first="import numpy"), OPENBLAS_NUM_THREADS="3")
    assert alone == "1" and asked == there


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs /proc to count threads")
@pytest.mark.parametrize("start", ["command", "pyz"])
def test_the_command_and_the_zipapp_start_no_threads_either(start, tmp_path):
    np.save(tmp_path / "one.npy", np.eye(30, dtype=np.uint8) * 255)
    words = ["module", "jaxdoodle", "predict", MODEL]
    if start == "pyz":
        zipapp.write(model_file.read(MODEL), tmp_path / "one.pyz")
        words = ["path", str(tmp_path / "one.pyz")]
    answer, threads = run(STARTED, *words, str(tmp_path / "one.npy")).splitlines()
    assert answer.startswith(str(tmp_path / "one.npy")) and threads == "1"
