"""Hand-written forward modes, and derivatives of hand-written backwards, against central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck.reference import choose
from jaxdoodle.gradcheck.setup.candidate import in_float64
from jaxdoodle.gradcheck.setup.leaves import leaves, rebuild
from jaxdoodle.gradcheck.setup.problem import CheckError, Point, Problem, in_one_line, numpy_args

#: Relative distance between a tangent by hand and one by central differences (step 1e-5 in float64: about 1e-9).
_TANGENT = 1e-6


def check_tangents(problem: Problem, jvp: Callable | None, second_order: bool, seed: int) -> None:
    """Raises ``AssertionError`` where the forward mode or the derivative of the backward is wrong."""
    rng = np.random.default_rng(seed)
    with in_float64():
        given = numpy_args(problem, problem.args)
        arrays = problem.arrays(given)
        directions = {n: rng.normal(size=np.shape(arrays[n])) for n in problem.differentiated}

        def moved(step: float) -> tuple:
            return problem.with_arrays(given, {n: arrays[n] + step * d for n, d in directions.items()})

        def judge(what: str, got: Any, high: Any, low: Any) -> None:
            pairs = zip(leaves(got), leaves(high), leaves(low), strict=True)
            for (_, g), (_, h), (_, k) in pairs:
                want = (np.asarray(h, float) - np.asarray(k, float)) / 2e-5
                gap, size = np.linalg.norm(np.asarray(g, float) - want), max(float(np.linalg.norm(want)), 1e-3)
                if not gap <= _TANGENT * size:
                    raise AssertionError(f"{problem.title}: {what} is wrong: off by {gap / size:.1e} of its size")

        high, low = (problem.value(*moved(step)) for step in (1e-5, -1e-5))
        if jvp is not None:
            tangents = problem.with_arrays(jax.tree.map(np.zeros_like, given), directions)
            try:
                tangent = jvp(given, tangents)
            except Exception as error:  # any exception of the user's code
                raise AssertionError(f"{problem.title}: the forward mode (jvp) raises {in_one_line(error)}") from error
            judge("the forward mode (jvp)", tangent, high, low)
        if second_order:
            dy = rebuild(high, lambda _, y: rng.normal(size=np.shape(y)))

            def backward(moving: dict[str, Any]) -> dict[str, Any]:
                returned = problem.pair_up(problem.candidate(problem.with_arrays(given, moving), dy))[0]
                return {n: g for n, g in returned.items() if g is not None}

            oracle = choose(problem, [Point(given, dy)], "auto")
            right = [oracle.gradient(Point(moved(step), dy)) for step in (1e-5, -1e-5)]
            try:
                got = jax.jvp(backward, ({n: jnp.asarray(arrays[n]) for n in directions},), (directions,))[1]
            except Exception as error:  # any exception of the user's code, or of JAX's in it
                told = f"second order needs a backward that JAX can differentiate; it raises {in_one_line(error)}"
                raise CheckError(f"{problem.title}: {told}") from error
            judge("the derivative of backward (second order)", got, *({n: r[n] for n in got} for r in right))
