"""What functions keep between calls (running averages, layer objects, generators), put back at every call."""

from __future__ import annotations

import copy
import functools
import random
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.copies import names_in
from jaxdoodle.gradcheck.autograd.tape import LIBRARIES
from jaxdoodle.gradcheck.setup.leaves import rebuild

#: Arrays with more entries are taken for data, which no call changes.
_DATA = 1_000_000
#: Names in a program by which it may draw numbers that no seed repeats.
_DRAWS = {"default_rng", "RandomState", "Random", "SystemRandom", "urandom", "secrets", "time", "time_ns", "uuid4"}
_KEPT = (bool, int, float, complex, str, bytes, tuple, type(None))


class State:
    """A snapshot of everything mutable that functions reach through names of their own modules; ``restore`` puts it
    back in place, so that every call finds what the first found."""

    def __init__(self, functions: tuple[Callable, ...]):
        self.codes: dict[types.CodeType, dict[str, Any]] = {}
        self.found: dict[int, tuple[Any, Any]] = {}
        self.globals: list[tuple[dict[str, Any], str, Any]] = []
        self.iterates = False  # an iterator goes on at every call, and cannot be put back
        for function in functions:
            self._function(function)

    def restore(self) -> None:
        for names, name, value in self.globals:
            names[name] = value
        for thing, kept in self.found.values():
            _put_back(thing, kept)

    def replay(self, function: Callable) -> Callable:
        """The function, finding at every call what the first found. What it returns is not what it keeps."""
        if not self.found and not self.globals:
            return function

        @functools.wraps(function)
        def run(*args: Any) -> Any:
            self.restore()
            try:
                return rebuild(function(*args), lambda _, x: x.copy() if type(x) is np.ndarray else x)
            finally:
                self.restore()

        return run

    def draws(self) -> bool:
        """May the functions draw numbers that are not repeated?"""
        return self.iterates or any(_DRAWS & {*code.co_names} for code in self.codes)

    def _function(self, function: Any) -> None:
        while isinstance(function, functools.partial):
            for value in (*function.args, *function.keywords.values()):
                self._keep(value)
            function = function.func
        self._keep(getattr(function, "__self__", None))
        function = getattr(function, "__func__", function)
        function = getattr(function, "__wrapped__", function)
        self._keep(getattr(function, "__self__", None))
        function = getattr(function, "__func__", function)
        code = getattr(function, "__code__", None)
        if not isinstance(function, types.FunctionType) or code is None or code in self.codes:
            return
        if code.co_filename.startswith(LIBRARIES):
            return
        names = self.codes[function.__code__] = function.__globals__
        for cell in function.__closure__ or ():
            if cell != types.CellType():
                self._keep(cell.cell_contents)
        for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._keep(value)
        for name in names_in(function.__code__):
            if name in names:
                value = names[name]
                if isinstance(value, _KEPT) or isinstance(value, np.ndarray):
                    self.globals.append((names, name, value))
                self._keep(value)

    def _keep(self, value: Any) -> None:
        if id(value) in self.found or isinstance(value, types.ModuleType) or isinstance(value, str | bytes):
            return
        if isinstance(value, np.ndarray):
            if value.size <= _DATA and value.dtype != object and value.flags.writeable:
                self.found[id(value)] = value, value.copy()
        elif isinstance(value, np.random.Generator | np.random.RandomState):
            source: Any = value.bit_generator if isinstance(value, np.random.Generator) else value
            self.found[id(value)] = value, copy.deepcopy(source.state) if source is not value else value.get_state()
        elif isinstance(value, random.Random):
            self.found[id(value)] = value, value.getstate()
        elif isinstance(value, dict | list | set):
            self.found[id(value)] = value, copy.copy(value)
            for each in list(value.values() if isinstance(value, dict) else value):
                self._keep(each)
        elif isinstance(value, tuple):
            for each in value:
                self._keep(each)
        elif isinstance(value, types.FunctionType | types.MethodType | functools.partial):
            self._function(value)
        elif isinstance(value, type):
            for each in _methods(value):
                self._function(each)
        elif isinstance(value, Iterator):
            self.iterates = True
        elif hasattr(value, "__dict__") and not _from_library(type(value)):
            self.found[id(value)] = value, dict(vars(value))
            self._keep(type(value))
            for each in list(vars(value).values()):
                self._keep(each)


def _put_back(thing: Any, kept: Any) -> None:
    if isinstance(thing, np.ndarray):
        thing[...] = kept
    elif isinstance(thing, np.random.Generator):
        thing.bit_generator.state = kept
    elif isinstance(thing, np.random.RandomState):
        thing.set_state(kept)
    elif isinstance(thing, random.Random):
        thing.setstate(kept)
    elif isinstance(thing, list):
        thing[:] = kept
    elif isinstance(thing, dict | set):
        thing.clear()
        thing.update(kept)
    else:
        vars(thing).clear()
        vars(thing).update(kept)


def _methods(cls: type) -> Iterator[Any]:
    for base in cls.__mro__:
        if not _from_library(base):
            yield from (getattr(v, "__func__", v) for v in vars(base).values())


def _from_library(cls: type) -> bool:
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return file is None or file.startswith(LIBRARIES)
