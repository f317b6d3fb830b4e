"""The plain program of a JAX function: without hand-written rules and casts."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck import check

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))


@jax.custom_jvp
def cube(x):
    return x**3


cube.defjvps(lambda t, y, x: 5 * t * x**2)  # wrong on purpose


def scanned(x):
    return jax.lax.scan(lambda c, row: (c, jax.jit(cube)(row)), 0.0, x)[1]


def test_a_rule_of_the_user_is_never_asked_wherever_it_hides():
    for forward in (cube, scanned, jax.vmap(cube)):
        assert check(lambda x, f=forward: (f(x), x), lambda x, dy: 3 * x**2 * dy, (X,)).passed
        assert not check(lambda x, f=forward: (f(x), x), lambda x, dy: 5 * x**2 * dy, (X,)).passed


def test_a_cast_in_the_forward_is_told_and_is_no_mistake():
    def forward(x):
        return jnp.tanh(x.astype(jnp.bfloat16)).astype(x.dtype), x

    report = check(forward, lambda x, dy: dy * (1 - jnp.tanh(x) ** 2), (X,))
    assert report.passed and "casts to bfloat16" in report.notes[0]

    def up_again(x):
        return (x.astype(jnp.bfloat16) * 3).astype(jnp.float32), None

    report = check(up_again, lambda cache, dy: 3 * dy, (X,))
    assert report.passed and "casts to bfloat16" in report.notes[0]

    def in_numpy(x):
        x = np.asarray(x, np.float32)
        return np.tanh(x), x

    report = check(in_numpy, lambda dout, cache: dout * (1 - np.tanh(cache) ** 2), (X,))
    assert report.passed and "casts to float32" in report.notes[0]


def test_where_jax_cannot_differentiate_differences_do():
    def root(a):
        a = jnp.abs(a) + 0.5
        y = jax.lax.while_loop(lambda y: jnp.any(jnp.abs(y * y - a) > 1e-12), lambda y: (y + a / y) / 2, a)
        return y, y

    report = check(root, lambda y, dy: dy / (2 * y), (np.abs(X) + 1,))
    assert report.passed and "central differences" in report.oracle
