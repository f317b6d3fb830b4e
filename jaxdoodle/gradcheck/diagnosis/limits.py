"""Limits of a forward: bounds of a clip, that a test point must pass to show them, and constants that guard."""

from __future__ import annotations

from collections import Counter
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
    first = reached[min(1, len(reached) - 1)]  # random values: zeros would stay zeros
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
    left = dict.fromkeys(where for (_, where, _), seen in sides.items() if len(seen) == 1 and where)
    told = "no test point passes the limit at {} ({}): give arguments that do, and check them, too"
    return found, [told.format(where, where.text) for where in left]


#: The node that is compared, the line that is told, and how many-th comparison of the node in that line it is.
_Limit = tuple[int, Where | None, int]


def _sides(problem: Problem, point: Point, by_jax: bool) -> dict[_Limit, set[bool]]:
    """For each limit on what depends on a parameter: which sides of it are there?"""
    tape = trace_forward(problem, point, by_jax).tape
    moving = set(tape.moving)
    for index, node in enumerate(tape.nodes):
        if not moving.isdisjoint(node.parents):
            moving.add(index)
    found: dict[_Limit, set[bool]] = {}
    nth: Counter[tuple[int, Where | None]] = Counter()
    nodes = [(index, tape.nodes[index]) for index in sorted(moving)]
    clips = [(index, x, node.value == x, node.where) for index, node in nodes for x in _constants(node, _CLIPS)]
    for index, limit, side, where in (*clips, *(c for c in tape.comparisons if c[0] in moving)):
        if limit.size and not _guards(limit):
            where = where if limit.any() else None  # at zero there is nothing to tell: a variance is never below it
            nth[index, where] += 1
            found.setdefault((index, where, nth[index, where]), set()).update(np.unique(side).tolist())
    return found


def _guards(constant: np.ndarray) -> bool:
    return 0 < _small(constant) <= GUARD


def _small(constant: np.ndarray) -> float:
    """How far a constant is from 0 or 1."""
    return min((float(np.abs(constant - target).max()) for target in (0, 1)), default=0.0) if constant.size else 0.0


def guarded(case: Case, r: Round) -> bool:
    """Does the forward keep a logarithm or a quotient finite by a small constant? It shows at extreme values only."""
    nodes = _nodes(case, r)
    return nodes is None or any(_guards(x) for node in nodes for x in _constants(node, (*_SUMS, *_CHOICES)))


def guard_is_active(case: Case, r: Round) -> bool:
    """Is a value here beyond a guard? False where the forward cannot be traced."""
    clips = ((node, x) for node in _nodes(case, r) or () for x in _constants(node, _CLIPS))
    return any(_guards(x) and np.any(node.value == x) for node, x in clips)


def guard_counts(case: Case, r: Round) -> bool:
    """Is a value here beyond a guard, or so small that what is added to it counts?

    Beside a guard, 1 as the upper bound is one: of a probability.
    """
    nodes = _nodes(case, r)
    if nodes is None or not guarded(case, r):
        return nodes is None
    return any(
        np.any(np.abs(node.value) * GUARD <= _small(x) if node.kind in _SUMS else node.value == x)
        for node in nodes
        for x in _constants(node, (*_SUMS, *_CHOICES))
        if _guards(x) or node.kind == "minimum" and x.size and (x == 1).all()
    )


def _nodes(case: Case, r: Round) -> list[Node] | None:
    """The traced forward; None where it cannot be traced."""
    try:
        return trace_forward(case.problem, r.at.point, case.by_jax).tape.nodes
    except Exception:  # any exception of the user's code
        return None


#: What a guard stands in: it is added, or taken instead.
_SUMS = ("add", "subtract")
_CLIPS = ("maximum", "minimum")
_CHOICES = ("where", *_CLIPS)


def _constants(node: Node, kinds: tuple[str, ...]) -> Iterator[np.ndarray]:
    if node.kind in kinds:
        yield from (x for x, parent in zip(node.inputs, node.parents, strict=True) if parent is None)
