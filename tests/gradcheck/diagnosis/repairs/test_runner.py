"""The backward run with edited functions."""

import ast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.diagnosis.repairs import repair
from jaxdoodle.gradcheck.diagnosis.repairs.runner import _factors, _node, counted

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


def test_a_lambda_is_found_by_its_line_and_its_arguments():
    text = "pair = lambda x: x, lambda x, g: 2 * x * g\nsame = lambda z: z, lambda z: -z\n"
    tree = ast.parse(text)
    names = {}
    exec(compile(text, "two_lambdas.py", "exec"), names)
    node = _node(tree, names["pair"][1].__code__)
    assert ast.unparse(node.body[0]) == "return 2 * x * g" and _node(tree, names["same"][0].__code__) is None


def test_of_what_the_forward_multiplies_by_names_alone_come_first():
    text = "def f(a, b, c, d):\n    return (a + b) * (c - d) + (d * (a - 1)) @ (b * c)"
    factors = _factors([ast.parse(text).body[0]], {"a", "b", "c", "d"}, ast.Mult)
    assert factors[:3] == ("(d)", "(b)", "(c)") and "(a + b)" in factors
