"""Check a hand-written backward against an independent gradient, and name its mistakes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Any

import numpy as np

from jaxdoodle.core.types import PyTree, Residuals
from jaxdoodle.gradcheck.diagnosis.evidence import CLOSE, Round
from jaxdoodle.gradcheck.diagnosis.kinks import validate
from jaxdoodle.gradcheck.diagnosis.verdict import diagnose
from jaxdoodle.gradcheck.reference import Oracle, choose, jaxpr_of
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.candidate import Candidate, in_float64
from jaxdoodle.gradcheck.setup.leaves import argument_names, is_floating, leaves
from jaxdoodle.gradcheck.setup.problem import (
    CheckError,
    Point,
    Problem,
    cotangent_first,
    float_outputs,
    numpy_args,
    run_forward,
)
from jaxdoodle.gradcheck.setup.test_points import Outline, TestPoint, batch_axes, test_points

#: Relative distance up to which a right gradient computed in float32 may lie from the oracle's.
_FLOAT32 = 2e-4
_NO_DEMAND: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Options:
    """The keyword arguments that ``check``, ``check_gradient`` and ``check_value_and_grad`` share."""

    oracle: str = "auto"
    dtype: str = "float64"
    demand: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.dtype not in ("float32", "float64"):
            raise CheckError(f"dtype is float32 or float64; got {self.dtype!r}")
        validate(self.demand)


def check(
    forward: Callable[..., tuple[PyTree, Residuals]],
    backward: Callable[[Any, Any], PyTree],
    args: Sequence[PyTree],
    *,
    wrt: Sequence[int] | None = None,
    title: str | None = None,
    oracle: str = "auto",
    dtype: str = "float64",
    demand: Mapping[str, Any] = _NO_DEMAND,
) -> Report:
    """Check a hand-written pair, as ``jax.custom_vjp`` takes it, at several test points.

    Args:
      forward: ``forward(*args) -> (y, residuals)``, in JAX or NumPy. ``y`` is an array or a tree of arrays, any shapes.
      backward: ``backward(residuals, dy) -> cotangents``, one for each argument in ``wrt``, in its shape;
        ``backward(dout, cache)`` is recognized by the names of its parameters. Inside a tree, cotangents are matched
        by structure or, in dictionaries, by name (``dW1`` for ``W1``). ``None`` for an argument leaves it unchecked.
      args: The arguments as they are used: arrays or trees of arrays, JAX or NumPy, any floating dtype.
      wrt: Positions of the arguments that ``backward`` differentiates. Default: all that hold floating arrays.
      title: Heads the report. Default: the name of ``backward``.
      oracle: What computes the right gradient: ``"vjp"`` (JAX), ``"trace"`` (the reverse pass over the traced forward),
        ``"differences"`` (central), ``"complex"`` (complex step), or ``"auto"``, the first of them that can be trusted.
      dtype: ``"float64"`` or ``"float32"``: what ``backward`` computes in. The oracle computes in float64 always.
      demand: One convention where a derivative does not exist: ``{"relu": 0, "abs": 0, "max": "first"}``. Otherwise
        any admissible one passes and is reported.

    Returns:
      The report: true where every gradient is right; otherwise with the mistakes that were found.

    Raises:
      CheckError: The check is impossible: the forward fails, nothing is differentiable, an option is unknown.

    Reference: Griewank and Walther 2008, "Evaluating Derivatives" (reverse mode); Squire and Trapp 1998, "Using Complex
    Variables to Estimate Derivatives of Real Functions" (complex step).
    """
    flip = cotangent_first(backward)

    def pair(*args):
        result = forward(*args)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise CheckError(f"forward returns (output, residuals); got {type(result).__name__}")
        return result

    def candidate(args, dy):
        residuals = pair(*args)[1]
        return backward(dy, residuals) if flip else backward(residuals, dy)

    def value(*args):
        return pair(*args)[0]

    problem = _problem((forward, backward), value, candidate, args, wrt, title)
    return examine(_only_returned(problem), Options(oracle, dtype, demand))


def check_gradient(
    function: Callable[..., Any],
    gradient: Callable[..., PyTree],
    args: Sequence[PyTree],
    *,
    argnums: int | Sequence[int] = 0,
    title: str | None = None,
    oracle: str = "auto",
    dtype: str = "float64",
    demand: Mapping[str, Any] = _NO_DEMAND,
) -> Report:
    """Check the hand-written gradient of a scalar function.

    Args:
      function: ``function(*args) -> value``, a scalar, in JAX or NumPy.
      gradient: ``gradient(*args)``, as ``jax.grad(function, argnums)`` returns it; trees match as in ``check``.
      args: As for ``check``.
      argnums: Position or positions of the arguments that ``gradient`` differentiates, as in ``jax.grad``.
      title: Heads the report. Default: the name of ``gradient``.
      oracle: As for ``check``.
      dtype: As for ``check``.
      demand: As for ``check``.

    Returns:
      The report.

    Raises:
      CheckError: As for ``check``.
    """
    wrt = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    problem = _problem((function, gradient), function, lambda args, _: gradient(*args), args, wrt, title, scalar=True)
    return examine(problem, Options(oracle, dtype, demand))


def check_value_and_grad(
    function: Callable[..., Any],
    value_and_grad: Callable[..., tuple[Any, PyTree]],
    args: Sequence[PyTree],
    *,
    argnums: int | Sequence[int] = 0,
    title: str | None = None,
    oracle: str = "auto",
    dtype: str = "float64",
    demand: Mapping[str, Any] = _NO_DEMAND,
) -> Report:
    """Check a function that returns the value of a scalar function with its hand-written gradient.

    Args:
      function: ``function(*args) -> value``, a scalar, in JAX or NumPy.
      value_and_grad: ``value_and_grad(*args) -> (value, gradient)``, like ``jax.value_and_grad``; both are checked.
      args: As for ``check``.
      argnums: As for ``check_gradient``.
      title: Heads the report. Default: the name of ``value_and_grad``.
      oracle: As for ``check``.
      dtype: As for ``check``.
      demand: As for ``check``.

    Returns:
      The report.

    Raises:
      CheckError: As for ``check``.
    """
    options: dict[str, Any] = {"argnums": argnums, "oracle": oracle, "dtype": dtype, "demand": demand}
    title = title or _title(value_and_grad)
    report = check_gradient(function, lambda *args: value_and_grad(*args)[1], args, title=title, **options)
    with in_float64():
        problem = _problem((function, value_and_grad), function, lambda a, _: None, args, None, title, scalar=True)
        given = numpy_args(problem, tuple(args), np.dtype(report.dtype).type)
        want, got = float(function(*given)), float(value_and_grad(*given)[0])
    if abs(got - want) <= (_FLOAT32 if report.dtype == "float32" else CLOSE) * max(abs(want), 1e-12):
        return report
    sentence = f"the value that comes with the gradients is {got:.9g}; the loss is {want:.9g}"
    return replace(report, findings=(*report.findings, Finding("value is not the loss", sentence)))


def assert_gradients_match(
    forward: Callable[..., tuple[PyTree, Residuals]],
    backward: Callable[[Any, Any], PyTree],
    args: Sequence[PyTree],
    **options: Any,
) -> None:
    """Check a hand-written pair in a test.

    Args:
      forward: As for ``check``.
      backward: As for ``check``.
      args: As for ``check``.
      **options: Any keyword argument of ``check``.

    Raises:
      AssertionError: A gradient is wrong; the message is the whole report.
      CheckError: As for ``check``.
    """
    report = check(forward, backward, args, **options)
    if not report.passed:
        raise AssertionError(str(report))


def _title(function: Callable) -> str:
    inner = getattr(function, "func", function)
    name = getattr(inner, "__qualname__", type(inner).__name__).split("<locals>.")[-1]
    return name.removesuffix("_backward")


def _problem(functions, value, candidate, args, wrt, title, scalar=False) -> Problem:
    """``functions`` are the user's: the forward and the one under test, after which the problem is named."""
    title, args = title or _title(functions[1]), tuple(args)
    if wrt is None:
        holds = [i for i, a in enumerate(args) if any(is_floating(x) for _, x in leaves(a))]
        wrt = holds or [i for i, a in enumerate(args) if any(isinstance(x, float) for _, x in leaves(a))]
    if any(not -len(args) <= i < len(args) for i in wrt):
        raise CheckError(f"{title}: there are {len(args)} arguments; got positions {tuple(wrt)}")
    wrt = tuple(i % len(args) for i in wrt)
    names = tuple(argument_names(functions[0], len(args)))
    problem = Problem(title, args, names, value, candidate, wrt, scalar, functions)
    if not problem.differentiated:
        raise CheckError(f"{title}: no argument to differentiate holds a floating array")
    return problem


