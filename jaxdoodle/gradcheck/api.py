"""Check a hand-written backward against an independent gradient, and name its mistakes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.core.types import PyTree
from jaxdoodle.gradcheck.autograd.evaluate import by_numpy
from jaxdoodle.gradcheck.diagnosis.evidence import CLOSE
from jaxdoodle.gradcheck.examination import FLOAT32, Options, examine
from jaxdoodle.gradcheck.reference import choose
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.candidate import in_float64
from jaxdoodle.gradcheck.setup.leaves import leaves, rebuild
from jaxdoodle.gradcheck.setup.pairs import gradient_problem, only_returned, pair_problem
from jaxdoodle.gradcheck.setup.problem import (
    CheckError,
    NotDeterministicError,
    Point,
    Problem,
    fixed_randomness,
    in_one_line,
    numpy_args,
)
from jaxdoodle.gradcheck.setup.state import State
from jaxdoodle.gradcheck.setup.test_points import dout_factor


class CheckOptions(TypedDict, total=False):
    """The keyword arguments of every check.

    title: Heads the report. Default: the name of the function under test.
    oracle: What computes the right gradient: ``"trace"`` (the reverse pass over the traced forward),
      ``"differences"`` (central), or ``"auto"``, the first of them that can be trusted.
    dtype: ``"float64"`` or ``"float32"``: what the code under test computes in. The oracle computes in float64 always.
    demand: One convention where a derivative does not exist: ``{"relu": 0, "abs": 0, "max": "first"}``. Otherwise
      any admissible one passes and is reported.
    conventions: Of ``CONVENTIONS``, those that the code under test follows on purpose.
    known: Mistakes found in functions that the code under test runs: one that makes all right, mended, is the reason.
    explain: Whether the reason is looked for where a gradient is wrong.
    """

    title: str | None
    oracle: str
    dtype: str
    demand: Mapping[str, Any]
    conventions: Collection[str]
    known: Sequence[Finding]
    explain: bool


def check(
    forward: Callable[..., PyTree],
    backward: Callable[..., PyTree],
    args: Sequence[PyTree],
    *,
    wrt: Sequence[int] | None = None,
    **options: Unpack[CheckOptions],
) -> Report:
    """Check a hand-written pair at several test points.

    Args:
      forward: ``forward(*args) -> (y, residuals)``, in JAX or NumPy, as ``jax.custom_vjp`` takes it. ``y`` is an array
        or a tree of arrays, any shapes. ``y`` alone, and ``(y1, y2, residuals)`` are taken, too.
      backward: ``backward(residuals, dy) -> cotangents``, one for each argument in ``wrt``, in its shape. Parameters
        that are called like the forward's get its arguments; where names do not tell the incoming gradient from the
        residuals, both orders are tried. Inside a tree, cotangents are matched by structure or, in dictionaries, by
        name (``dW1`` for ``W1``). ``None`` for an argument leaves it unchecked; one that is left out is a mistake.
      args: The arguments as they are used: arrays or trees of arrays, JAX or NumPy, any floating dtype.
      wrt: Positions of the arguments that ``backward`` differentiates. Default: all that hold floating arrays.
      **options: See ``CheckOptions``.

    Returns:
      The report: true where every gradient is right; otherwise with the mistakes that were found.

    Raises:
      CheckError: The check is impossible: the forward fails or is not deterministic, nothing is differentiable, an
        option is unknown.

    Reference: Griewank and Walther 2008, "Evaluating Derivatives" (reverse mode).
    """
    chosen = Options(**options)
    return examine(only_returned(pair_problem(forward, backward, args, wrt, chosen.title)), chosen)


def check_gradient(
    function: Callable[..., Any],
    gradient: Callable[..., PyTree],
    args: Sequence[PyTree],
    *,
    argnums: int | Sequence[int] = 0,
    **options: Unpack[CheckOptions],
) -> Report:
    """Check the hand-written gradient of a scalar function.

    Args:
      function: ``function(*args) -> value``, a scalar, in JAX or NumPy.
      gradient: ``gradient(*args)``, as ``jax.grad(function, argnums)`` returns it; trees match as in ``check``.
      args: As for ``check``.
      argnums: Position or positions of the arguments that ``gradient`` differentiates, as in ``jax.grad``.
      **options: See ``CheckOptions``.

    Returns:
      The report.

    Raises:
      CheckError: As for ``check``.
    """
    chosen = Options(**options)
    return examine(gradient_problem(function, gradient, gradient, args, argnums, chosen.title), chosen)


def check_value_and_grad(
    function: Callable[..., Any],
    value_and_grad: Callable[..., tuple[Any, PyTree]],
    args: Sequence[PyTree],
    *,
    argnums: int | Sequence[int] = 0,
    **options: Unpack[CheckOptions],
) -> Report:
    """Check a function that returns the value of a scalar function with its hand-written gradient.

    Args:
      function: ``function(*args) -> value``, a scalar, in JAX or NumPy.
      value_and_grad: ``value_and_grad(*args) -> (value, gradient)``, like ``jax.value_and_grad``; both are checked.
      args: As for ``check``.
      argnums: As for ``check_gradient``.
      **options: See ``CheckOptions``.

    Returns:
      The report.

    Raises:
      CheckError: As for ``check``.
    """
    chosen = Options(**options)
    state = State((function, value_and_grad))
    problem = gradient_problem(function, lambda *a: value_and_grad(*a)[1], value_and_grad, args, argnums, chosen.title)
    report = examine(problem, chosen)
    if not report.leaves:
        return report  # it raises, or gives no gradient
    by_hand = state.replay(value_and_grad)
    with in_float64(), fixed_randomness():
        given = numpy_args(problem, tuple(args), np.dtype(report.dtype).type)

        def both(arrays: dict[str, Any]) -> tuple[Any, Any]:
            args = problem.with_arrays(given, arrays)
            return problem.value(*args), by_hand(*args)[0]

        try:
            want, got = map(np.sum, by_numpy(both, problem.arrays(given)))
        except Exception:  # any exception of the user's code: JAX cannot trace it
            want, got = map(np.sum, both(problem.arrays(given)))
    if abs(got - want) <= (FLOAT32 if report.dtype == "float32" else CLOSE) * max(abs(want), 1e-12):
        return report
    sentence = f"the value that comes with the gradients is {got:.9g}; the loss is {want:.9g}"
    return replace(report, findings=(*report.findings, Finding("value is not the loss", sentence)))


def assert_gradients_match(
    forward: Callable[..., PyTree],
    backward: Callable[..., PyTree],
    args: Sequence[PyTree] | Callable[[np.random.Generator], Sequence[PyTree]],
    *,
    rtol: float | None = None,
    atol: float = 0.0,
    seeds: Sequence[int] = (0,),
    jvp: Callable[[tuple, tuple], PyTree] | None = None,
    second_order: bool = False,
    **options: Unpack[CheckOptions],
) -> None:
    """Check a hand-written pair in a test.

    Args:
      forward: As for ``check``.
      backward: As for ``check``.
      args: As for ``check``, or a function that draws them: ``args(rng)``.
      rtol: Relative L2 distance up to which a gradient passes. Default: what its precision and the oracle's allow.
      atol: Largest error of an entry up to which a gradient passes whatever its relative distance.
      seeds: Where ``args`` is a function: one check for each seed.
      jvp: ``jvp(args, tangents) -> tangent of y``, a hand-written forward mode, checked beside the backward.
      second_order: Check the derivative of ``backward``, too, as ``jax.grad`` of it takes it; needs JAX code.
      **options: See ``CheckOptions``.

    Raises:
      AssertionError: A gradient is wrong, or a function gives other numbers when called again; the message is the
        whole report.
      CheckError: As for ``check``.
    """
    for seed in seeds if callable(args) else (0,):
        given = args(np.random.default_rng(seed)) if callable(args) else args
        try:
            report = check(forward, backward, given, **options)
        except NotDeterministicError as error:
            raise AssertionError(str(error)) from None
        near, far = set[str](), set[str]()
        for point in report.test_points:
            for r in point.leaves:
                fits = r.verdict != "wrong" if rtol is None else r.figures.rel_l2 <= rtol
                fits = fits or r.figures.max_error <= atol * max(1.0, dout_factor(point.name))
                (near if fits else far).add(r.name)
        if far or any(not f.leaves or not set(f.leaves) <= near for f in report.findings):
            raise AssertionError(str(report))
        if jvp is not None or second_order:
            check_tangents(pair_problem(forward, backward, given, None, None), jvp, second_order, seed)


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
