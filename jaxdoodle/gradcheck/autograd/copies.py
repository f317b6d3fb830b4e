"""Copies of functions that run with other values behind some of their names, or with other code.

Functions, and the classes, objects and tables that hold them, are copied with global names of their own: the program
they come from is left as it is, also for other threads that run it meanwhile.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import os
import sys
from abc import ABCMeta
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from jaxdoodle.gradcheck.autograd.tape import CHECKER, LIBRARIES

_PACKAGE = str(Path(CHECKER).parent) + os.sep
_NOT_THE_USERS = (*LIBRARIES, _PACKAGE)
_FUNCTIONS: Any = FunctionType | staticmethod | classmethod | property


class Copies:
    """``copies(value)`` is the value with the user's functions in it copied; what holds none stays what it is.

    Args:
      instead: By ``id``, what copies find in the place of a value.
      codes: By code of a function, what its copy runs.
      builtin: Names that copies find among the built-in ones.
    """

    def __init__(
        self, instead: Mapping[int, Any] = {}, codes: Mapping[CodeType, CodeType] = {}, builtin: Mapping[str, Any] = {}
    ):
        self.done, self.codes = dict(instead), codes
        self.builtins = {**vars(builtins), **builtin, "__import__": self._import}
        self.scopes: dict[int, dict[str, Any]] = {}
        self.functions: dict[CodeType, FunctionType] = {}  # the user's that were copied
        self.reached: dict[int, Any] = {}  # all that they reach

    def __call__(self, value: Any) -> Any:
        if id(value) in self.done:
            return self.done[id(value)]
        self.reached[id(value)] = value
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            return MethodType(self(value.__func__), self(value.__self__))
        if isinstance(value, functools.partial):
            return functools.partial(self(value.func), *map(self, value.args), **self._values(value.keywords))
        if isinstance(value, dict | list | tuple):
            return self._table(value)
        if isinstance(value, ModuleType):
            return self._module(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, functools._lru_cache_wrapper) or type(value).__name__ == "PjitFunction":
            new = self(value.__wrapped__)
            return value if new is value.__wrapped__ else new
        return self._object(value)

    def _import(self, *args: Any, **kwargs: Any) -> Any:
        return self(builtins.__import__(*args, **kwargs))

    def _values(self, table: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self(value) for name, value in table.items()}

    def _function(self, function: FunctionType) -> FunctionType:
        code, scope, users = function.__code__, function.__globals__, True
        if code.co_filename.startswith(_NOT_THE_USERS):
            inner = getattr(function, "__wrapped__", None)  # of a decorator
            if not code.co_filename.startswith(_PACKAGE) and (inner is None or self(inner) is inner):
                return function
            users = False  # one that may hold the user's
            if id(function) in self.done:  # the function in it uses the name that holds it
                return self.done[id(function)]
        else:
            self.functions.setdefault(code, function)
            if id(scope) not in self.scopes:
                self.scopes[id(scope)] = {**scope, "__builtins__": self.builtins}
            scope = self.scopes[id(scope)]
        cells = tuple(self._cell(cell) for cell in function.__closure__ or ())
        new = FunctionType(self.codes.get(code, code), scope, function.__name__, None, cells)
        self.done[id(function)] = new
        new.__dict__.update(function.__dict__)
        new.__defaults__ = function.__defaults__ and self(function.__defaults__)
        new.__kwdefaults__ = function.__kwdefaults__ and self._values(function.__kwdefaults__)
        new.__qualname__, new.__module__ = function.__qualname__, function.__module__
        for name in names_in(code) if users else ():
            if name in function.__globals__:
                scope[name] = self(function.__globals__[name])
        for old, cell in zip(function.__closure__ or (), cells, strict=True):
            with contextlib.suppress(ValueError):  # an empty cell
                if cell == CellType():
                    cell.cell_contents = self(old.cell_contents)
        return new

    def _cell(self, cell: CellType) -> CellType:
        return self.done.setdefault(id(cell), CellType())

    def _table(self, value: Any) -> Any:
        self.done[id(value)] = value  # one that holds itself
        entries = list(value.values()) if isinstance(value, dict) else list(value)
        new: list[Any] = [self(entry) for entry in entries]
        if any(a is not b for a, b in zip(new, entries, strict=True)):
            if isinstance(value, dict):
                same = type(value).__new__(type(value))
                same.update(zip(value, new, strict=True))
                self.done[id(value)] = same
            else:
                made = type(value)(*new) if hasattr(value, "_fields") else type(value)(new)
                self.done[id(value)] = made
        return self.done[id(value)]

    def _module(self, module: ModuleType) -> ModuleType:
        file = getattr(module, "__file__", None)
        if not file or os.path.abspath(file).startswith(_NOT_THE_USERS):
            return module
        new = self.done[id(module)] = ModuleType(module.__name__)
        vars(new).update(vars(module))
        vars(new).update(self._values(vars(module)))
        return new

    def _class(self, cls: type) -> type:
        held = {n: v for n, v in vars(cls).items() if isinstance(v, _FUNCTIONS)}
        if type(cls) not in (type, ABCMeta) or "__slots__" in vars(cls):
            return cls
        bases = tuple(map(self, cls.__bases__))
        if id(cls) in self.done:  # a method of a base uses the class
            return self.done[id(cls)]
        if bases == cls.__bases__ and not any(map(_is_users, held.values())):
            return cls
        body = {n: v for n, v in vars(cls).items() if n not in ("__dict__", "__weakref__", "__init_subclass__")}
        new: Any = type(cls)(cls.__name__, bases, {n: body[n] for n in body if n not in held})
        self.done[id(cls)] = new
        for name, value in held.items():
            setattr(new, name, self._method(value))
        if isinstance(cls, ABCMeta):
            new.__abstractmethods__ = cls.__abstractmethods__  # type: ignore[attr-defined]
        return new

    def _method(self, value: Any) -> Any:
        if isinstance(value, property):
            return property(*(f and self(f) for f in (value.fget, value.fset, value.fdel)))
        return type(value)(self(value.__func__)) if isinstance(value, staticmethod | classmethod) else self(value)

    def _object(self, value: Any) -> Any:
        """An object of a class of the user's, or of the checker's that holds one."""
        cls = type(value)
        if not hasattr(value, "__dict__"):
            return value
        plain = cls.__new__ is object.__new__
        new_class = self(cls) if plain else cls
        ours = _file(cls).startswith(_PACKAGE) and not _file(cls).startswith(CHECKER)
        if new_class is not cls or plain and ours:
            new = self.done[id(value)] = object.__new__(new_class)
            vars(new).update(self._values(vars(value)))
            return new
        if not from_library(cls):
            self.done[id(value)] = value
            self._values(vars(value))
        elif hasattr(value, "__wrapped__"):
            self(value.__wrapped__)
        return value


def _file(cls: type) -> str:
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or ""


def from_library(cls: type) -> bool:
    """Is a class not the user's? One of a program that has no file is."""
    return not _file(cls) or _file(cls).startswith(LIBRARIES)


def _is_users(value: Any) -> bool:
    """Is a method written in the user's program, rather than made by a decorator of the library's?"""
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    code = getattr(function, "__code__", None)
    return code is not None and not code.co_filename.startswith((*_NOT_THE_USERS, "<string>"))


def names_in(code: CodeType) -> Iterator[str]:
    """The names that a function uses, in the functions inside it too."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from names_in(inner)
