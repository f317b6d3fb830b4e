"""Operators of values of an engine that has them by other names: ``a.mul(b)``, ``mul(a, b)``, ``Mul.apply(a, b)``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.submissions.objects.layer_object import BACKWARD
from jaxdoodle.submissions.reading.source import source_text

#: What an expression calls -> names under which an engine may have it.
_NAMED = {
    "__add__": ("add", "plus"), "__mul__": ("mul", "multiply", "times"), "__sub__": ("sub", "subtract", "minus"),
    "__truediv__": ("div", "truediv", "divide"), "__matmul__": ("matmul", "dot", "mm"), "__neg__": ("neg", "negative"),
    "__pow__": ("pow", "power"), "log_softmax": ("logsoftmax",), "sum": (), "mean": (), "exp": (), "log": (),
    "tanh": (), "relu": (), "sigmoid": (), "square": (), "sqrt": (), "sin": (), "cos": (), "softmax": (),
    **dict.fromkeys(("softplus", "silu", "abs", "leaky_relu", "elu", "gelu", "max", "min", "maximum", "minimum"), ()),
}  # fmt: skip


def with_operators(names: Mapping[str, Any], cls: Any) -> None:
    """Give a class of values the operators that its file has for them by other names.

    Args:
      names: Of the file.
      cls: The class; what it has is left as it is.
    """
    plain = {n.lower(): v for n, v in names.items() if callable(v) and n[0] != "_"}
    for operator, others in _NAMED.items():
        words = (*others, operator) if operator[0] != "_" else others
        method = next((getattr(cls, w) for w in words if callable(getattr(cls, w, None))), None)
        found = (plain.get(w) for w in words)  # how else a class is called than with two values, is not known
        functions = (_function(f, cls) for f in found if operator[0] == "_" or not isinstance(f, type))
        function = next(filter(None, functions), None)
        if not hasattr(cls, operator) and (method or function):
            setattr(cls, operator, method or _of_values(cls, function))


def _of_values(cls: Any, function: Any) -> Callable:
    """A function of the file, where it gives a value: one of the same name may be for arrays."""

    def run(*values: Any) -> Any:
        found = function(*values)
        if not isinstance(found, cls):
            raise AttributeError(f"{type(found).__name__} is no {cls.__name__}")
        return found

    return run


def _function(found: Any, cls: type) -> Callable | None:
    """What takes values and gives one: a function, or a class of an operation."""
    if not inspect.isclass(found):
        return (lambda *values: found(*values)) if hasattr(found, "__code__") else None
    if "backward" not in dir(found) or issubclass(found, cls):
        return None
    if hasattr(found, "apply") and not isinstance(vars(found).get("apply"), property):
        return lambda *values: found.apply(*values)
    makes: Any = found
    return (lambda *values: makes()(*values)) if "__call__" in dir(found) and not required(found) else None


def made(cls: Any, value: Any) -> Any:
    """A number of the engine's, with its gradient where that is asked for (``autograd=False``); some are of arrays."""
    asked = {p.name: True for p in parameters(cls) if p.default is False and re.search("grad", p.name)}
    try:
        return cls(value, **asked)
    except Exception:  # any exception of the user's code
        return cls(np.array(value), **asked)


def computes(names: Mapping[str, Any], cls: Any) -> bool:
    """Does it make values of numbers, with a sum and a product that are values, too?"""
    if {"__add__", "__mul__"} <= {*dir(cls)}:
        return True
    added = {*dir(cls)}
    with_operators(names, cls)
    try:
        a: Any = made(cls, 0.7) if {"__add__", "__mul__"} <= {*dir(cls)} else None
        return isinstance(a * a, cls) and isinstance(a + a, cls)
    except Exception:  # any exception of the user's code: it is something else
        for name in {*dir(cls)} - added:
            delattr(cls, name)
        return False


def untried(cls: Any, expressions: Iterable[str]) -> list[str]:
    """The methods that make values of a class and are in none of these expressions, nor behind an operator."""
    behind = [getattr(cls, n) for n in dir(cls) if n[:2] == "__"]
    own = {n: f for n, f in vars(cls).items() if inspect.isfunction(f) and n[0] != "_" and f not in behind}
    words = " ".join(expressions)
    makes = re.compile(rf"\b{cls.__name__}\(")
    return [n for n, f in own.items() if makes.search(source_text(f)) and f".{n}(" not in words and n not in BACKWARD]
