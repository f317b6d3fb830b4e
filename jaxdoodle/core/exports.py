"""Packages whose names are imported when they are asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["exports"]


def exports(package: str, **modules: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package that imports a module when a name of it is asked for.

    The stub ``__init__.pyi`` beside the package tells type checkers and editors the same names.

    Args:
      package: Its ``__name__``.
      modules: For each of its modules the public names in it, separated by spaces.

    Returns:
      Both functions, and the names, sorted; the first function raises ``AttributeError`` at other names.
    """
    module_of = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)

    return get, lambda: sorted({*vars(sys.modules[package]), *module_of}), sorted(module_of)
