"""In which orders a backward may take its arguments, and what a forward may return."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.setup.binding import is_cotangent, is_residuals, split_output

X, W = np.random.default_rng(0).normal(size=(4, 3)), np.random.default_rng(1).normal(size=(3, 2))
#: Parameters of backwards in public code: the incoming gradient first, then last.
FIRST = ("dvalues inputs", "accum_grad layer_input", "gy xw", "dL_dy saved", "outgrad ans", "d z", "error a", "up kept",
         "chain x", "dout cache", "grad_output ctx", "delta inp")  # fmt: skip
LAST = ("residuals dy", "res g", "saved outgrad", "x gy", "inputs dvalues", "ctx grad_output", "a b")


@pytest.mark.parametrize("names", [*FIRST, *LAST])
def test_both_orders_are_tried_where_the_names_do_not_tell(names):
    first, second = names.split()
    dy, y = (first, second) if names in FIRST else (second, first)
    scope = {"np": np}
    exec(f"def backward({first}, {second}):\n    return {dy} * {y} * (1 - {y})", scope)

    def forward(x):
        y = 1 / (1 + np.exp(-x))
        return y, y

    assert check(forward, scope["backward"], (X,)).passed


@pytest.mark.parametrize(
    "backward",
    [
        lambda dout, x, w: (dout @ w.T, x.T @ dout),
        lambda x, w, dout: (dout @ w.T, x.T @ dout),
        lambda x, w, out, dout: (dout @ w.T, x.T @ dout),
        lambda dout, out, x, w: (dout @ w.T, x.T @ dout),
    ],
)
def test_a_forward_without_residuals_is_taken(backward):
    assert check(lambda x, w: x @ w, backward, (X, W)).passed
    assert not check(lambda x, w: 2 * x @ w, backward, (X, W)).passed


def test_the_output_may_come_back_instead_of_the_input():
    assert check(lambda x: np.exp(x), lambda dy, y: dy * y, (X,)).passed


def test_several_outputs_have_a_cotangent_each():
    def forward(x, h):
        a, c = np.tanh(x + h), x * h
        return a, c, (x, h, a)

    def backward(da, dc, cache):
        x, h, a = cache
        ds = da * (1 - a**2)
        return ds + dc * h, ds + dc * x

    assert check(forward, backward, (X, X[::-1].copy())).passed


def test_parameters_with_a_default_get_the_forwards_argument():
    def forward(x, times):
        return x * times, x

    def backward(dout, cache, times=1):
        return dout * times, None

    assert check(forward, backward, (X, 3)).passed


def test_names_and_outputs_are_read():
    assert all(map(is_cotangent, ("dout", "dA", "grad_y", "upstream_gradient", "gy", "dL_dy")))
    assert not any(map(is_cotangent, ("x", "data", "cache", "dim", "w")))
    assert is_residuals("linear_cache") and not is_residuals("x")
    assert split_output((1, 2), 2).kept and not split_output(np.ones(2), 2).kept
    assert split_output((X, X, ()), 3).y == (X, X)


def test_a_certain_name_decides_even_where_the_other_order_is_nearer():
    def forward(x):
        y = x - np.log(np.exp(x).sum(-1, keepdims=True))
        return y, y

    report = check(forward, lambda y, dy: 1 - np.exp(y) * y.shape[-1], (X,))
    assert [f.name for f in report.findings] == ["incoming gradient left out"]


def test_the_first_of_several_outputs_may_be_all_that_has_a_cotangent():
    def forward(x, w):
        h = np.tanh(x @ w)
        return h, 2 * h, (x, w, h)

    def backward(dh, cache):
        x, w, h = cache
        dz = dh * (1 - h**2)
        return dz @ w.T, x.T @ dz

    assert check(forward, backward, (X, W)).passed
