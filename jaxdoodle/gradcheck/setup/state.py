"""What functions keep between calls (running averages, layer objects, generators), put back at every call."""

from __future__ import annotations

import copy
import functools
import random
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.copies import Copies, from_library, names_in
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
        reach = Copies()
        for function in functions:
            reach(function)
        self.codes = [*reach.functions]
        named = [(f.__globals__, name) for code, f in reach.functions.items() for name in names_in(code)]
        known = [(names, name, names[name]) for names, name in named if name in names]
        self.globals = [(names, name, x) for names, name, x in known if isinstance(x, (*_KEPT, np.ndarray))]
        kept = ((x, _kept(x)) for x in reach.reached.values())
        self.found = [(x, old) for x, old in kept if old is not None]
        # an iterator goes on at every call, and cannot be put back
        self.iterates = any(isinstance(x, Iterator) for x in reach.reached.values())

    def restore(self) -> None:
        for names, name, value in self.globals:
            names[name] = value
        for thing, kept in self.found:
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


def _kept(value: Any) -> Any:
    """What is needed to put a value back; None where it does not change, or is data."""
    if isinstance(value, np.ndarray):
        return value.copy() if value.size <= _DATA and value.dtype != object and value.flags.writeable else None
    if isinstance(value, np.random.Generator):
        return copy.deepcopy(value.bit_generator.state)
    if isinstance(value, np.random.RandomState):
        return value.get_state()
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, dict | list | set):
        return copy.copy(value)
    plain = isinstance(value, types.FunctionType | types.ModuleType | type) or not hasattr(value, "__dict__")
    return None if plain or from_library(type(value)) else dict(vars(value))


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