def _only_returned(problem: Problem) -> Problem:
    """Leave out arguments whose gradient is ``None`` (labels, for example)."""
    with in_float64():
        by_jax = _traceable(problem)
        first = _first_point(problem, Outline(problem, by_jax))
        gradients = Candidate(problem, "float64", by_jax)(first).gradients
    arguments = {name.partition(".")[0] for name, gradient in gradients.items() if gradient is not None}
    returned = tuple(i for i in problem.wrt if problem.names[i] in arguments)
    return replace(problem, wrt=returned, all_wrt=problem.wrt) if returned else problem


def _first_point(problem: Problem, outline: Outline) -> Point:
    first = next(test_points(problem, outline, {}), None)
    if first is None:
        raise CheckError(f"{problem.title}: the forward gives {_refusal(problem)}; numbers were expected")
    return first.point


# -- the examination -------------------------------------------------------------------------------------------------


def examine(problem: Problem, options: Options) -> Report:
    """Run the candidate at every test point; where it fails, look for the reason."""
    start = time.perf_counter()
    with in_float64():
        by_jax = _traceable(problem)
        outline = Outline(problem, by_jax)
        _first_point(problem, outline)
        points = [at.point for at in islice(test_points(problem, outline, {}), 2)]
        oracle = choose(problem, points, options.oracle)
        axes = batch_axes(problem, outline)
        candidate = Candidate(problem, options.dtype, by_jax)
        rounds: list[Round] = []
        usual = 0.0
        for at in test_points(problem, outline, axes):
            if options.dtype == "float32" and at.name in ("blank input", "ties"):
                continue  # rounding moves values off the kink
            if oracle.name in ("differences", "complex") and len(rounds) >= 4:
                break
            round_ = _round(problem, oracle, candidate, at, options, usual)
            if round_ is None:
                continue
            rounds.append(round_)
            usual = usual or round_.floor
            if len(rounds) == 1 and not round_.got:
                break
        verdict = diagnose(problem, oracle, candidate, rounds, axes, by_jax, options)
    arrays = {problem.short(n): (r.got[n], r.want[n]) for r in reversed(rounds) for n in r.got if n in r.wrong}
    return Report(
        problem.title,
        oracle.note,
        options.dtype,
        tuple(verdict.result(r) for r in rounds),
        verdict.findings,
        verdict.conventions,
        verdict.notes,
        time.perf_counter() - start,
        arrays,
    )


