"""The line trace: runs the user's backward and notes every array that it assigns, with the line.

Under a JAX trace the arrays are tracers; they are kept as such, for the caller to evaluate together.
"""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck.autograd.tape import LIBRARIES, Where
from jaxdoodle.gradcheck.compare import multiple
from jaxdoodle.gradcheck.setup.leaves import is_floating

_MOST = 4000  # assignments kept: enough for a network, and a bound on loops
#: Relative distance of arrays that are parallel.
_PARALLEL = 1e-6


@dataclass(frozen=True, eq=False)
class Assignment:
    name: str
    value: Any  # a NumPy array, or a tracer until it is evaluated
    where: Where
    function: str  # file and name of the function that assigned it

    @functools.cached_property
    def spread(self) -> float:
        return spread(self.value)


def assignments(run: Callable[[], Any]) -> list[Assignment]:
    """Every floating array that a variable, dictionary entry or attribute of the user's code came to hold."""
    found: list[Assignment] = []

    def start(frame, event, value):
        file = frame.f_code.co_filename
        if of_library(frame):
            return None
        line, known = frame.f_lineno, {name: _copy(array) for name, array in _arrays(frame.f_locals)}

        def local(frame, event, value):
            nonlocal line
            if len(found) >= _MOST:
                return None
            returned = {"return": value} if event == "return" else {}
            for name, array in _arrays({**frame.f_locals, **returned}):
                # an array counts as changed when its numbers have changed: in-place updates are assignments too
                if name not in known or not _unchanged(known[name], array):
                    known[name] = _copy(array)
                    found.append(Assignment(name, known[name], Where.at(file, line), f"{file}:{frame.f_code.co_name}"))
            line = frame.f_lineno
            return local

        return local

    with contextlib.suppress(Exception), traced_by(start):  # what ran until an exception is written down
        run()
    return found[:_MOST]


@contextlib.contextmanager
def traced_by(start: Callable) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(start)
    try:
        yield
    finally:
        sys.settrace(before)


def of_library(frame: Any) -> bool:
    """Is no code of the user's run? What Python generates for a dataclass belongs to the module of the class."""
    file = frame.f_code.co_filename
    if file.startswith("<"):
        file = frame.f_globals.get("__file__") or file
    return file.startswith(LIBRARIES)


def without_return(run: Callable[[], Any]) -> Where | None:
    """The function whose missing ``return`` is why ``run()`` gives None: the innermost of those that passed it on."""
    ended: list[tuple[Any, bool]] = []

    def local(frame, event, value):
        if event == "return":
            ended.append((frame.f_code, value is None))
        return local

    def start(frame, event, value):
        return None if of_library(frame) else local

    with traced_by(start):
        run()
    silent = [code for code, _ in takewhile(lambda end: end[1], reversed(ended))]
    return Where.at(silent[-1].co_filename, silent[-1].co_firstlineno) if silent else None


def _copy(array: Any) -> Any:
    return array if isinstance(array, jax.core.Tracer) else np.array(array)


def _unchanged(old: Any, value: Any) -> bool:
    if isinstance(old, jax.core.Tracer) or isinstance(value, jax.core.Tracer):
        return old is value
    return old.shape == value.shape and np.array_equal(old, value)


def _arrays(scope: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Floating arrays held by names, and one level into what holds them."""
    torch = sys.modules.get("torch")
    for name, value in list(scope.items()):
        if torch is not None and isinstance(value, torch.Tensor) and value.is_floating_point():
            yield name, value.detach().numpy()
        elif is_floating(value):
            yield name, value
        elif isinstance(value, dict):
            yield from ((f"{name}[{k!r}]", v) for k, v in list(value.items()) if is_floating(v))
        elif isinstance(value, list | tuple) and len(value) <= 32:
            for i, v in enumerate(value):
                if is_floating(v):
                    yield f"{name}[{i}]", v
                elif isinstance(v, dict):
                    yield from ((f"{name}[{i}][{k!r}]", x) for k, x in list(v.items()) if is_floating(x))
        elif hasattr(value, "__dict__") and not callable(value) and not isinstance(value, type):
            yield from ((f"{name}.{k}", v) for k, v in list(vars(value).items()) if is_floating(v))


def spread(x: Any) -> float:
    """The sum of absolute values beside the norm: of parallel arrays the same, and of almost all others not."""
    x = np.abs(np.ravel(np.asarray(x, float)))
    return float(x.sum() / math.sqrt(x @ x)) if x.any() else 0.0


def parallel(value: np.ndarray, target: np.ndarray) -> float | None:
    """By which factor the two hold the same numbers, perhaps transposed or reshaped; None where by none."""
    if value.size != target.size:
        return None
    factors = (multiple(np.ravel(value), np.ravel(t), _PARALLEL) for t in (target, target.T))
    return next((c for c in factors if c), None)


class Numbers:
    """Arrays among which those are found that are parallel to another, without a comparison with each."""

    def __init__(self, arrays: Sequence[np.ndarray]):
        self.arrays = arrays
        self.sizes, self.spreads = np.array([a.size for a in arrays]), np.array([spread(a) for a in arrays])

    def parallel_to(self, value: np.ndarray) -> Iterator[tuple[int, float]]:
        """(index, factor) of each."""
        own = spread(value)
        apart = 10 * _PARALLEL * math.sqrt(value.size) * own
        for i in map(int, np.flatnonzero((self.sizes == value.size) & (np.abs(self.spreads - own) <= apart))):
            if factor := parallel(value, self.arrays[i]):
                yield i, factor


def line_of(target: np.ndarray, log: list[Assignment]) -> Assignment | None:
    """The first assignment whose value is the target, up to a factor."""
    own = spread(target)
    apart = 10 * _PARALLEL * math.sqrt(target.size) * own
    near = (a for a in log if a.value.size == target.size and abs(a.spread - own) <= apart)
    return next((a for a in near if parallel(a.value, target)), None)
