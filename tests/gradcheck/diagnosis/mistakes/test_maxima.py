"""Who gets the gradient of a maximum: any axes, any windows, in whatever layer."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check

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
