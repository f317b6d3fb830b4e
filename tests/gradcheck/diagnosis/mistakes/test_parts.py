"""Wrong derivatives of recognized parts, together and apart."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check

pytestmark = pytest.mark.usefixtures("few_edits")


def test_a_derivative_that_is_wrong_in_one_line_of_a_loop_is_named_over_all_its_passes():
    def forward(xs, w):
        h, kept = np.zeros_like(xs[0]), []
        for x in xs:
            g = np.tanh(x @ w + h)
            kept.append((x, h, g))
            h = np.tanh(g * x + h)
        return h, (kept, h, w)

    def backward(residuals, dh):
        kept, h, w = residuals
        dxs, dw = [], np.zeros_like(w)
        for x, before, g in reversed(kept):
            dz = dh * (1 - h**2)
            dg = dz * x
            dw += x.T @ dg
            dxs.append(dz * g + dg @ w.T)
            dh, h = dz + dg, before
        return np.array(dxs[::-1]), dw

    rng = np.random.default_rng(0)
    (finding,) = check(forward, backward, (rng.normal(size=(6, 2, 3)), rng.normal(size=(3, 3)))).findings
    assert finding.name == "activation derivative forgotten"
