"""Every array that the user's code assigns, with its line."""

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Activation
from jaxdoodle.gradcheck.setup.line_trace import assignments, line_of, of_library, parallel, traced_by, without_return


def program():
    a = np.arange(6.0)
    a[0] = 7.0
    table = {"b": a * 2}
    return table["b"]


def test_assignments_in_place_and_into_dictionaries_are_noted():
    log = assignments(program)
    assert [(x.name, x.where.text) for x in log] == [
        ("a", "a = np.arange(6.0)"),
        ("a", "a[0] = 7.0"),
        ("table['b']", 'table = {"b": a * 2}'),
        ("return", 'return table["b"]'),
    ]
    assert line_of(log[2].value * -3, log).where.text == "a[0] = 7.0"


def test_a_program_that_raises_is_noted_up_to_there():
    def broken():
        a = np.ones(2)
        raise ValueError(a)

    assert [x.name for x in assignments(broken)] == ["a"]


def test_the_innermost_function_without_a_return_is_found():
    def inner():
        np.ones(2)

    assert without_return(lambda: inner()).text == "def inner():"


def test_parallel_arrays_are_multiples_of_each_other():
    a = np.arange(6.0).reshape(2, 3)
    assert parallel(a, -2 * a) and parallel(a, a.T * 5) and not parallel(a, a + 1)


def test_what_python_generates_for_a_class_of_a_library_is_not_the_users():
    space, own = {}, {}
    exec("def own(x): return x", space)

    def enter(frame, event, value):
        own[frame.f_code.co_name] = of_library(frame)

    with traced_by(enter):
        Activation(abs, abs)  # a dataclass of the checker
        space["own"](1)
    assert own["__init__"] and not own["own"]
