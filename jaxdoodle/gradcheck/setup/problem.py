"""What is checked: a plain forward, a hand-written backward, and the point at which they meet."""

from __future__ import annotations

import contextlib
import functools
import random
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.time_limit import TimeOutError, more_time
from jaxdoodle.gradcheck.setup.leaves import (
    align,
    gradient_of,
    is_array,
    is_complex,
    is_floating,
    is_real,
    leaves,
    named,
    rebuild,
)


def in_one_line(error: BaseException, most: int = 200) -> str:
    """What an exception says, with its kind."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no message'])[0][:most]}"


#: Seconds after the time limit in which a check tells what it knows: the forward may run a few times more.
_TO_TELL = 5.0


def why_it_ended(error: BaseException) -> str:
    """Why a search in the user's code ended early; at the time limit, there is time to tell what is known by then."""
    if isinstance(error, TimeOutError):
        more_time(_TO_TELL)
        return "the time was up"
    return in_one_line(error)


class CheckError(InputError):
    """A check that is impossible: names what was found and what was expected, in one line."""


class WrongReturnError(Exception):
    """A backward returns something else than gradients: its own mistake, though it raises nothing."""


class NotDeterministicError(CheckError):
    """The forward draws other numbers at every call."""


@dataclass(frozen=True)
class Point:
    """Arguments and, for a pair, the cotangent of the output (a tree like the output)."""

    args: tuple
    cotangent: Any = None


@dataclass(frozen=True)
class Problem:
    """``value(*args)`` is the plain forward; ``candidate(args, cotangent)`` returns what the code under test returns.

    ``wrt`` are the positions of the arguments that the returned gradients belong to. A ``scalar`` problem is a loss
    with its gradient: there is no cotangent to choose. ``functions`` are the user's own, for their source lines.
    """

    title: str
    args: tuple
    names: tuple[str, ...]
    value: Callable[..., Any]
    candidate: Callable[[tuple, Any], Any]
    wrt: tuple[int, ...]
    scalar: bool
    functions: tuple[Callable, ...] = field(repr=False, default=())
    all_wrt: tuple[int, ...] | None = None  # the arguments for which a gradient may be returned, None included
    symmetric: set[str] = field(default_factory=set)  # matrices whose gradient is that of symmetric changes
    straight: bool = False  # steps of the forward pass on what comes in

    def tree(self, args: tuple) -> dict[str, Any]:
        return dict(zip(self.names, args, strict=True))

    def arrays(self, args: tuple) -> dict[str, Any]:
        """Every array in the arguments, by name."""
        found = {name: x for name, x in leaves(self.tree(args)) if is_array(x) or name in self.differentiated}
        return {name: np.asarray(x) if isinstance(x, float | np.generic) else x for name, x in found.items()}

    def with_arrays(self, args: tuple, arrays: dict[str, Any]) -> tuple:
        """The same arguments with other arrays. What was a number stays one, and what was an array of none."""

        def put(name: str, leaf: Any) -> Any:
            new = arrays.get(name, leaf)
            number = isinstance(leaf, float | np.generic) and isinstance(new, np.ndarray) and new.ndim == 0
            if isinstance(leaf, np.ndarray) and isinstance(new, np.generic):
                return np.asarray(new)
            return new[()] if number else new

        return tuple(rebuild(self.tree(args), put).values())

    @functools.cached_property
    def differentiated(self) -> tuple[str, ...]:
        """Names of the leaves whose gradient is wanted. A bare Python float counts where there is no array."""
        tree = {self.names[i]: self.args[i] for i in self.wrt}
        found = [name for name, x in leaves(tree) if is_floating(x)]
        return tuple(found or [name for name, x in leaves(tree) if isinstance(x, float)])

    @functools.cached_property
    def programs(self) -> dict[Any, Any]:
        """The forward as JAX sees it, at each ``shape_key`` that was asked for."""
        return {}

    def pair_up(self, returned: Any) -> tuple[dict[str, Any], list[str]]:
        """The returned gradients by leaf (None: not returned), and remarks."""
        wrt = self.wrt if self.all_wrt is None else self.all_wrt
        tree = {self.names[i]: self.args[i] for i in wrt}
        differentiable = [i for i, a in enumerate(self.args) if i in wrt or any(is_complex(x) for _, x in leaves(a))]
        own = hasattr(returned, "_fields") and any(type(returned) is type(a) for a in self.args)
        for each in (range(len(self.args)), differentiable):  # one gradient for every argument, or with complex ones
            one_each = isinstance(returned, tuple | list) and len(returned) == len(each) and not own
            if not self.scalar and one_each and len(each) > len(wrt):
                returned = tuple(g for g, i in zip(returned, each, strict=True) if i in wrt)
        if len(wrt) == 1:
            ((name, only),) = tree.items()
            if isinstance(returned, tuple | list) and len(returned) == 1 and not isinstance(only, tuple | list):
                returned = returned[0]
            by_name = named(returned)
            if by_name is not None and named(only) is None and gradient_of(name, by_name) is not None:
                returned = gradient_of(name, by_name)
            found, odd = align(only, returned, name)
        else:
            found, odd = align(tree, returned)
        return {name: found.get(name) for name in self.differentiated}, odd

    def short(self, name: str) -> str:
        """The leaf's name without the argument's, where all gradients belong to one argument."""
        head = self.names[self.wrt[0]] + "."
        return name.removeprefix(head) if len(self.wrt) == 1 else name


