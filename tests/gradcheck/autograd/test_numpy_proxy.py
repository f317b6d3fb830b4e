"""The proxy stands in for NumPy in the user's modules, for the time of a trace."""

import numpy as np

from jaxdoodle.gradcheck.autograd.numpy_proxy import tracing
from jaxdoodle.gradcheck.autograd.tape import Tape
from jaxdoodle.gradcheck.autograd.traced_array import TracedArray
from jaxdoodle.gradcheck.reference import trace_forward
from jaxdoodle.gradcheck.setup.problem import Point, Problem

A = np.random.default_rng(0).normal(size=(4, 3))


def in_place(x):
    y = np.zeros_like(x)
    y[1:] = x[:-1] * 2
    return y * x


def test_the_users_module_is_left_as_it_was():
    before = dict(globals())
    trace_forward(
        Problem("", (A,), ("a",), in_place, lambda a, d: None, (0,), False, (in_place,)),
        Point((A,), np.ones(A.shape)),
        by_jax=False,
    )
    assert globals() == before
    assert globals()["np"] is np


def test_new_arrays_are_traced_while_tracing_and_plain_afterwards():
    def made():
        return np.zeros(3)

    with tracing(Tape(lambda: None), [made]):
        assert type(made()) is TracedArray
    assert type(made()) is np.ndarray
