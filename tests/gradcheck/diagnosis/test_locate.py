"""The line at which a mistake begins."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check, check_gradient
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


def test_a_missing_penalty_is_told_where_the_gradients_are_put_together():
    """Not in the layer whose backward gives the rest of the gradient, though it is the first to hold it."""

    def affine_backward(dy, x):
        dw = x.T @ dy
        return dw, dy.sum(axis=0)

    def both(w, b, x):
        y = np.tanh(x @ w + b)
        value = 0.5 * (y**2).sum() + 0.2 * (w**2).sum()
        dw, db = affine_backward(y * (1 - y**2), x)
        return value, (dw, db)

    args = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=(5, 4))
    report = check_gradient(lambda *args: both(*args)[0], lambda *args: both(*args)[1], args, argnums=(0, 1))
    (finding,) = report.findings
    assert finding.name == "L2 penalty gradient missing" and "affine_backward(" in finding.backward.text


def test_zeros_that_are_returned_as_they_are_made_have_the_line_of_the_return():
    def backward(residuals, dy):
        x, w = residuals
        return np.zeros_like(x), x.T @ dy

    (finding,) = check(
        lambda x, w: (x @ w, (x, w)), backward, (RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)))
    ).findings
    assert finding.name == "gradient not written (zeros)" and finding.backward.text.startswith("return np.zeros_like")
