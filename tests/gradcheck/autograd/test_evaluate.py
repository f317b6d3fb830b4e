"""NumPy gives what JAX gives for a program of JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxdoodle.gradcheck.autograd.evaluate import PRIMITIVES, by_numpy
from jaxdoodle.gradcheck.setup.candidate import in_float64

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(4, 6)), RNG.normal(size=(6, 3))
PICTURES, KERNELS = RNG.normal(size=(2, 5, 6, 3)), RNG.normal(size=(2, 3, 3, 4))
PROGRAMS = {
    "dense": (lambda x, w: jax.nn.softmax(jnp.tanh(x @ w)), (X, W)),
    "gradient": (jax.grad(lambda x, w: jax.nn.logsumexp(jax.nn.gelu(x @ w))), (X, W)),
    "attention": (lambda q: jnp.einsum("bik,bjk->bij", q, q) / jnp.sqrt(q.shape[-1]), (X.reshape(2, 2, 6),)),
    "convolution": (
        lambda x, k: lax.conv_general_dilated(x, k, (1, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
        (PICTURES, KERNELS)),
    "windows": (jax.grad(lambda x: (lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 1, 1), "SAME") ** 2
                                    ).sum()), (PICTURES,)),
    "padding": (lambda x: lax.pad(x, x.dtype.type(7), [(1, -1, 0), (-2, 3, 2)]), (X,)),
    "scan": (lambda x: lax.scan(lambda h, row: (jnp.sin(h + row),) * 2, x[0], x, reverse=True), (X,)),
    "choices": (lambda x: (jnp.where(x > 0, x, jnp.minimum(x**2, 1 / x**2)), jnp.argmax(x, 1), x.cumsum(1)), (X,)),
    "picked": (
        lambda x, i: (jnp.take(x, i, 0), jnp.zeros_like(x).at[i].add(x[0]), jnp.sort(x, axis=0)),
        (X, np.array([2, 0, 2]))),
    "random": (lambda x: jnp.where(jax.random.bernoulli(jax.random.key(3), 0.5, x.shape), x, 0), (X,)),
    "keys": (
        lambda x: x + sum(jax.random.uniform(key, x.shape, x.dtype) for key in jax.random.split(jax.random.key(3), 3)),
        (X,)),
    "integers": (
        lambda x, i: (x, lax.dot(i, i, preferred_element_type=jnp.int32),
                      lax.shift_right_logical(i, jnp.ones_like(i))),
        (X, np.array([-100, 7, 120], np.int8))),
    "complex": (lambda x: jnp.abs(lax.logistic(lax.complex(x, x))), (X,)),
    "none": (lambda x: {"x": x, "nothing": None}, (X,)),
    "functions": (
        lambda x: [f(x) for f in (jnp.exp2, lax.log1p, lax.expm1, lax.sqrt, lax.cbrt, jnp.abs, lax.rsqrt, lax.sin,
                                  lax.cos, lax.tan, lax.atan, lax.sinh, lax.cosh, lax.square, lax.sign, lax.floor,
                                  lax.ceil, lax.is_finite, lax.logistic, lax.stop_gradient, jnp.copy, lax.exp,
                                  lax.log, lax.tanh)],
        (np.abs(X),)),
    "of two": (
        lambda x, y: [f(x, y) for f in (lax.pow, lax.atan2, lax.rem, lax.max, lax.min, lax.sub, lax.div, lax.gt,
                                        lax.ge, lax.lt, lax.le, lax.eq, lax.ne)]
        + [lax.clamp(x, y, 2 * x), lax.integer_pow(y, -3)],
        (np.abs(X), np.abs(X[::-1]))),
    "bits": (
        lambda x, i: [f(i, i + 1) for f in (lax.bitwise_and, lax.bitwise_or, lax.bitwise_xor, lax.shift_left)]
        + [lax.bitwise_not(i), (x > 0).all(), (x > 0).any(1), lax.iota(int, 3)],
        (X, np.array([1, 7, 5]))),
    "over axes": (lambda x: (x.prod(0), x.min(1), jnp.argmin(x, 0), lax.cumsum(x, 1, reverse=True)), (X,)),
    "moved": (
        lambda x: (jnp.split(x, [1, 3], 1), jnp.flip(x, 1), jnp.squeeze(x[:, :1], 1), lax.expand_dims(x, (1,)),
                   jnp.concatenate([x.T, x.reshape(6, 4)]), x[1:, ::2], jnp.broadcast_to(x[0], (2, 6))),
        (X,)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", PROGRAMS)
def test_numpy_gives_what_jax_gives(name, dtype):
    function, args = PROGRAMS[name]
    args = tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in args)
    with in_float64():
        want, got = function(*args), by_numpy(function, *args)
    assert jax.tree.structure(want) == jax.tree.structure(got)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-12 if dtype == np.float64 else 1e-4, atol=1e-5 * (dtype == np.float32))


def _primitives(jaxpr):
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name
        for value in jax.tree.leaves(eqn.params):
            inside = getattr(value, "jaxpr", value)
            yield from _primitives(inside) if hasattr(inside, "eqns") else ()


def test_every_primitive_that_numpy_runs_is_in_one_of_these_programs():
    with in_float64():
        seen = {p for f, args in PROGRAMS.values() for p in _primitives(jax.make_jaxpr(f)(*args).jaxpr)}
    assert set(PRIMITIVES) <= seen


def test_random_numbers_are_those_of_jax():
    def draw(key):
        a, b = jax.random.split(jax.random.fold_in(key, 7))
        mask = jax.random.bernoulli(a, 0.3, (3, 5))
        return mask, jax.random.normal(b, (4,)), jax.random.bits(a, (2, 3), np.uint8), jax.random.permutation(b, 6)

    key = jax.random.key(3)
    for wide in (True, False):
        with jax.enable_x64(wide):
            for ours, theirs in zip(by_numpy(draw, key), draw(key), strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-6)
