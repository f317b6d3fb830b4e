"""Copies of functions find other values behind their names; the program that they come from is left as it is."""

import functools

import numpy as np

from jaxdoodle.gradcheck.autograd.copies import Copies

RATE = 2.0


def double(x):
    return RATE * x


def through_a_name(x):
    return double(x) + 1


@functools.lru_cache
def cached(x):
    return double(x)


class Base:
    def __init__(self):
        self.rate = 1

    def run(self, x):
        return double(x) * self.rate


class Layer(Base):
    def __init__(self):
        super().__init__()
        self.inner = [Base(), {"double": double}]

    def run(self, x):
        return super().run(x) + self.inner[0].run(x) + self.inner[1]["double"](x)

    @property
    def twice(self):
        return double(1)

    @staticmethod
    def plain(x):
        return double(x)


LAYER = Layer()
TABLE = {"double": double, "cached": cached, "layer": LAYER}


def everything(x):
    import math

    held = functools.partial(TABLE["double"], x)
    return [LAYER.run(x), held(), TABLE["cached"](x), LAYER.twice, Layer.plain(x), Layer().run(x), math.floor(x)]


def with_a_triple(function):
    return Copies(codes={double.__code__: (lambda x: 3 * x).__code__})(function)


def test_a_copy_runs_other_code_wherever_a_function_is_reached():
    before = everything(1)
    assert before == [6, 2, 2, 2, 2, 6, 1]
    assert with_a_triple(everything)(1) == [9, 3, 3, 3, 3, 9, 1]
    assert everything(1) == before


def test_a_copy_finds_another_module_behind_a_name_and_behind_an_import():
    class Half:
        tanh = staticmethod(lambda x: x / 2)

    def run(x):
        import numpy

        return np.tanh(x) + numpy.tanh(x)

    assert Copies({id(np): Half})(run)(3.0) == 3.0
    assert run(0.0) == 0.0


def test_what_a_copy_writes_stays_in_the_copy():
    def count():
        global RATE
        RATE += 1
        nonlocal calls
        calls += 1
        LAYER.rate += 1
        return RATE

    calls = 0
    assert Copies()(count)() == 3.0
    assert (RATE, calls, LAYER.rate) == (2.0, 0, 1)


def test_functions_that_call_each_other_are_copied_once():
    copies = Copies()
    assert copies(even) is copies(even)
    assert copies(even)(4) is True
    assert set(copies.functions) == {even.__code__, odd.__code__}


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def test_values_without_functions_are_what_they_were():
    for value in (np.zeros(3), {"w": [1, 2]}, "text", len, np, (1, 2)):
        assert Copies()(value) is value
