"""The code under test runs as its author would run it, and leaves nothing behind."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck import check

X = np.random.default_rng(0).normal(size=(6, 4))


def test_randomness_of_jax_is_an_argument_like_any_other():
    key = jax.random.key(0)

    def dropped(x, key):
        mask = jax.random.bernoulli(key, 0.5, x.shape).astype(x.dtype) / 0.5
        return x * mask, mask

    for dtype in ("float64", "float32"):
        assert check(dropped, lambda mask, dy: (dy * mask, None), (X, key), dtype=dtype).passed


def test_the_callers_settings_are_left_as_they_were():
    before = jax.config.jax_enable_x64, np.geterr(), np.random.get_state()[1][:5].tolist()
    check(lambda x: (jnp.sin(x), x), lambda x, dy: dy * jnp.cos(x), (X,))
    assert before == (jax.config.jax_enable_x64, np.geterr(), np.random.get_state()[1][:5].tolist())


def test_a_backward_that_ends_the_program_has_raised():
    report = check(lambda x: (x**2, x), lambda x, dy: exit(), (X,))
    assert [f.name for f in report.findings] == ["backward raises SystemExit"]
