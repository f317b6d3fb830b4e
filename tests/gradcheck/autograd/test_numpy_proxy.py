"""The proxy stands in for NumPy in the user's modules, for the time of a trace."""

import sys
import threading

import numpy as np

from jaxdoodle.gradcheck.autograd.numpy_proxy import traced
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

    assert type(traced(Tape(lambda: None), made)()) is TracedArray
    assert type(made()) is np.ndarray


def test_numpy_that_is_imported_in_the_function_is_the_proxy_too():
    def made():
        from numpy import ones

        return ones(2)

    assert type(traced(Tape(lambda: None), made)()) is TracedArray


def test_another_thread_sees_numpy_itself_while_a_forward_is_traced():
    seen = set()

    def forward(x):
        thread = threading.Thread(target=lambda: seen.add(type(sys.modules[__name__].np).__name__))
        thread.start()
        thread.join()
        return np.zeros_like(x) + x

    traced(Tape(lambda: None), forward)(A)
    assert seen == {"module"}
