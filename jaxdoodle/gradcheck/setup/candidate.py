"""Run the candidate: the hand-written backward, in whatever style it is written."""

from __future__ import annotations

import contextlib
import dis
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck.autograd.copies import Copies
from jaxdoodle.gradcheck.autograd.evaluate import evaluate
from jaxdoodle.gradcheck.autograd.tape import LIBRARIES, Where
from jaxdoodle.gradcheck.setup.leaves import is_array, is_real, rebuild
from jaxdoodle.gradcheck.setup.line_trace import Assignment, assignments, without_return
from jaxdoodle.gradcheck.setup.problem import (
    Point,
    Problem,
    WrongReturnError,
    fixed_randomness,
    in_one_line,
    jax_args,
    numpy_args,
    shape_key,
)


@dataclass(frozen=True)
class Returned:
    """Gradients by leaf (None: not returned), with remarks; or the exception, with the line that raised it."""

    gradients: dict[str, Any]
    odd: tuple[str, ...] = ()
    nothing: bool = False
    error: Exception | SystemExit | None = None
    where: Where | None = None


@contextlib.contextmanager
def in_float64() -> Iterator[None]:
    """64-bit types for the time of a check, independent of the caller's setting.

    A candidate that is given float32 runs here too: with 64-bit types off, ``jax.random`` would draw other masks.
    """
    with jax.enable_x64(True), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user's code may warn; a wrong gradient shows in the figures
        yield


