"""Rounding in a lower precision is told from a wrong formula."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.gradcheck import check

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3))


def forward(x, w):
    return np.matmul(x, w), (x, w)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("held", [True, False])
def test_a_cast_is_named_with_its_line(dtype, held):
    dtype = jnp.dtype(dtype)

    def backward(residuals, dy):
        x, w = residuals
        low = dy.astype(dtype).astype(float)  # a cast to bfloat16, float16 or float32
        return dy @ w.T, x.T @ (low if held else dy.astype(dtype).astype(float))

    (finding,) = check(forward, backward, (X, W)).findings
    assert finding.name == f"cast to {dtype.name}"
    assert finding.leaves == ("w",)
    assert "dtype" in finding.backward.text


def test_sums_added_up_in_a_low_precision_are_told_from_a_cast():
    def backward(residuals, dy):
        x, w = residuals
        dw = np.zeros(w.shape, np.float32)
        for row, d in zip(x, dy, strict=True):
            dw += np.outer(row, d)
        return dy @ w.T, dw

    report = check(forward, backward, (X, W))
    assert [f.name for f in report.findings] == ["accumulated in float32"]
    assert not any("small constant" in note for note in report.notes)
