"""Global variables that functions of a file read: which they are, and other values for them.

The file's own names stay as they are: copies of its functions find other ones.
"""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any

#: What the names of arguments end in that become global variables.
GIVEN = "__given"


def globals_read(names: Mapping[str, Any]) -> dict[str, set[str]]:
    """By function of a file, the global names that it reads, and those that functions that it calls read."""
    found = {n: {*_loaded(f.__code__)} for n, f in names.items() if _is_own(f, names)}
    while True:
        more = {n: read.union(*(found.get(r, ()) for r in read)) for n, read in found.items()}
        if more == found:
            return found
        found = more


def with_own_globals(names: Mapping[str, Any]) -> dict[str, Any]:
    """The names of a file, with copies of its functions that find their global variables there."""
    scope = dict(names)
    for n, f in names.items():
        if _is_own(f, names):
            scope[n] = FunctionType(f.__code__, scope, f.__name__, f.__defaults__, f.__closure__)
            functools.update_wrapper(scope[n], f)
            scope[n].__kwdefaults__ = f.__kwdefaults__
    return scope


def putting(shared: Sequence[str], file: str) -> CodeType:
    """The code of a function of a file whose arguments become the global variables of these names."""
    lines = [f"def put({', '.join(n + GIVEN for n in shared)}):", f" global {', '.join(shared)}"]
    text = "\n".join((*lines, *(f" {n} = {n}{GIVEN}" for n in shared), " return {}"))
    return next(c for c in compile(text, file, "exec").co_consts if isinstance(c, CodeType))


def _loaded(code: CodeType) -> Iterator[str]:
    yield from (i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL")
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _loaded(inner)


def _is_own(value: Any, names: Mapping[str, Any]) -> bool:
    return isinstance(value, FunctionType) and value.__globals__.get("__name__") == names.get("__name__")
