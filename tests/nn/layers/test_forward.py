"""What the layers compute, against other people's implementations and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from scipy.signal import correlate

from jaxdoodle.nn import AvgPool2D, BatchNorm, Conv2D, Dense, Dropout, LeakyReLU, MaxPool2D, ReLU
from jaxdoodle.nn.layers.initializers import draw
from jaxdoodle.nn.layers.windows import fold, unfold

RNG = np.random.default_rng(0)


def run(layer, x, params=None, key=None):
    return layer.forward(params or {}, jnp.asarray(x), key=key)[0]


CONVOLUTIONS = [
    Conv2D(3, 3),
    Conv2D(3, (2, 5)),
    Conv2D(2, 4, padding="SAME"),
    Conv2D(2, (3, 2), stride=2, padding="SAME"),
    Conv2D(2, 3, stride=(3, 2)),
    Conv2D(2, 1, stride=4, padding="SAME"),
]


@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("size", [(9, 8), (7, 12)])
def test_conv_is_the_cross_correlation_that_xla_computes(layer, size):
    x, w, b = (
        RNG.normal(size=(2, *size, 3)),
        RNG.normal(size=(*layer.kernel_size, 3, layer.filters)),
        RNG.normal(size=layer.filters),
    )
    dimensions = ("NHWC", "HWIO", "NHWC")
    expected = np.asarray(lax.conv_general_dilated(x, w, layer.stride, layer.padding, dimension_numbers=dimensions))
    np.testing.assert_allclose(run(layer, x, {"w": w, "b": b}), expected + b, atol=1e-12)


@pytest.mark.parametrize("kernel_size", [(3, 3), (2, 4)])
def test_conv_slides_the_kernel_unflipped(kernel_size):
    x, w = RNG.normal(size=(6, 7)), RNG.normal(size=kernel_size)
    found = run(Conv2D(1, kernel_size), x[None, :, :, None], {"w": w[:, :, None, None], "b": np.zeros(1)})
    np.testing.assert_allclose(found[0, :, :, 0], correlate(x, w, "valid"), atol=1e-12)


@pytest.mark.parametrize("layer", [MaxPool2D(), MaxPool2D(3, 2), MaxPool2D((3, 2), (1, 3))], ids=str)
def test_max_pool_and_its_derivative_are_those_of_reduce_window(layer):
    """``reduce_window``, too, gives all of the error to the first of equal winners: here most windows are tied."""
    x = jnp.asarray(RNG.integers(0, 3, (2, 8, 9, 2)).astype(float))
    expected, pull = jax.vjp(
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, *layer.window, 1), (1, *layer.stride, 1), "VALID"), x
    )
    found, residuals = layer.forward({}, x)
    np.testing.assert_array_equal(found, expected)
    dy = jnp.asarray(RNG.normal(size=found.shape))
    np.testing.assert_allclose(layer.backward(residuals, dy)[1], pull(dy)[0], atol=1e-14)


def test_on_blank_paper_the_first_pixel_of_each_tile_wins():
    layer = MaxPool2D()
    _, residuals = layer.forward({}, jnp.zeros((1, 5, 4, 1)))
    _, dx = layer.backward(residuals, jnp.ones((1, 2, 2, 1)))
    expected = [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(dx[0, :, :, 0], expected)


def test_average_pool_drops_what_is_left_over():
    x = np.arange(15.0).reshape(1, 3, 5, 1)
    np.testing.assert_array_equal(run(AvgPool2D(), x)[0, :, :, 0], [[3, 5]])


@pytest.mark.parametrize("window, stride", [((2, 2), (2, 2)), ((3, 2), (1, 2)), ((2, 3), (3, 4))])
def test_fold_is_the_transpose_of_unfold(window, stride):
    x = jnp.asarray(RNG.normal(size=(2, 8, 9, 3)))
    pixels = [jnp.asarray(RNG.normal(size=p.shape)) for p in unfold(x, window, stride)]
    there = sum(jnp.vdot(a, b) for a, b in zip(unfold(x, window, stride), pixels, strict=True))
    back = jnp.vdot(x, fold(pixels, window, stride, (8, 9)))
    np.testing.assert_allclose(there, back, rtol=1e-13)


def test_at_zero_relu_is_off_and_leaky_relu_takes_its_slope():
    for layer, slope in ((ReLU(), 0.0), (LeakyReLU(), 0.1)):
        assert jax.grad(lambda x, layer=layer: layer.forward({}, x)[0])(0.0) == slope
        assert layer.backward(jnp.zeros(()), jnp.ones(()))[1] == slope


@pytest.mark.usefixtures("nans")
def test_relu_passes_nan_on_instead_of_hiding_it():
    assert np.isnan(run(ReLU(), np.array([np.nan])))


@pytest.mark.usefixtures("nans")
@pytest.mark.parametrize("place", range(4))
def test_the_maximum_of_a_window_with_nan_is_nan_wherever_it_is_as_numpy_has_it(place):
    window = np.where(np.arange(4) == place, np.nan, np.arange(4.0)).reshape(1, 2, 2, 1)
    assert np.isnan(run(MaxPool2D(), window)) and np.isnan(MaxPool2D().numpy_forward({}, window))


def test_dropout_drops_the_rate_and_keeps_the_mean():
    x = np.ones((400, 400), np.float32)
    y = np.asarray(run(Dropout(0.8), x, key=jax.random.key(0)))
    assert abs((y == 0).mean() - 0.8) < 0.005 and set(np.unique(y)) == {np.float32(0), np.float32(1) / np.float32(0.2)}
    np.testing.assert_array_equal(run(Dropout(0.8), x), x)


def test_batch_norm_normalizes_in_training_and_remembers_for_evaluation():
    layer = BatchNorm(momentum=0.75)
    x = jnp.asarray(RNG.normal(3, 2, size=(64, 5, 4, 3)))
    params = layer.init(jax.random.key(0), x.shape[1:])
    params = {name: leaf.astype(float) for name, leaf in params.items()}
    y, residuals = layer.forward(params, x, key=jax.random.key(1))
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var((0, 1, 2)), 1, atol=1e-4)
    seen = layer.update_statistics(params, residuals)
    np.testing.assert_allclose(seen["mean"], 0.25 * x.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(seen["var"], 0.75 + 0.25 * x.var((0, 1, 2)), rtol=1e-12)
    y = run(layer, x, {**params, **seen})
    mean, var = (np.asarray(seen[name]) for name in ("mean", "var"))
    np.testing.assert_allclose(y, (np.asarray(x) - mean) / np.sqrt(var + layer.epsilon), rtol=1e-10)


def test_a_bias_of_one_axis_is_added_to_every_row_and_to_no_other_axis():
    """Bhosale's biases of shape (128, 1) would turn a batch of 128 into a square without a word."""
    params = Dense(128).init(jax.random.key(0), (784,))
    assert params["b"].shape == (128,) and run(Dense(128), np.zeros((128, 784), np.float32), params).shape == (128, 128)
    params["b"] = params["b"].at[3].set(1)
    np.testing.assert_array_equal(run(Dense(128), np.zeros((2, 784), np.float32), params)[:, 3], [1, 1])


STDDEVS = {
    "glorot_uniform": np.sqrt(2 / (25 * 16 + 25 * 32)),
    "he_normal": np.sqrt(2 / (25 * 16)),
    "normal(0.001)": 0.001,
    "normal(1)": 1.0,
}


@pytest.mark.parametrize("name", STDDEVS)
def test_initializers_have_their_published_spread(name):
    w = np.asarray(draw(name, jax.random.key(0), (5, 5, 16, 32)))
    assert w.dtype == np.float32
    assert abs(w.std() / STDDEVS[name] - 1) < 0.03 and abs(w.mean()) < 0.03 * STDDEVS[name]
    if name == "glorot_uniform":
        assert abs(w).max() <= np.sqrt(3) * STDDEVS[name]
