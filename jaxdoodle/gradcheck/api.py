"""Check a hand-written backward against an independent gradient, and name its mistakes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.core.types import PyTree
from jaxdoodle.gradcheck.autograd.evaluate import by_numpy
from jaxdoodle.gradcheck.conventions import CONVENTIONS, KINK, by_convention
from jaxdoodle.gradcheck.diagnosis.evidence import CLOSE, Case, Round
from jaxdoodle.gradcheck.diagnosis.kinks import validate
from jaxdoodle.gradcheck.diagnosis.limits import BEYOND, FAR, beyond
from jaxdoodle.gradcheck.diagnosis.verdict import diagnose
from jaxdoodle.gradcheck.reference import choose, traceable
from jaxdoodle.gradcheck.report import Finding, LeafResult, PointResult, Report
from jaxdoodle.gradcheck.setup.candidate import Candidate, in_float64, raised_at
from jaxdoodle.gradcheck.setup.leaves import leaves, rebuild
from jaxdoodle.gradcheck.setup.pairs import first_point, gradient_problem, only_returned, pair_problem
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
from jaxdoodle.gradcheck.setup.test_points import KINKS, Outline, TestPoint, batch_axes, dout_factor, test_points

#: Relative distance up to which a right gradient computed in float32 may lie from the oracle's.
_FLOAT32 = 2e-4


#: Points of a forward's usual shapes, by whose values a limit may be passed.
_REACHING = ("random values 1", "as given", "random values 2", "small values", "saturated")


class CheckOptions(TypedDict, total=False):
    """The keyword arguments of every check.

    title: Heads the report. Default: the name of the function under test.
    oracle: What computes the right gradient: ``"trace"`` (the reverse pass over the traced forward),
      ``"differences"`` (central), or ``"auto"``, the first of them that can be trusted.
    dtype: ``"float64"`` or ``"float32"``: what the code under test computes in. The oracle computes in float64 always.
    demand: One convention where a derivative does not exist: ``{"relu": 0, "abs": 0, "max": "first"}``. Otherwise
      any admissible one passes and is reported.
    conventions: Of ``CONVENTIONS``, those that the code under test follows on purpose.
    """

    title: str | None
    oracle: str
    dtype: str
    demand: Mapping[str, Any]
    conventions: Collection[str]


@dataclass(frozen=True)
class Options:
    """The values of ``CheckOptions``."""

    title: str | None = None
    oracle: str = "auto"
    dtype: str = "float64"
    demand: Mapping[str, Any] = field(default_factory=dict)
    conventions: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.dtype not in ("float32", "float64"):
            raise CheckError(f"dtype is float32 or float64; got {self.dtype!r}")
        unknown = sorted(set(self.conventions) - set(CONVENTIONS))
        if unknown:
            raise CheckError(f"conventions are {', '.join(CONVENTIONS)}; got {unknown[0]!r}")
        validate(self.demand)


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
            want, got = map(float, by_numpy(both, problem.arrays(given)))
        except Exception:  # any exception of the user's code: JAX cannot trace it
            want, got = map(float, both(problem.arrays(given)))
    if abs(got - want) <= (_FLOAT32 if report.dtype == "float32" else CLOSE) * max(abs(want), 1e-12):
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
            _check_tangents(pair_problem(forward, backward, given, None, None), jvp, second_order, seed)


#: Relative distance between a tangent by hand and one by central differences (step 1e-5 in float64: about 1e-9).
_TANGENT = 1e-6


def _check_tangents(problem: Problem, jvp: Callable | None, second_order: bool, seed: int) -> None:
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


# -- the examination -------------------------------------------------------------------------------------------------


def examine(problem: Problem, options: Options) -> Report:
    """Run the candidate at every test point; where it fails, look for the reason."""
    start = time.perf_counter()
    with in_float64():
        by_jax = traceable(problem)
        outline = Outline(problem, by_jax)
        first_point(problem, outline)
        points = [at.point for at in islice(test_points(problem, outline, {}), 2)]
        oracle = choose(problem, points, options.oracle)
        axes = batch_axes(problem, outline)
        candidate = Candidate(problem, options.dtype, by_jax)
        case = Case(problem, oracle, candidate, [], axes, by_jax, dict(options.demand), options.dtype)
        rounds, left_out = case.rounds, list[str]()
        for at in test_points(problem, outline, axes):
            if options.dtype == "float32" and at.name in ("blank input", "ties"):
                continue  # rounding moves values off the kink
            if oracle.name == "differences" and len(rounds) >= 4:
                break
            try:
                round_ = _round(case, at)
            except Exception as error:  # any exception of the user's code at values or sizes that it does not take
                if isinstance(error, CheckError) or at.name == "as given":
                    raise
                left_out += [] if raised_at(error) else [f"{at.name!r} was left out: {in_one_line(error)}"]
                continue
            if round_ is None:
                continue
            rounds.append(round_)
            if len(rounds) == 1 and not round_.got:
                break
        notes = _beyond_limits(case)
        offers = by_convention(case, options.conventions)
        findings, conventions, remarks = diagnose(case, offers)
    arrays = {problem.short(n): (r.got[n], r.want[n]) for r in reversed(rounds) for n in r.got if n in r.wrong}
    return Report(
        problem.title,
        oracle.note,
        options.dtype,
        tuple(_result(case, r) for r in rounds),
        tuple(findings),
        (*conventions, *offers.get("", ()), *(offers.get(KINK, ()) if not conventions else ())),
        (*remarks, *notes, *left_out),
        time.perf_counter() - start,
        arrays,
    )


def _result(case: Case, r: Round) -> PointResult:
    names = {n: case.problem.short(n) for n in r.got}
    return PointResult(
        r.at.name, tuple(LeafResult(names[n], r.want[n].shape, r.figures[n], r.verdict(n)) for n in r.got)
    )


def _beyond_limits(case: Case) -> list[str]:
    """More rounds, beyond limits of the forward that no other passes; remarks on those that none passes."""
    rounds = case.rounds
    failed = any(r.wrong and r.at.name not in KINKS or r.returned.error for r in rounds)
    if failed or case.dtype == "float32" or case.oracle.name != "trace":
        return []
    points, notes = beyond(case.problem, [r.at.point for r in rounds if r.at.name in _REACHING], case.by_jax)
    for point in points:
        r = _round(case, TestPoint(BEYOND, point, special=True))
        rounds += [] if r is None else [replace(r, exact=FAR, floor=1e4 * rounds[0].floor)]
    return notes


def _round(case: Case, at: TestPoint) -> Round | None:
    """One test point: the right gradients and the returned ones. ``None`` where the right gradient is not finite."""
    single = case.dtype == "float32"
    if single:
        args = numpy_args(case.problem, numpy_args(case.problem, at.point.args, np.float32))
        at = TestPoint(at.name, Point(args, at.point.cotangent), at.special)
    want = case.oracle.gradient(at.point)
    if any(np.isinf(w).any() or np.isnan(w).all() and w.size for w in want.values()):
        return None
    returned = case.candidate(at.point)
    size = float(np.sqrt(sum(float(np.nansum(np.square(w))) for w in want.values())))
    exact = _FLOAT32 if single else case.oracle.tolerance
    if at.special:
        exact = max(exact, 1e-2 if single and at.name == "saturated" else 1e-7)
    got = {n: g for n, g in returned.gradients.items() if g is not None and np.asarray(g).dtype.kind in "fiub"}
    floor = (1e-2 if single else 1e-4) * size
    if at.name in ("blank input", "ties", "saturated"):
        usual = next((r.floor for r in case.rounds if r.floor), 0.0)
        floor = max(floor, 1e-4 * usual)  # where the right gradient vanishes, rounding is all that comes back
    return Round(at, want, returned, got, exact, floor)
