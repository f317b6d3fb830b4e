"""Find what a user's file defines: pairs ``NAME_forward`` and ``NAME_backward`` (or marked by ``@backward_of``), layers
and losses."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.candidate import in_float64
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.nn.base import Layer, Loss

_MARK = "__gradcheck__"


@dataclass(frozen=True)
class Pair:
    """``args`` are the arguments of ``forward``."""

    name: str
    forward: Callable
    backward: Callable
    args: tuple


def backward_of(forward: Callable, args: Any = None) -> Callable[[Callable], Callable]:
    """Decorator of a backward: names its forward and, if wanted, arguments (a tuple, or a function giving one)."""

    def mark(backward: Callable) -> Callable:
        setattr(backward, _MARK, (forward, args))
        return backward

    return mark


def load(path: Path) -> ModuleType:
    """Import a file by its path; its folder is importable meanwhile. Raises ``CheckError`` naming the file."""
    if not path.is_file():
        raise CheckError(f"{path}: no such file; a Python file with pairs, layers or losses was expected")
    module_spec = importlib.util.spec_from_file_location(f"checked_{path.stem}", path)
    if module_spec is None or module_spec.loader is None:
        raise CheckError(f"{path}: not a Python file")
    module = sys.modules[module_spec.name] = importlib.util.module_from_spec(module_spec)  # dataclasses look there
    sys.path.insert(0, str(path.parent))
    try:
        module_spec.loader.exec_module(module)
    except Exception as error:
        raise CheckError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def pairs(module: ModuleType, path: Path) -> list[Pair]:
    """All pairs of a module, in the order of their backwards. Raises ``CheckError`` where arguments are not known."""
    found = []
    for name, backward in list(vars(module).items()):
        if not callable(backward):
            continue
        stem = name.removesuffix("_backward")
        beside: Any = getattr(module, f"{stem}_forward", None)
        if not hasattr(backward, _MARK) and (stem == name or not callable(beside)):
            continue
        forward, args = getattr(backward, _MARK, (beside, getattr(module, f"{stem}_args", None)))
        args = args() if callable(args) else args
        args = guess(forward) if args is None else tuple(args)
        if args is None:
            raise CheckError(f"{path}: no arguments known for {stem}; define {stem}_args = (x, w, ...)")
        found.append(Pair(stem, forward, backward, args))
    return found


def classes(module: ModuleType) -> list[type]:
    """The classes of a module that ``@jaxdoodle.nn.layer`` or ``@jaxdoodle.nn.loss`` marks."""
    own = [v for v in vars(module).values() if isinstance(v, type) and v.__module__ == module.__name__]
    return [cls for cls in own if issubclass(cls, Layer | Loss) and is_dataclass(cls)]


# -- arguments for a forward that has none ---------------------------------------------------------------------------

#: By the (lower-case) name of a parameter: shapes to try. Samples are 4, features 5, units 3.
_SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "x": ((4, 5), (5, 4), (2, 7, 6, 3), (2, 3, 7, 6)),
    "w": ((5, 3), (3, 5), (3, 2, 3, 2), (2, 3, 3, 2)),
    "b": ((3,), (3, 1), (1, 3), (2,), (2, 1), (1, 1, 1, 2)),
    "gamma": ((5,), (5, 1), (1, 5), (3,)),
    "y": ((4, 5), (5, 4)),
    "mask": ((4, 5), (5, 4), (2, 7, 6, 3)),
}
_ALIKE = {
    "w": ("w", "weight", "weights", "kernel", "filter", "filters", "k", "theta"),
    "b": ("b", "bias", "biases"),
    "gamma": ("gamma", "beta", "scale", "shift"),
    "y": ("y", "t", "target", "targets", "labels", "y_true", "label"),
    "mask": ("mask",),
}


def _kind(name: str) -> str:
    name = name.lower()
    return next((k for k, names in _ALIKE.items() if name in names or name.rstrip("0123456789") in names), "x")


def guess(forward: Callable) -> tuple | None:
    """Arguments that the forward takes and gives finite numbers for: found by trial over common shapes."""
    parameters = [
        p for p in inspect.signature(forward).parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    for shapes in product(*(_SHAPES[_kind(p.name)] for p in parameters)):
        args = tuple(_draw(rng, _kind(p.name), shape) for p, shape in zip(parameters, shapes, strict=True))
        with in_float64():
            try:
                y = forward(*args)[0]
                usable = np.isfinite(np.asarray(y, float)).all()
            except Exception:  # any exception is a refusal: the next shapes
                continue
        if usable:
            return args
    return None


def _draw(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    if kind == "y":
        return np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]
    if kind == "mask":
        return (rng.random(shape) < 0.7).astype(float)
    return rng.normal(size=shape)
