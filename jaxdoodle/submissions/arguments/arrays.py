"""Arrays as people hold them: tensors of torch, and lists of lists of numbers; and slopes of what takes them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.leaves import is_array, leaves, rebuild
from jaxdoodle.submissions.arguments.by_name import Probe

#: The step of differences, and the relative distance of a right slope from them.
_STEP, NEAR = 1e-5, 1e-5


def slope(value: Callable[[float], Any]) -> Any:
    """Of a function of a step, at zero: central differences."""
    return (value(_STEP) - value(-_STEP)) / (2 * _STEP)


def is_tensor(x: Any) -> bool:
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def as_tensors(tree: Any) -> Any:
    torch: Any = sys.modules["torch"]
    return rebuild(tree, lambda _, x: torch.tensor(np.asarray(x)) if is_array(x) and type(x) is not np.float64 else x)


def as_numbers(tree: Any) -> Any:
    return rebuild(tree, lambda _, x: x.detach().numpy() if is_tensor(x) else x)


def in_torch(function: Callable) -> bool:
    """Does the file of a function name torch, or something of its? ``x.mm(w)`` does not."""
    names = getattr(function, "__globals__", {}).values()
    return any(str(getattr(v, "__module__", None) or getattr(v, "__name__", "")).startswith("torch") for v in names)


def taking_tensors(function: Callable) -> Callable:
    """A function of tensors as one of NumPy arrays."""

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        return as_numbers(function(*(a if isinstance(a, Probe) else as_tensors(a) for a in args)))

    return run


def is_table(x: Any, whole: bool = False) -> bool:
    """Is it a list of numbers, or of such lists, of equal lengths? ``whole``: of whole numbers, too."""
    numbers = [v for _, v in leaves(x)] if isinstance(x, list) else []
    kinds = int | float if whole else float
    if not numbers or not all(isinstance(v, kinds) and not isinstance(v, bool) for v in numbers):
        return False
    return lengths(x) is not None


def lengths(x: Any) -> tuple[int, ...] | None:
    """As ``np.shape``; ``None`` of uneven lists."""
    if not isinstance(x, list):
        return np.shape(x)
    rows = {lengths(row) for row in x}
    inner = rows.pop() if len(rows) == 1 else None
    return None if inner is None else (len(x), *inner)


def shapes_of(given: Any) -> list[tuple[int, ...] | None]:
    """Of the gradients that a backward returns; a list may be one, or hold them."""
    several = given.values() if isinstance(given, dict) else given if isinstance(given, tuple) else [given]
    several = [*several, *(given if isinstance(given, list) else ())]
    return [lengths(g) for g in several if g is not None]


def taking_lists(function: Callable, places: Sequence[int]) -> Callable:
    """A function of nested lists as one of NumPy arrays."""

    def lists(x: Any) -> Any:
        return [lists(x[k]) for k in range(len(x))] if np.ndim(x) else x

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        return function(*(lists(a) if k in places else a for k, a in enumerate(args)))

    return run
