"""The examination: a hand-written backward at every test point, and the reason where it fails."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.conventions import CONVENTIONS, KINK, by_convention
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round
from jaxdoodle.gradcheck.diagnosis.kinks import validate
from jaxdoodle.gradcheck.diagnosis.limits import BEYOND, FAR, beyond
from jaxdoodle.gradcheck.diagnosis.verdict import diagnose, set_sizes_aside
from jaxdoodle.gradcheck.reference import choose, traceable
from jaxdoodle.gradcheck.report import Finding, LeafResult, PointResult, Report
from jaxdoodle.gradcheck.setup.candidate import Candidate, in_float64, raised_at
from jaxdoodle.gradcheck.setup.leaves import is_complex
from jaxdoodle.gradcheck.setup.pairs import first_point
from jaxdoodle.gradcheck.setup.problem import CheckError, Point, Problem, WrongReturnError, in_one_line, numpy_args
from jaxdoodle.gradcheck.setup.test_points import (
    KINKS,
    Outline,
    TestPoint,
    batch_axes,
    is_symmetric,
    symmetrized,
    test_points,
)

#: Relative distance up to which a right gradient computed in float32 may lie from the oracle's.
FLOAT32 = 2e-4
#: How small beside the usual one a gradient is that is rounding.
_VANISHES = 1e-12
#: Points of a forward's usual shapes, by whose values a limit may be passed.
_REACHING = ("random values 1", "as given", "random values 2", "small values", "saturated")


@dataclass(frozen=True)
class Options:
    """The values of ``CheckOptions``."""

    title: str | None = None
    oracle: str = "auto"
    dtype: str = "float64"
    demand: Mapping[str, Any] = field(default_factory=dict)
    conventions: Collection[str] = ()
    known: Sequence[Finding] = ()
    explain: bool = True

    def __post_init__(self) -> None:
        if self.dtype not in ("float32", "float64"):
            raise CheckError(f"dtype is float32 or float64; got {self.dtype!r}")
        unknown = sorted(set(self.conventions) - set(CONVENTIONS))
        if unknown:
            raise CheckError(f"conventions are {', '.join(CONVENTIONS)}; got {unknown[0]!r}")
        validate(self.demand)


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
        case = Case(problem, oracle, candidate, [], axes, by_jax, dict(options.demand), options.dtype, options.known)
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
        notes = set_sizes_aside(rounds)
        case = _straight(case, points, options.conventions)
        rounds = case.rounds
        notes += _beyond_limits(case)
        offers = by_convention(case, options.conventions)
        findings, conventions, remarks = diagnose(case, offers, options.explain)
    arrays = {problem.short(n): (r.got[n], r.want[n]) for r in reversed(rounds) for n in r.got if n in r.wrong}
    return Report(
        problem.title, case.oracle.note, options.dtype, tuple(_result(case, r) for r in rounds), tuple(findings),
        (*conventions, *offers.get("", ()), *(offers.get(KINK, ()) if not conventions else ())),
        (*remarks, *notes, *left_out), time.perf_counter() - start, arrays,
    )  # fmt: skip


def _result(case: Case, r: Round) -> PointResult:
    names = {n: case.problem.short(n) for n in r.got}
    leaves = (LeafResult(names[n], r.want[n].shape, r.figures[n], r.verdict(n)) for n in r.got)
    return PointResult(r.at.name, tuple(leaves))


def _straight(case: Case, points: Sequence[Point], declared: Collection[str]) -> Case:
    """The case with steps of the forward that pass gradients straight through, where that makes a wrong one right."""
    wrong = {n for r in case.rounds for n in r.wrong if r.got[n].shape == r.want[n].shape}
    if not wrong or case.oracle.name != "trace" or not {"straight through", "passed through"} & {*declared}:
        return case
    problem = replace(case.problem, straight=True)
    oracle = choose(problem, points, "trace")
    rounds = [replace(r, want=oracle.gradient(r.at.point)) for r in case.rounds]
    left = {n for r in rounds for n in r.wrong}
    return replace(case, problem=problem, oracle=oracle, rounds=rounds) if left < wrong else case


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
    """One test point: the right gradients and the returned ones.

    ``None`` where the right gradient is not finite, or the forward refuses the point.
    """
    single = case.dtype == "float32"
    if single:
        args = numpy_args(case.problem, numpy_args(case.problem, at.point.args, np.float32))
        at = TestPoint(at.name, Point(args, at.point.cotangent), at.special)
    want = case.oracle.gradient(at.point)
    if any(np.isinf(w).any() or np.isnan(w).all() and w.size for w in want.values()):
        return None
    returned = case.candidate(at.point)
    beside = returned.error if returned.where is None else None  # raised by how the user's code is called
    if beside is not None and not case.rounds and not isinstance(beside, WrongReturnError):
        why = in_one_line(beside)
        raise CheckError(f"{case.problem.title}: no way is known to call its backward ({why})")
    if not case.rounds and returned.gradients and all(map(is_complex, returned.gradients.values())):
        raise CheckError(f"{case.problem.title}: the gradient that comes back is complex: it is not checked")
    if returned.error is not None and case.rounds:
        takes = Outline(case.problem, by_jax=False)
        if takes(case.problem.args) is not None and takes(at.point.args) is None:
            return None  # an index beyond the end, which JAX moves to the end
    size = float(np.sqrt(sum(float(np.nansum(np.square(w))) for w in want.values())))
    exact = FLOAT32 if single else case.oracle.tolerance
    if at.special:
        exact = max(exact, 1e-2 if single and at.name == "saturated" else 1e-7)
    got = {n: g for n, g in returned.gradients.items() if g is not None and np.asarray(g).dtype.kind in "fiub"}
    given = case.problem.arrays(case.problem.args)
    if not case.rounds:
        alike = {n for n, g in got.items() if is_symmetric(g) or not np.any(g)}  # of zeros nobody knows
        case.problem.symmetric.update(n for n in alike if is_symmetric(given[n]))
    for n in (n for n in case.problem.symmetric if n in got and is_symmetric(got[n])):
        want[n] = symmetrized(want[n])
    floor = (1e-2 if single else 1e-4) * size
    usual = next((r.floor for r in case.rounds if r.floor), 0.0)
    if at.name in ("blank input", "ties", "saturated") or floor <= _VANISHES * usual:
        floor = max(floor, 1e-4 * usual)  # where the right gradient vanishes, rounding is all that comes back
    return Round(at, want, returned, got, exact, floor)
