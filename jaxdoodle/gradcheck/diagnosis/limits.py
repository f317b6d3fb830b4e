"""Limits of a forward: bounds of a clip, that a test point must pass to show them, and constants that guard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import Node, Where
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round
from jaxdoodle.gradcheck.reference import trace_forward
from jaxdoodle.gradcheck.setup.problem import Point, Problem
from jaxdoodle.gradcheck.setup.test_points import scaled

#: A constant this near to 0 or 1 is there against log(0) and 0 / 0; the bound of a clip that is meant is larger.
GUARD = 1e-4
#: The test point beyond a limit, and how many times as large its parameters are: the first factor that passes it.
BEYOND, FACTORS = "beyond a limit", (64.0, 1e3, 1e5)
#: Test points at which values are large.
LARGE = ("saturated", BEYOND)
#: Relative distance at which a gradient is wrong there: a bound such as 20 against an overflow makes 1e-9.
FAR = 1e-3


def beyond(problem: Problem, reached: list[Point], by_jax: bool) -> tuple[list[Point], list[str]]:
    """Points that pass the limits on whose one side every point so far is, and remarks on those that none passes."""
    sides: dict[_Limit, set[bool]] = {}
    found: list[Point] = []
    first = reached[0]
    points = [*reached, *(replace(first, args=scaled(problem, first.args, factor)) for factor in FACTORS)]
    for k, point in enumerate(points):
        try:
            here = _sides(problem, point, by_jax)
        except Exception:  # any exception of the user's code: it cannot be traced, or not at numbers of this size
            return found, []
        open_ = {limit for limit, seen in sides.items() if len(seen) == 1}
        for limit, seen in here.items():
            sides.setdefault(limit, set()).update(seen)
        passed = {limit for limit in open_ if len(sides[limit]) > 1}
        if passed and k >= len(reached):
            found.append(point)
        if not any(len(seen) == 1 for seen in sides.values()):
            break
    left = dict.fromkeys(where for (_, where), seen in sides.items() if len(seen) == 1 and where)
    told = "no test point passes the limit at {} ({}): give arguments that do, and check them, too"
    return found, [told.format(where, where.text) for where in left]


_Limit = tuple[int, Where | None]


def _sides(problem: Problem, point: Point, by_jax: bool) -> dict[_Limit, set[bool]]:
    """For each limit on what depends on a parameter: which sides of it are there?"""
    tape = trace_forward(problem, point, by_jax).tape
    moving = set(tape.moving)
    for index, node in enumerate(tape.nodes):
        if not moving.isdisjoint(node.parents):
            moving.add(index)
    found: dict[_Limit, set[bool]] = {}
    clips = [
        (index, x, node.value == x, node.where)
        for index, node in enumerate(tape.nodes) if index in moving
        for x in _constants(node, _CLIPS)
    ]  # fmt: skip
    for index, limit, side, where in (*clips, *(c for c in tape.comparisons if c[0] in moving)):
        if limit.size and not _guards(limit):
            found.setdefault((index, where), set()).update(np.unique(side).tolist())
    return found


def _guards(constant: np.ndarray) -> bool:
    return constant.size > 0 and any(0 < np.abs(constant - target).max() <= GUARD for target in (0, 1))


def guarded(case: Case, r: Round) -> bool:
    """Does the forward keep a logarithm or a quotient finite by a small constant? It shows at extreme values only."""
    try:
        nodes = trace_forward(case.problem, r.at.point, case.by_jax).tape.nodes
    except Exception:  # any exception of the user's code: it cannot be traced
        return True
    return any(_guards(x) for node in nodes for x in _constants(node, ("add", "where", "subtract", *_CLIPS)))


def guard_bites(case: Case, r: Round) -> bool:
    """Is a value here beyond a guard?"""
    try:
        nodes = trace_forward(case.problem, r.at.point, case.by_jax).tape.nodes
    except Exception:  # any exception of the user's code: it cannot be traced
        return False
    return any(_guards(x) and np.any(node.value == x) for node in nodes for x in _constants(node, _CLIPS))


_CLIPS = ("maximum", "minimum")


def _constants(node: Node, kinds: tuple[str, ...]) -> Iterator[np.ndarray]:
    if node.kind in kinds:
        yield from (x for x, parent in zip(node.inputs, node.parents, strict=True) if parent is None)
