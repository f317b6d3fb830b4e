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
    low = jnp.dtype(dtype)

    def backward(residuals, dy):
        x, w = residuals
        if not held:
            return dy @ w.T, x.T @ dy.astype(low).astype(float)
        dz = dy.astype(low).astype(float)
        return dy @ w.T, x.T @ dz

    (finding,) = check(forward, backward, (X, W)).findings
    assert finding.name == f"cast to {dtype}"
    assert finding.leaves == ("w",)
    assert finding.backward is None if not held else finding.backward.text.startswith("dz = ")


def test_data_in_float32_are_no_cast():
    def backward(residuals, dy):
        data, w = residuals
        d = dy.astype(np.float16).astype(float)
        return None, data.T @ d

    (finding,) = check(forward, backward, (X.astype(np.float32), W)).findings
    assert finding.name == "cast to float16" and finding.backward.text.startswith("d = ")


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
