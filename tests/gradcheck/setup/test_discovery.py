"""What a user's file defines is found: pairs, layers and losses."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import CheckError
from jaxdoodle.gradcheck.setup.discovery import classes, guess, load, pairs

FILE = """
from __future__ import annotations

from jaxdoodle import nn
from jaxdoodle.gradcheck.setup.discovery import backward_of
from jaxdoodle.nn import Dense


@nn.layer
class Double:
    times: int = 2

    def forward(self, params, x, *, key=None):
        return self.times * x, ()

    def backward(self, residuals, dy):
        return {}, self.times * dy

    def numpy_forward(self, params, x):
        return self.times * x


class Unmarked(nn.Layer):
    pass


def square_forward(x):
    return x**2, x


def square_backward(x, dy):
    return 2 * x * dy


@backward_of(lambda x: (x**3, x), args=lambda: ([1.0, 2.0],))
def cube(x, dy):
    return 3 * x**2 * dy
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return load(path)


def test_pairs_are_found_by_name_and_by_mark(module, tmp_path):
    square, cube = pairs(module, tmp_path / "mine.py")
    assert (square.name, square.forward) == ("square", module.square_forward)
    assert (cube.name, cube.args) == ("cube", ([1.0, 2.0],))


def test_classes_are_those_that_the_file_itself_marks(module):
    assert [cls.__name__ for cls in classes(module)] == ["Double"]


def test_arguments_are_guessed_from_their_names():
    x, w, b = guess(lambda x, w, b: (x @ w + b, None))
    assert x.shape[1] == w.shape[0] and b.shape == (w.shape[1],)
    assert guess(lambda q: 1 / 0) is None
    assert np.array_equal(np.unique(guess(lambda x, labels: (x * labels, None))[1]), [0, 1])


def test_a_file_that_cannot_be_imported_is_refused_by_name(tmp_path):
    with pytest.raises(CheckError, match="none.py: no such file"):
        load(tmp_path / "none.py")
