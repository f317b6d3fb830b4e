"""The NumPy proxy: stands in for ``numpy`` inside the user's modules while their forward is traced.

NumPy's own functions dispatch to traced arrays by themselves; what makes *new* arrays (``np.zeros``) cannot know,
and a value assigned into a plain array would be lost. So those few are replaced, in the user's namespaces, until
the trace ends.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import inspect
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import LIBRARIES, Tape
from jaxdoodle.gradcheck.autograd.traced_array import TracedArray, array, constant, plain

_CHECKER = __package__.rpartition(".")[0]
_NOT_THE_USERS = (*LIBRARIES, str(Path(__file__).absolute().parents[2]) + os.sep)


def namespaces(functions: list[Callable]) -> list[dict]:
    """The global names of the user's functions and of every loaded module that is not an installed library."""
    scopes: list[dict] = []
    for function in functions:
        while isinstance(function, functools.partial):
            function = function.func
        function = inspect.unwrap(getattr(function, "__func__", function))
        scopes.append(getattr(function, "__globals__", {}))
        for cell in getattr(function, "__closure__", None) or ():
            with contextlib.suppress(ValueError):  # an empty cell
                scopes.append(getattr(cell.cell_contents, "__globals__", {}))
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(module, ModuleType) and file and not os.path.abspath(file).startswith(_NOT_THE_USERS):
            scopes.append(vars(module))
    distinct = {id(names): names for names in scopes}
    return [names for names in distinct.values() if not str(names.get("__package__")).startswith(_CHECKER)]


@contextlib.contextmanager
def tracing(tape: Tape, functions: list[Callable]) -> Iterator[None]:
    """Within it, arrays that the user's code makes can hold traced values."""
    instead = {id(np): _Numpy(tape), id(math): _Math()}
    instead |= {id(getattr(np, name)): make for name, make in _makers(tape).items()}
    instead |= {id(getattr(math, name)): make for name, make in vars(_Math).items() if not name.startswith("_")}
    saved: list[tuple[dict, str, Any]] = []
    try:
        for names in namespaces(functions):
            for name, value in list(names.items()):
                if id(value) in instead:
                    saved.append((names, name, value))
                    names[name] = instead[id(value)]
            if "float" not in names:
                saved.append((names, "float", None))
                names["float"] = _float
        yield
    finally:
        for names, name, value in saved:
            if value is None:
                del names[name]
            else:
                names[name] = value


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
