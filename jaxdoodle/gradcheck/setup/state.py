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
            _KINDS[_kind(thing)][1](thing, kept)

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


#: Kind -> what is kept of a value, and how it is put back.
_KINDS: dict[Any, tuple[Callable, Callable]] = {
    np.ndarray: (np.copy, lambda x, old: x.__setitem__(..., old)),
    np.random.Generator: (
        lambda x: copy.deepcopy(x.bit_generator.state),
        lambda x, old: setattr(x.bit_generator, "state", old),
    ),
    np.random.RandomState: (np.random.RandomState.get_state, np.random.RandomState.set_state),
    random.Random: (random.Random.getstate, random.Random.setstate),
    list: (copy.copy, lambda x, old: x.__setitem__(slice(None), old)),
    dict | set: (copy.copy, lambda x, old: (x.clear(), x.update(old))),
    object: (lambda x: dict(vars(x)), lambda x, old: (x.__dict__.clear(), x.__dict__.update(old))),
}


def _kind(value: Any) -> Any:
    return next(kind for kind in _KINDS if isinstance(value, kind))


def _kept(value: Any) -> Any:
    """What is needed to put a value back; None where it does not change, or is data."""
    if isinstance(value, np.ndarray) and not (value.size <= _DATA and value.dtype != object and value.flags.writeable):
        return None
    plain = isinstance(value, types.FunctionType | types.ModuleType | type) or not hasattr(value, "__dict__")
    if _kind(value) is object and (plain or from_library(type(value))):
        return None
    return _KINDS[_kind(value)][0](value)
