import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import InputError
from jaxdoodle.gradcheck import check
from jaxdoodle.plots.gradients import gradient_errors

X, W = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4) / 10


def forward(x, w):
    return x @ w, (x, w)


def right(residuals, dy):
    x, w = residuals
    return dy @ w.T, x.T @ dy


def wrong(residuals, dy):
    dx, dw = right(residuals, dy)
    return dx, 2 * dw


def test_a_wrong_gradient_is_drawn_beside_the_right_one_and_their_difference(pages, tmp_path):
    gradient_errors(check(forward, wrong, (X, W)), tmp_path / "figure.png")
    returned, expected, difference = (axes.images[0].get_array() for axes in pages[-1].axes[:3])
    assert expected.shape == W.shape and np.abs(expected).max() > 0
    np.testing.assert_allclose(returned, 2 * expected, rtol=1e-6)
    np.testing.assert_allclose(difference, returned - expected, rtol=1e-6)
    with Image.open(tmp_path / "figure.png") as image:
        assert image.format == "PNG" and len(image.convert("RGB").getcolors(2**20)) > 4


def test_where_no_gradient_is_wrong_or_another_is_asked_for_nothing_is_drawn(tmp_path):
    with pytest.raises(InputError, match="no gradient is wrong"):
        gradient_errors(check(forward, right, (X, W)), tmp_path / "figure.png")
    with pytest.raises(InputError, match="'x' is not a wrong gradient; wrong are"):
        gradient_errors(check(forward, wrong, (X, W)), tmp_path / "figure.png", "x")
    assert not list(tmp_path.iterdir())
