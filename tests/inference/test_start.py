"""What a process that predicts imports and leaves behind, seen in processes of their own."""

import os
import subprocess
import sys

import pytest

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
    model = os.path.join(os.path.dirname(__file__), "model-v1.npz")
    assert run(PROGRAM, model, *already_there()) == ""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs /proc to count threads")
def test_numpy_is_brought_in_with_as_many_threads_as_asked_for():
    """One, where nobody asked; the user's number, or that of a NumPy which is there already, otherwise."""
    alone = run(THREADS.format(first=""))
    asked = run(THREADS.format(first=""), OPENBLAS_NUM_THREADS="3")
    there = run(THREADS.format(first="import numpy"), OPENBLAS_NUM_THREADS="3")
    assert alone == "1" and asked == there
