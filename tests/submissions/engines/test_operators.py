"""Engines whose operators are methods, functions or classes."""

import pytest

from jaxdoodle.submissions.engines.operators import computes, made, with_operators


class Value:
    def __init__(self, data):
        self.data = data


class Mul:
    def __call__(self, a, b):
        return type(a)(a.data * b.data)

    def backward(self, g):
        return g, g


def add(a, b):
    return type(a)(a.data + b.data)


def test_operators_are_methods_functions_or_classes_of_the_file():
    cls = type("Other", (Value,), {"sub": lambda a, b: type(a)(a.data - b.data)})
    assert computes({"add": add, "Mul": Mul}, cls)
    a, b = cls(5.0), cls(3.0)
    assert ((a + b).data, (a * b).data, (a - b).data) == (8.0, 15.0, 2.0)


def test_what_computes_nothing_gets_no_operators():
    cls = type("Layer", (Value,), {"add": lambda self, layer: None})
    assert not computes({}, cls) and not hasattr(cls, "__add__")


def test_what_a_class_has_is_left_as_it_is():
    cls = type("Other", (Value,), {"__add__": lambda a, b: "own", "add": add})
    with_operators({}, cls)
    assert cls(1.0) + cls(2.0) == "own"


def test_a_value_may_be_made_of_arrays_alone():
    cls = type("OfArrays", (), {"__init__": lambda self, data: setattr(self, "n", data.shape)})
    assert isinstance(made(cls, 2.0), cls)
    with pytest.raises(TypeError):
        made(type("OfNothing", (), {}), 2.0)


def test_a_function_of_the_file_that_gives_no_value_is_no_operator():
    cls = type("Other", (Value,), {"__add__": add, "__mul__": Mul().__call__})
    with_operators({"sigmoid": lambda v: 1 / (1 + v.data), "add": add}, cls)
    with pytest.raises(AttributeError, match="float is no Other"):
        cls(1.0).sigmoid()