def _traceable(problem: Problem) -> bool:
    with contextlib.suppress(Exception):  # any exception of the user's code: JAX cannot trace it
        jaxpr_of(problem, numpy_args(problem, problem.args))
        return True
    return False


def _refusal(problem: Problem) -> str:
    try:
        y = run_forward(problem, problem.args)
    except CheckError:
        raise
    except Exception as error:
        first_line = (str(error).strip().splitlines() or [""])[0]
        return f"{type(error).__name__}: {first_line[:200]}"
    found = {n: np.asarray(v) for n, v in float_outputs(y).items()}
    return "no floating array" if not found else f"{next(iter(found.values())).ravel()[:1]}"


def _round(
    problem: Problem, oracle: Oracle, candidate: Candidate, at: TestPoint, options: Options, usual: float
) -> Round | None:
    """One test point: the right gradients and the returned ones. ``None`` where the right gradient is not finite."""
    if options.dtype == "float32":
        args = numpy_args(problem, numpy_args(problem, at.point.args, np.float32))
        at = TestPoint(at.name, Point(args, at.point.cotangent), at.special)
    try:
        want = oracle.gradient(at.point)
    except Exception as error:
        if isinstance(error, CheckError) or at.name == "as given":
            raise
        return None
    if any(np.isinf(w).any() or np.isnan(w).all() and w.size for w in want.values()):
        return None
    returned = candidate(at.point)
    size = float(np.sqrt(sum(float(np.nansum(np.square(w))) for w in want.values())))
    exact = _FLOAT32 if options.dtype == "float32" else oracle.tolerance
    if at.special:
        exact = max(exact, 1e-2 if options.dtype == "float32" and at.name == "saturated" else 1e-7)
    got = {n: g for n, g in returned.gradients.items() if g is not None and np.asarray(g).dtype.kind in "fiub"}
    floor = (1e-2 if options.dtype == "float32" else 1e-4) * size
    if at.name in ("blank input", "ties", "saturated"):
        floor = max(floor, 1e-4 * usual)  # where the right gradient vanishes, rounding is all that comes back
    return Round(at, want, returned, got, exact, floor)
