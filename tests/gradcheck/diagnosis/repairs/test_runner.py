"""The backward run with edited functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.diagnosis.repairs import repair
from jaxdoodle.gradcheck.diagnosis.repairs.runner import counted

RNG = np.random.default_rng(0)


def a_line_or_two(times):
    n = 0
    for _ in range(times):
        n += 1
    return n


def test_calls_that_a_library_makes_to_compile_are_no_endless_loop():
    with counted(3) as count:
        for _ in range(2):
            np.linalg.norm(np.ones(3))
    assert count.calls > 1 and count.lines == 0
    with pytest.raises(RuntimeError, match="does not end"), counted(3):
        a_line_or_two(3)


def scaled_forward(x):
    return jnp.tanh(x) * 3, x


def scaled_backward(dout, x):
    return dout * (1 - jnp.tanh(x) ** 2)


def looped_backward(dout, x):
    return jax.lax.fori_loop(0, 1, lambda _, d: d * (1 - jnp.tanh(x) ** 2), dout)


@pytest.mark.parametrize(("backward", "compiles"), [(scaled_backward, False), (looped_backward, True)])
def test_edited_programs_of_jax_run_its_operations_compiled_unless_they_hold_what_is_compiled_anew(
    backward, compiles, monkeypatch
):
    runners = []
    monkeypatch.setattr(repair, "_best", lambda *given: runners.append(given[5]))
    check(scaled_forward, backward, (RNG.normal(size=(2, 3)),))
    assert runners and {runner.compiles for runner in runners} == {compiles}
    assert min(runner.weight for runner in runners) > 5  # calls within JAX, beside one line of the user's
