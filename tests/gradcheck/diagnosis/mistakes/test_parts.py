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


pytestmark = pytest.mark.usefixtures("few_edits")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 4, 5))


def pair(axis, share):
    def forward(x):
        return x.max(axis=axis) * 2, x

    def backward(dout, x):
        y = x.max(axis=axis, keepdims=True)
        return 2 * np.reshape(dout, y.shape) * share(x, y, axis)

    return forward, backward


def beside(hit, axis):
    k = np.ravel(axis)[0]
    return np.take(hit, (np.arange(hit.shape[k]) - 1) % hit.shape[k], axis=k)


@pytest.mark.parametrize("axis", [-1, (0, 2)])
@pytest.mark.parametrize(
    ("share", "name"),
    [
        (lambda x, y, axis: np.ones_like(x), "max-pool gradient to every cell"),
        (lambda x, y, axis: np.full_like(x, y.size / x.size), "average pool's rule for a max pool"),
        (lambda x, y, axis: beside(x == y, axis), "max-pool gradient to the neighbour"),
    ],
)
def test_a_wrong_share_of_a_maximum_is_named(axis, share, name):
    assert [f.name for f in check(*pair(axis, share), (X,)).findings] == [name]


def test_a_window_by_window_maximum_is_wrong_in_all_windows_at_once():
    def forward(x):
        return np.stack([x[:, i : i + 2].max(axis=1) for i in range(0, 4, 2)], axis=1), x

    def backward(dout, x):
        return np.repeat(dout, 2, axis=1)

    (finding,) = check(forward, backward, (RNG.normal(size=(3, 4)),)).findings
    assert finding.name == "max-pool gradient to every cell"