#: Whether ``fixed_randomness`` holds in this thread.
_fixed = ContextVar("_fixed", default=False)


@contextlib.contextmanager
def fixed_randomness() -> Iterator[None]:
    """Forward and backward draw the same numbers each time; the caller's generators are left as they were.

    Inside another it only seeds: to read and write the states of generators takes twenty times as long.
    """
    torch: Any = sys.modules.get("torch")
    outer = _fixed.get()
    if not outer:
        numpy_state, python_state = np.random.get_state(), random.getstate()
        torch_state = None if torch is None else torch.get_rng_state()
    try:
        _fixed.set(True)
        np.random.seed(0)
        random.seed(0)
        if torch is not None:
            torch.default_generator.manual_seed(0)  # ``torch.manual_seed`` keeps the stack for each kind of device
        yield
    finally:
        _fixed.set(outer)
        if not outer:
            np.random.set_state(numpy_state)
            random.setstate(python_state)
            if torch is not None:
                torch.set_rng_state(torch_state)


def float_outputs(y: Any) -> dict[str, Any]:
    """The floating arrays in a forward's output, by name."""
    return {name or "y": v for name, v in leaves(y) if is_real(v)}


def numpy_args(problem: Problem, args: tuple, dtype: Any = np.float64) -> tuple:
    """Fresh NumPy copies of all arrays, floating ones in ``dtype``."""

    def copy(x):
        if not is_array(x):
            return dtype(x)
        if jax.dtypes.issubdtype(x.dtype, jax.dtypes.extended):
            return x
        return np.array(x, dtype=dtype if is_floating(x) else None)

    return problem.with_arrays(args, {name: copy(x) for name, x in problem.arrays(args).items()})


def jax_args(problem: Problem, args: tuple) -> tuple:
    return problem.with_arrays(args, {name: jnp.asarray(x) for name, x in problem.arrays(args).items()})


def shape_key(problem: Problem, args: tuple) -> Any:
    """Equal for arguments at which JAX traces the same program: shapes, dtypes, and what is no array."""
    fixed = [repr(x) for _, x in leaves(problem.tree(args)) if isinstance(x, bool | int | float | str)]
    arrays = problem.arrays(args).items()
    return (*((n, np.shape(x), str(getattr(x, "dtype", ""))) for n, x in arrays), *fixed)


def run_forward(problem: Problem, args: tuple) -> Any:
    """The plain forward on NumPy arrays. Raises what the user's code raises."""
    with fixed_randomness(), np.errstate(all="ignore"):
        return problem.value(*numpy_args(problem, args))
