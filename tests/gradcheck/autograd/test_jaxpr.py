"""JAX functions interpreted on a tape: against ``jax.grad``."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.reference import trace_forward
from jaxdoodle.gradcheck.setup.problem import Point, Problem

pytestmark = pytest.mark.usefixtures("few_edits")

RNG = np.random.default_rng(0)
X, IMAGE, KERNEL = RNG.normal(size=(4, 3)), RNG.normal(size=(2, 5, 4, 2)), RNG.normal(size=(3, 2, 2, 3))


def scanned(x):
    return jax.lax.scan(lambda carry, row: (jnp.tanh(carry + row), carry * row), x[0], x)[1]


def looped(x):
    return jax.lax.fori_loop(0, 3, lambda i, y: jnp.sin(y) * (i + 1.0), x)


FUNCTIONS = {
    "activations": lambda x: jax.nn.gelu(x) + jax.nn.sigmoid(x) * jax.nn.softplus(x) + jax.nn.relu(x) + jax.nn.elu(x),
    "log softmax": lambda x: jax.nn.log_softmax(x) + jax.nn.logsumexp(x, axis=0),
    "product": lambda x: jnp.einsum("ij,kj->ik", x, x**2),
    "indices": lambda x: x[jnp.array([0, 2, 2]), jnp.array([1, 1, 0])] * jnp.take(x, 1, axis=1)[:3],
    "jit inside": lambda x: jax.jit(jnp.tanh)(x) / jnp.sqrt(1 + jnp.square(x)),
    "scan": scanned,
    "loop": looped,
    "branch": lambda x: jax.lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x),
    "complex numbers": lambda x: jnp.abs(jnp.fft.fft(x)) * jnp.imag(jnp.exp(jax.lax.complex(x, 2 * x))),
    "shapes": lambda x: jnp.concatenate([x.T.reshape(-1), jnp.pad(x, 1).ravel(), jnp.flip(x, 0).ravel()]) ** 3,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_reverse_pass_over_an_interpreted_jaxpr_is_that_of_jax(name):
    function = FUNCTIONS[name]
    seed = RNG.normal(size=jax.eval_shape(function, X).shape)
    problem = Problem("", (X,), ("x",), function, lambda a, d: None, (0,), False)
    trace = trace_forward(problem, Point((X,), seed), by_jax=True)
    got = trace.tape.leaf_values(trace.tape.reverse(trace.seeds))["x"]
    want = jax.grad(lambda x: (function(x) * seed).sum())(X)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_equations_know_the_line_they_came_from():
    problem = Problem("", (X,), ("x",), FUNCTIONS["loop"], lambda a, d: None, (0,), False)
    tape = trace_forward(problem, Point((X,), np.ones(X.shape)), by_jax=True).tape
    assert "jnp.sin(y)" in {n.where.text for n in tape.nodes if n.kind == "sin"}.pop()


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
