"""The line at which a mistake begins."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.diagnosis import locate

pytestmark = pytest.mark.usefixtures("few_edits")

RNG = np.random.default_rng(0)


def test_where_it_begins_is_found_without_a_reverse_pass_for_every_value(monkeypatch):
    def forward(x, w, v):
        h = np.tanh(x @ w)
        u = np.sin(h @ v)
        return u * u, (x, w, v, h, u)

    def backward(residuals, dy):
        x, w, v, h, u = residuals
        dz = 2 * dy * u * np.cos(h @ v)
        da = (dz @ v.T) * np.cos(5 * h) ** 3
        return da @ w.T, x.T @ da, h.T @ dz

    tried = []
    monkeypatch.setattr(
        locate, "line_of", lambda target, log, known=locate.line_of: tried.append(1) or known(target, log)
    )
    args = RNG.normal(size=(5, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2))
    (finding,) = check(forward, backward, args).findings
    assert "`da`" in finding.sentence and finding.backward.text.startswith("da = ")
    assert locate._tangents is not None and len(tried) < 1000
