"""Global variables that functions of a file read: which they are, and other values for them.

The file's own names stay as they are: copies of its functions find other ones.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any

from jaxdoodle.submissions.reading.source import source_tree

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


def missing_numbers(names: Mapping[str, Any], *functions: Callable) -> list[str]:
    """Names that functions divide by, and that the file has no value for: the number of examples."""
    read = globals_read(names)
    open_ = set[str]().union(*(read.get(f.__name__, ()) for f in functions)) - names.keys() - {*dir(builtins)}
    own = [f for f in names.values() if _is_own(f, names)]
    nodes = [n for f in own for n in ast.walk(source_tree(f) or ast.Module([], []))]
    over = [n.right for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div)]
    return sorted(open_ & {n.id for right in over for n in ast.walk(right) if isinstance(n, ast.Name)})


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
