"""Rounding in a lower precision is told from a wrong formula."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_low_precision_is_named_with_its_line(dtype):
    def backward(residuals, dy):
        x, w = residuals
        low = dy.astype(dtype)
        return dy @ w.T, x.astype(dtype).T @ low

    (finding,) = check(lambda x, w: (np.matmul(x, w), (x, w)), backward, (X, W)).findings
    assert finding.name == f"accumulated in {dtype}"
    assert finding.leaves == ("w",)
    assert dtype in finding.backward.text or "low" in finding.backward.text
