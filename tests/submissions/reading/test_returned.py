"""What a function returns last is known as it is written."""

import pytest

from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.reading.returned import (
    are_of_arguments,
    entries_returned,
    identifiers,
    returned_names,
    unpacking,
)


def joined(w, b):
    if w is None:
        return None
    grads = (2 * w, b)
    return w + b, grads


def with_list(w, b):
    return w + b, [w, 2 * b]


def with_names(w, b):
    dw, db = 2 * w, b
    return w + b, (dw, db)


def with_state(w, state):
    new = state
    return w, (new, state)


def test_entries_are_those_of_the_last_return():
    assert entries_returned(joined) == ["w + b", "grads"] and returned_names(joined) == ["", "grads"]
    assert entries_returned(len) == [] and identifiers(["x", "x[0]", "2"]) == ["x", "", ""]


@pytest.mark.parametrize(
    ("function", "texts", "values"),
    [
        (joined, ["w + b", "2 * w", "b"], (5, 4, 3)),
        (with_list, ["w + b", "w", "2 * b"], (5, 2, 6)),
        (with_names, ["w + b", "dw", "db"], (5, 4, 3)),
        (with_state, ["w", "(new, state)"], (2, (3, 3))),  # a state, and no gradients
    ],
)
def test_gradients_in_a_tuple_or_list_are_returned_entry_by_entry(function, texts, values):
    written, unpacked = unpacking(function)
    assert written == texts and unpacked(function)(2, 3) == values


def test_a_function_that_returns_another_number_of_values_elsewhere_is_told():
    def uneven(w):
        if w < 0:
            return w, w, w
        return w, [w]

    _, unpacked = unpacking(uneven)
    assert unpacked(uneven)(1) == (1, 1)
    with pytest.raises(CheckError, match="uneven returns 3 values, and 2 elsewhere"):
        unpacked(uneven)(-1)


def test_names_of_gradients_are_those_of_arguments_alone():
    of_arguments = are_of_arguments(with_names)
    assert of_arguments("(dw, db)") and of_arguments("[grad_w, g_b]")
    assert not any(map(of_arguments, ("dw", "(dw, other)", "(dw,)", "(w, b)")))
