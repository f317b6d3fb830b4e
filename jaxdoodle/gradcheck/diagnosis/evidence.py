"""The evidence of a diagnosis: the traced forward, the right gradients and the returned ones at a test point."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part, recognize
from jaxdoodle.gradcheck.autograd.tape import Step, Tape, Where
from jaxdoodle.gradcheck.compare import Comparison, close, compare
from jaxdoodle.gradcheck.diagnosis import shapes
from jaxdoodle.gradcheck.reference import Oracle, trace_forward
from jaxdoodle.gradcheck.report import Finding
from jaxdoodle.gradcheck.setup.candidate import Candidate, Returned
from jaxdoodle.gradcheck.setup.line_trace import Assignment
from jaxdoodle.gradcheck.setup.problem import Point, Problem
from jaxdoodle.gradcheck.setup.test_points import TestPoint


class Rank(IntEnum):
    """What a mistake leaves open: of two that explain the same, the one that leaves less open is told, since it fits by
    coincidence more rarely."""

    PLACE = 0  # nothing: the right numbers in another place, or none
    FORMULA = 1  # which wrong formula of a part
    EVERYWHERE = 2  # the same in all parts of a kind
    PENALTY = 3  # the number that a penalty is multiplied by
    SUM = 4  # what a sum runs over, or the order of axes
    COUNT = 5  # a number that the forward has, or the size of the batch
    PATH = 6  # which of several paths is left out
    NUMBER = 7  # any number
    ANYTHING = 8  # any line, or any multiple of an array


@dataclass(frozen=True)
class Hypothesis:
    """A mistake whose gradients can be recomputed.

    ``name`` is the class of the bug, ``sentence`` what was done and what is right. ``changes`` replaces steps of the
    reverse pass; ``leaves`` gives the gradients of some leaves outright. A ``fit`` hypothesis leaves one number open:
    gradients are ``base + (c - 1) * direction``, and ``words(c)`` gives name and sentence.
    ``node`` is the one where it happens, ``factor`` the
    number by which gradients are off, where it is one.
    """

    name: str
    sentence: str
    rank: Rank
    changes: Mapping[int, Step] = field(default_factory=dict)
    leaves: Mapping[str, np.ndarray] = field(default_factory=dict)
    direction: Mapping[str, np.ndarray] | None = None
    words: Callable[[float], tuple[str, str, Rank] | None] | None = None
    node: int | None = None
    factor: float | None = None
    constant: float | None = None  # a number that the mistake is written with: the same for all values
    passed: Mapping[int, np.ndarray] = field(default_factory=dict)  # by node, what arrives ``factor`` times


@dataclass
class Budget:
    """Operations that a search may still recompute: they are counted, so that every machine finds the same."""

    left: float

    @property
    def ran_out(self) -> bool:
        return self.left <= 0


#: Lines of the user's that edited backwards run in one check, each an operation on arrays.
MOST_LINES = 400_000


@dataclass
class Evidence:
    """One point. ``got`` has only leaves that came back in the right shape; ``solved`` leaves are explained already."""

    tape: Tape
    seeds: dict[int, np.ndarray]
    got: dict[str, np.ndarray]
    tolerance: float
    batch: int | None = None
    parts: list[Part] | None = None
    solved: frozenset[str] = frozenset()
    given: dict[str, np.ndarray] | None = None  # the right gradients, where the forward could not be traced
    steps: Budget = field(default_factory=lambda: Budget(np.inf))

    @functools.cached_property
    def cotangents(self) -> list[Any]:
        return self.tape.reverse(self.seeds)

    @functools.cached_property
    def all_want(self) -> dict[str, np.ndarray]:
        return self.tape.leaf_values(self.cotangents)

    @functools.cached_property
    def want(self) -> dict[str, np.ndarray]:
        table = self.all_want if self.given is None else self.given
        return {name: table[name] for name in self.got}

    @functools.cached_property
    def found(self) -> list[Part]:
        return recognize(self.tape) if self.parts is None else self.parts

    @functools.cached_property
    def floor(self) -> float:
        size = np.sqrt(sum(float(np.nansum(np.square(w))) for w in self.want.values()))  # nan: not compared
        return 1e-4 * float(size)

    def agrees(self, name: str, value: np.ndarray) -> bool:
        return close(self.got[name], value, self.floor, self.tolerance)

    @functools.cached_property
    def wrong(self) -> list[str]:
        """Unexplained wrong leaves, the one nearest the output first."""
        bad = [n for n in self.got if n not in self.solved and not self.agrees(n, self.want[n])]
        return sorted(bad, key=lambda n: -self.first_use(n))

    @functools.cached_property
    def right(self) -> list[str]:
        return [n for n in self.got if n not in self.solved and n not in self.wrong]

    @functools.cached_property
    def children(self) -> dict[int, list[int]]:
        table: dict[int, list[int]] = {}
        for index, node in enumerate(self.tape.nodes):
            for parent in set(node.parents):
                if parent is not None:
                    table.setdefault(parent, []).append(index)
        return table

    def first_use(self, name: str) -> int:
        """First node of the forward that uses the leaf; where there is no trace, its position among the arguments."""
        return min(self.children.get(self.tape.leaves[name], [self.tape.leaves[name]]))

    def value(self, name: str) -> np.ndarray:
        return self.tape.nodes[self.tape.leaves[name]].value

    def is_bias(self, name: str) -> bool:
        """Added to something larger, and used nowhere else."""
        return self.value(name).ndim <= 2 and bool(self.bias_uses(name))

    def bias_uses(self, name: str) -> list[int]:
        """The additions that repeat the leaf (looking through reshapes)."""
        todo, found, value = [self.tape.leaves[name]], [], self.value(name)
        while todo:
            for child in self.children.get(todo.pop(), []):
                node = self.tape.nodes[child]
                same_size = len(node.parents) == 1 and node.value.size == value.size
                if node.kind in ("add", "subtract"):
                    found.append(child)
                elif same_size or node.kind in ("broadcast_in_dim", "broadcast_to", "getitem"):
                    todo.append(child)
                else:
                    return []
        return found

    @property
    def plain_factors(self) -> list[float]:
        """The numbers that a wrong contribution is most often off by."""
        return [0.0, -1.0, 2.0, 0.5, *([float(self.batch), 1 / self.batch] if self.batch else [])]

    @property
    def with_cotangent(self) -> list[int]:
        """Nodes whose cotangent is known and more than one number; none without a trace."""
        known = [i for i, c in enumerate(self.cotangents) if c is not None and c.size > 1]
        return known if self.children else []

    def step_given(self, index: int, dy: np.ndarray) -> Step:
        """The step of a node as if ``dy`` had come in."""
        return lambda _: self.tape.step(index, dy)

    def line(self, index: int | None) -> Where | None:
        return None if index is None else self.tape.nodes[index].where

    def predict(self, h: Hypothesis) -> dict[str, np.ndarray]:
        """The gradients if the hypothesis holds."""
        pred = dict(self.want)
        if h.changes:
            deltas = self._recomputed(h.changes, {})
            pred = {name: w + deltas[name] for name, w in pred.items()}
        return pred | {name: v for name, v in h.leaves.items() if name in pred}

    def effect(self, node: int, parent: int, d: np.ndarray) -> dict[str, np.ndarray]:
        """What one contribution adds to the gradients of the leaves."""
        deltas = self._recomputed({}, {parent: d})
        return {name: deltas[name] for name in self.got}

    def _recomputed(self, changes: Mapping[int, Step], extra: Mapping[int, np.ndarray]) -> dict[str, np.ndarray]:
        deltas = self.tape.changed(self.cotangents, changes, extra)
        self.steps.left -= len(deltas)
        return self.tape.leaf_values(deltas)


# -- one check as it is judged ----------------------------------------------------------------------------------------

#: Up to this relative distance a gradient that is not exact passes, with a remark.
CLOSE = 1e-6


@dataclass
class Round:
    """The candidate at one test point.

    ``exact`` is the relative distance of a right gradient; below ``floor`` a leaf counts as zero.
    """

    at: TestPoint
    want: dict[str, np.ndarray]
    returned: Returned
    got: dict[str, np.ndarray]
    exact: float
    floor: float
    excused: dict[str, str] = field(default_factory=dict)  # leaf -> convention or undecided

    @functools.cached_property
    def figures(self) -> dict[str, Comparison]:
        found = dict.fromkeys(self.got, Comparison(np.inf, np.inf, (), np.nan, np.nan))
        alike = {n: np.asarray(g, np.float64) for n, g in self.got.items() if g.shape == self.want[n].shape}
        return found | {n: compare(g, self.want[n], self.floor) for n, g in alike.items()}

    def verdict(self, name: str) -> str:
        error = self.figures[name].rel_l2
        if error <= self.exact:
            return "exact"
        if error <= max(CLOSE, self.exact):
            return "close"
        return self.excused.get(name, "wrong")

    @property
    def wrong(self) -> list[str]:
        return [n for n in self.got if self.verdict(n) == "wrong"]


@dataclass
class Case:
    """One check: its rounds, and what every step of the diagnosis needs."""

    problem: Problem
    oracle: Oracle
    candidate: Candidate
    rounds: list[Round]
    axes: dict[str, int]
    by_jax: bool
    demand: dict[str, Any]
    dtype: str
    known: Sequence[Finding] = ()
    lines: Budget = field(default_factory=lambda: Budget(MOST_LINES))

    @property
    def generic(self) -> list[Round]:
        return [r for r in self.rounds if not r.at.special]

    def log(self, r: Round) -> list[Assignment]:
        return self.candidate.log(r.at.point)

    @functools.cached_property
    def models(self) -> list[Evidence]:
        """The traced forward at generic points, where parts can be recognized (a dead unit shows none)."""
        options = [r for r in self.generic if r.at.name.startswith("random")] or self.generic
        return [evidence_of(self, r) for r in options[:2]]


def batch_of(problem: Problem, axes: dict[str, int], point: Point) -> int | None:
    """The number of examples, where it is known which axis counts them."""
    if not axes:
        return None
    name, axis = next(iter(axes.items()))
    return int(np.shape(problem.arrays(point.args)[name])[axis])


def evidence_of(case: Case, r: Round, parts: list | None = None) -> Evidence:
    """The traced forward at a round; without a trace, the leaves alone."""
    got = {n: np.asarray(g, np.float64) for n, g in r.got.items()}
    usable, _ = shapes.settle(got, {n: r.want[n] for n in got}, max(r.exact, 1e-7))
    usable = {n: g for n, g in usable.items() if np.isfinite(g).all()}
    tolerance, batch = max(r.exact, 1e-8), batch_of(case.problem, case.axes, r.at.point)
    try:
        trace = trace_forward(case.problem, r.at.point, case.by_jax)
    except Exception:  # any exception of the user's code: it cannot be traced, and figures alone must do
        trace = None
    if trace is not None:
        evidence = Evidence(trace.tape, trace.seeds, usable, tolerance, batch, parts)
        near = (compare(evidence.want[n], r.want[n], r.floor).rel_l2 < 1e-6 for n in usable)
        if r.at.special or all(near):  # at a kink the trace has its own convention
            return evidence if evidence.batch else replace(evidence, batch=_guess_batch(evidence))
    tape = Tape(lambda: None)
    for name in r.want:
        tape.leaf(name, np.asarray(case.problem.arrays(r.at.point.args)[name], np.float64))
    return Evidence(tape, {}, usable, tolerance, batch, [], frozenset(), dict(r.want))


def _guess_batch(evidence: Evidence) -> int | None:
    """A size that most intermediate values share and no parameter has."""
    own = {n for name in evidence.got for n in evidence.value(name).shape}
    counts: Counter[int] = Counter()
    for index, node in enumerate(evidence.tape.nodes):
        if evidence.tape.alive(index) and node.value.ndim >= 2 and node.kind != "leaf":
            counts.update({n for n in (node.value.shape[0], node.value.shape[-1]) if n > 1 and n not in own})
    return counts.most_common(1)[0][0] if counts else None
