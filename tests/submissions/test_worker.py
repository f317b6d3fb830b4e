"""The messages of one file."""

import sys

import pytest

from jaxdoodle.submissions.worker import check_file

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


@pytest.mark.parametrize("right", [True, False])
def test_layers_and_losses_of_a_file_are_checked_in_both_dtypes(tmp_path, monkeypatch, right):
    monkeypatch.setattr("sys.path", list(sys.path))
    file = tmp_path / "mine.py"
    file.write_text(LAYER if right else LAYER.replace("dy * (s + self.beta * x * s * (1 - s))", "dy * s"))
    reports = [message["check"] for message in check_file(file)]
    for dtype in ("float64", "float32"):
        found = {r["title"]: r["passed"] for r in reports if r["dtype"] == dtype}
        assert {passed for title, passed in found.items() if title.startswith("layer: Swish")} == {right}
        assert {passed for title, passed in found.items() if title.startswith("loss: SumOfSquares")} == {True}


def test_a_pair_that_hangs_does_not_hide_the_others(checked):
    found = checked("""
        def spin_forward(x):
            while True: pass
        def spin_backward(dout, cache): return dout
        def cube_forward(x): return x**3, x
        def cube_backward(dout, x): return 3 * x**2 * dout
    """, pair_seconds=6.0)  # fmt: skip
    assert found == {"spin": "did not end within 6 s", "cube": "right"}


def test_what_did_not_run_is_told_with_its_line(checked):
    told = checked("1 / 0\n")["told"]
    assert told[0]["note"].startswith("program.py:2: ZeroDivisionError")
    assert not told[1]["error"]["empty"]
