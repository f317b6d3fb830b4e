"""The NumPy proxy: stands in for ``numpy`` in a copy of the user's forward while it is traced.

NumPy's own functions dispatch to traced arrays by themselves; what makes *new* arrays (``np.zeros``) cannot know,
and a value assigned into a plain array would be lost. So those few are replaced, among the names of the copy.
"""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable

import numpy as np

from jaxdoodle.gradcheck.autograd.copies import Copies
from jaxdoodle.gradcheck.autograd.tape import Tape
from jaxdoodle.gradcheck.autograd.traced_array import TracedArray, array, constant, plain


def traced(tape: Tape, function: Callable) -> Callable:
    """A copy of a function in which the arrays that the user's code makes can hold traced values."""
    instead = {id(np): _Numpy(tape), id(math): _Math()}
    instead |= {id(getattr(np, name)): make for name, make in _makers(tape).items()}
    instead |= {id(getattr(math, name)): make for name, make in vars(_Math).items() if not name.startswith("_")}
    return Copies(instead, builtin={"float": _float})(function)


class _FloatType(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, builtins.float)


class _float(builtins.float, metaclass=_FloatType):
    """``float(x)`` that keeps a traced scalar traced; as a dtype it is float64."""

    dtype = np.dtype(builtins.float)

    def __new__(cls, x=0.0):
        return x if type(x) is TracedArray else builtins.float(x)


class _Math:
    """``math`` whose functions take traced scalars."""

    pi, e, inf, nan = math.pi, math.e, math.inf, math.nan
    exp, log, sqrt, tanh, sin = map(staticmethod, (np.exp, np.log, np.sqrt, np.tanh, np.sin))
    cos, tan, sinh, cosh = map(staticmethod, (np.cos, np.tan, np.sinh, np.cosh))
    pow, log10, log2, log1p = map(staticmethod, (np.power, np.log10, np.log2, np.log1p))

    def __getattr__(self, name):
        return getattr(math, name)


def _makers(tape: Tape) -> dict[str, Callable]:
    def new(make, *args, **kwargs):
        value = make(*map(plain, args), **{k: plain(v) for k, v in kwargs.items()})
        return constant(tape, value) if value.dtype.kind == "f" else value

    names = "zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like"
    copies = "array", "asarray", "asanyarray", "ascontiguousarray", "copy"
    made = {name: functools.partial(new, getattr(np, name)) for name in names}
    return made | dict.fromkeys(copies, functools.partial(array, tape))


class _Numpy:
    """The module ``numpy`` with the makers replaced."""

    def __init__(self, tape):
        self.__dict__.update(_makers(tape))

    def __getattr__(self, name):
        return getattr(np, name)
