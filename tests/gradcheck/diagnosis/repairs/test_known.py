"""What mended a function, tried in what runs it."""

import ast

import numpy as np
import pytest

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.autograd.tape import Where
from jaxdoodle.gradcheck.diagnosis.repairs.known import _edit
from jaxdoodle.gradcheck.report import Finding

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))


def block_forward(x, w):
    return x + np.tanh(x @ w), (x, w)


def block_backward(dy, cache):
    x, w = cache
    dz = dy * (1 - np.tanh(x @ w) ** 2)
    return dz @ w.T, x.T @ dz


def net_forward(x, w):
    caches = []
    for _ in range(2):
        x, cache = block_forward(x, w)
        caches.append(cache)
    return x, caches


def net_backward(dy, caches):
    dw = 0
    for cache in reversed(caches):
        dy, d = block_backward(dy, cache)
        dw = dw + d
    return dy, dw


@pytest.fixture(scope="module")
def of_block():
    (finding,) = check(block_forward, block_backward, (X, W)).findings
    return finding


def test_the_mistake_of_a_part_is_that_of_what_runs_it_if_mending_it_makes_all_right(of_block):
    (alone,) = check(net_forward, net_backward, (X, W)).findings
    (finding,) = check(net_forward, net_backward, (X, W), known=[of_block]).findings
    assert "recomputed with this mistake" in alone.evidence[0]
    assert (finding.name, finding.backward) == (of_block.name, of_block.backward)
    assert of_block.mended == finding.mended == "return (dz @ w.T + dy, x.T @ dz)"
    assert finding.leaves == ("x", "w") and "the gradient of x, w is right at" in finding.evidence[0]


def test_a_mistake_that_does_not_explain_all_is_not_the_reason(of_block):
    def backward(dy, caches):
        dx, dw = net_backward(dy, caches)
        return dx, 3 * dw

    findings = check(net_forward, backward, (X, W), known=[of_block]).findings
    assert all(finding.backward != of_block.backward or finding.leaves != ("x", "w") for finding in findings)


@pytest.mark.parametrize(
    ("file", "line", "mended", "found"),
    [
        ("here.py", 3, "b = 2", "b = 2"),
        ("here.py", 4, "b = 2", "b = 2"),  # a statement of two lines
        ("here.py", 2, "b = 2", None),
        ("there.py", 3, "b = 2", None),
        ("here.py", 3, "b = 2; c = 3", None),
    ],
)
def test_the_statement_in_the_line_is_exchanged(file, line, mended, found):
    tree = ast.parse("def f(a):\n    if a:\n        b = (1 +\n             a)\n    return b").body[0]
    edit = _edit(tree, "here.py", Finding("wrong", "", (), backward=Where(file, line, ""), mended=mended))
    assert (edit and ast.unparse(edit.new)) == found
    if edit:
        edit.apply()
        assert found in ast.unparse(tree)


def test_a_mistake_without_a_mended_line_is_passed_over():
    assert _edit(ast.parse("def f(): pass").body[0], "here.py", Finding("wrong", "")) is None