class Candidate:
    """Tries a program that JAX traces and NumPy runs, then NumPy arrays, then JAX arrays; keeps to what worked."""

    def __init__(self, problem: Problem, dtype: str, by_jax: bool):
        self.problem, self.dtype = problem, dtype
        self.modes = ("traced", "numpy", "jax") if by_jax else ("numpy",)
        self.programs: dict[Any, Any] = {}

    def __call__(self, point: Point) -> Returned:
        failed = Returned({})
        with in_float64(), fixed_randomness():
            for mode in self.modes:
                try:
                    returned = self._traced(point) if mode == "traced" else self._run(point, mode == "numpy")
                except (Exception, SystemExit) as error:  # of the user's code: perhaps it takes other arrays
                    failed = Returned({}, error=error, where=raised_at(error))
                    continue
                self.modes = (mode,)
                return returned
        return failed

    def changes(self, point: Point) -> dict[str, np.ndarray]:
        """The arrays of the caller's that the backward, and not the forward, changes in place, as they are after it."""
        given = any(isinstance(x, np.ndarray) for x in self.problem.arrays(self.problem.args).values())
        if not given or not _writes(self.problem.candidate):
            return {}
        with in_float64(), fixed_randomness(), contextlib.suppress(Exception):  # then NumPy arrays are not taken
            (before, dy_before), (args, dy), (again, _) = (self._arguments(point, as_numpy=True) for _ in range(3))
            y = self.problem.value(*again)
            self.problem.candidate(args, dy)
            forward, found = self.problem.arrays(again), {"dout": (dy_before, dy)}
            was = self.problem.arrays(before)
            moved = {n for n, old in was.items() if not _same(old, forward[n])}
            if any(np.shape(y) == np.shape(forward[n]) and _same(y, forward[n]) for n in moved):
                found = {}  # a layer that writes over what it is given, in both directions
            found |= {n: (was[n], x) for n, x in self.problem.arrays(args).items() if n not in moved}
            return {n: x for n, (old, x) in found.items() if isinstance(x, np.ndarray) and not _same(old, x)}
        return {}

    def log(self, point: Point) -> list[Assignment]:
        """What the candidate assigned, line by line."""
        with in_float64(), fixed_randomness(), jax.disable_jit(self.modes[0] != "traced"):
            args, cotangent = self._arguments(point, self.modes[0] == "numpy")
            if self.modes[0] != "traced":
                found = assignments(lambda: self.problem.candidate(args, cotangent))
                return [replace(a, value=np.asarray(a.value)) for a in found]
            return self._traced_log(point, self.problem.arrays(args), cotangent)

    def without_return(self, point: Point) -> Where | None:
        """Which function lacks a ``return``."""
        with in_float64(), fixed_randomness(), jax.disable_jit():
            args, cotangent = self._arguments(point, self.modes[0] == "numpy")
            return without_return(lambda: self.problem.candidate(args, cotangent))

    def _traced_log(self, point: Point, arrays: dict[str, Any], cotangent: Any) -> list[Assignment]:
        """All at once: run line by line it would compile every operation by itself."""
        found: list[Assignment] = []

        def run(arrays, cotangent):
            level = next(x._trace for x in jax.tree.leaves(arrays) if isinstance(x, jax.core.Tracer))
            args = self.problem.with_arrays(point.args, arrays)
            with jax.disable_jit():
                log = assignments(lambda: self.problem.candidate(args, cotangent))
            found[:] = [a for a in log if getattr(a.value, "_trace", level) is level]
            return [a.value for a in found]

        values = evaluate(jax.make_jaxpr(run)(arrays, cotangent), jax.tree.leaves((arrays, cotangent)))
        return [replace(a, value=np.asarray(v)) for a, v in zip(found, values, strict=True)]

    def _arguments(self, point: Point, as_numpy: bool) -> tuple[tuple, Any]:
        args = numpy_args(self.problem, point.args, np.dtype(self.dtype).type)
        make: Any = np.array if as_numpy else jnp.asarray  # the user's code may change what it is given

        def cast(_, leaf):
            if is_real(leaf):
                return make(leaf, dtype=self.dtype)
            return make(leaf) if is_array(leaf) else leaf

        cotangent = None if point.cotangent is None else rebuild(point.cotangent, cast)
        return (args if as_numpy else jax_args(self.problem, args)), cotangent

    def _traced(self, point: Point) -> Returned:
        args, cotangent = self._arguments(point, as_numpy=True)
        given, key = (self.problem.arrays(args), cotangent), shape_key(self.problem, args)
        if key not in self.programs:
            told: dict[str, Any] = {}

            def run(arrays, cotangent):
                raw = self.problem.candidate(self.problem.with_arrays(point.args, arrays), cotangent)
                found, told["odd"] = self.problem.pair_up(raw)
                told["nothing"] = raw is None
                return found

            program, shapes = jax.make_jaxpr(run, return_shape=True)(*given)
            self.programs[key] = program, jax.tree.structure(shapes), told
        program, tree, told = self.programs[key]
        found = jax.tree.unflatten(tree, evaluate(program, jax.tree.leaves(given)))
        return _returned(found, told["odd"], told["nothing"])

    def _run(self, point: Point, as_numpy: bool) -> Returned:
        raw = self.problem.candidate(*self._arguments(point, as_numpy))
        return _returned(*self.problem.pair_up(raw), raw is None)


def _returned(found: dict[str, Any], odd: list[str], nothing: bool) -> Returned:
    try:
        return Returned({n: None if g is None else np.array(g) for n, g in found.items()}, tuple(odd), nothing)
    except ValueError as error:
        raise WrongReturnError(f"what came back is no array: {in_one_line(error)}") from error


def _same(a: Any, b: Any) -> bool:
    return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")


#: Methods and arguments by which NumPy code changes an array.
_WRITERS = {"fill", "sort", "put", "copyto", "at", "partition", "resize"}


def _writes(function: Any) -> bool:
    """Is there a statement, in the user's functions that it reaches, that may change an array in place?"""
    survey = Copies()
    survey(function)
    return any(
        "out" in names or _WRITERS & {*code.co_names}
        or any(i.opname == "STORE_SUBSCR" or i.opname == "BINARY_OP" and "=" in i.argrepr
               for i in dis.get_instructions(code))
        for code in survey.functions
        for names in [{n for c in code.co_consts if isinstance(c, tuple) for n in c}]
    )  # fmt: skip


def raised_at(error: BaseException) -> Where | None:
    """The innermost line of the traceback that is the user's."""
    lines = ((frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__))
    own = [at for at in lines if not at[0].startswith(LIBRARIES)]
    return Where.at(*own[-1]) if own else None
