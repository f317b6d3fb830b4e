import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.gradcheck import check, check_gradient

pytestmark = pytest.mark.usefixtures("few_edits")

X = np.random.default_rng(0).normal(size=(3, 4))


@jax.custom_vjp
def wrong_square(x):
    return x**2


wrong_square.defvjp(lambda x: (x**2, x), lambda x, dy: (3 * x * dy,))  # wrong on purpose


def nested(x):
    return jax.lax.scan(lambda c, r: (c, jax.jit(wrong_square)(r)), 0.0, x)[1]


@pytest.mark.parametrize("forward", [wrong_square, nested])
def test_a_custom_vjp_is_never_asked_about_itself(forward):
    report = check(lambda x: (forward(x), x), lambda x, dy: 2 * x * dy, (X,))
    assert report.passed
    assert "without the hand-written rule of wrong_square" in report.oracle
    report = check(lambda x: (forward(x), x), lambda x, dy: 3 * x * dy, (X,))
    assert not report.passed


@pytest.mark.parametrize("oracle", ["trace", "differences"])
def test_every_oracle_passes_the_right_and_fails_the_wrong(oracle):
    def forward(x):
        return np.exp(x) * x, x

    assert check(forward, lambda x, dy: dy * np.exp(x) * (1 + x), (X,), oracle=oracle).passed
    assert not check(forward, lambda x, dy: dy * np.exp(x), (X,), oracle=oracle).passed


def test_code_that_nothing_can_follow_is_checked_by_differences():
    def loss(x):
        return float(np.sum(np.sinc(x)))

    def gradient(x):
        return np.cos(np.pi * x) / x - np.sin(np.pi * x) / (np.pi * x**2)

    report = check_gradient(loss, gradient, (X,))
    assert report.passed and "central differences" in report.oracle
    assert not check_gradient(loss, lambda x: -gradient(x), (X,)).passed


def test_there_is_no_derivative_where_there_is_no_value_or_it_jumps():
    def norm(x):
        return x / jnp.sqrt(jnp.sum(x * x)), x

    def unit(x, dy):
        u, n = norm(x)[0], jnp.sqrt(jnp.sum(x * x))
        return (dy - u * jnp.sum(u * dy)) / n

    assert check(norm, unit, (jnp.arange(1.0, 6.0),)).passed  # 0 / 0 at blank input

    def angle(x, y):
        return np.arctan2(y, x) + np.sqrt(x**2 + y**2), (x, y)

    def backward(residuals, d):
        x, y = residuals
        r = np.sqrt(x**2 + y**2)
        return d * (x / r - y / r**2), d * (y / r + x / r**2)

    assert check(angle, backward, (X, X[:, :1])).passed is False  # the second is not summed
    assert check(angle, backward, (X, X[::-1].copy())).passed


def test_there_is_no_derivative_at_a_jump():
    def forward(x, y):
        return np.arctan2(y, x), (x, y)

    def backward(residuals, dy):
        x, y = residuals
        return -dy * y / (x**2 + y**2), dy * x / (x**2 + y**2)

    x, y = np.array([[-1.0, 0.5], [0.7, -2.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    assert check(forward, backward, (x, y), oracle="differences").passed


def test_a_norm_has_no_derivative_at_zero_that_a_gradient_could_differ_from():
    def spread(x):
        return x.std(axis=0), x

    def backward(dy, x):
        return dy * (x - x.mean(axis=0)) / (len(x) * x.std(axis=0))

    assert check(spread, backward, (np.random.default_rng(0).normal(size=(4, 5)),)).passed
