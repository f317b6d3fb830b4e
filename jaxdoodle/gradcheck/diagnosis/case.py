"""One check as it is judged: its rounds, and what is shared by those who judge them."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import Tape
from jaxdoodle.gradcheck.compare import Comparison, compare
from jaxdoodle.gradcheck.diagnosis import shapes
from jaxdoodle.gradcheck.diagnosis.evidence import Scene
from jaxdoodle.gradcheck.reference import Oracle, record_forward
from jaxdoodle.gradcheck.setup.candidate import Hand, Returned
from jaxdoodle.gradcheck.setup.line_trace import Assignment
from jaxdoodle.gradcheck.setup.problem import Problem
from jaxdoodle.gradcheck.setup.test_points import Probe

#: Up to this relative distance a gradient that is not exact passes, with a remark.
CLOSE = 1e-6


@dataclass
class Round:
    """One probe. ``exact`` is the relative distance of a right gradient; below ``floor`` a leaf counts as zero."""

    probe: Probe
    want: dict[str, np.ndarray]
    returned: Returned
    got: dict[str, np.ndarray]
    exact: float
    floor: float
    excused: dict[str, str] = field(default_factory=dict)  # leaf -> convention or undecided

    @functools.cached_property
    def figures(self) -> dict[str, Comparison]:
        return {
            n: compare(np.asarray(g, np.float64), self.want[n], self.floor)
            if g.shape == self.want[n].shape
            else Comparison(np.inf, np.inf, (), np.nan, np.nan)
            for n, g in self.got.items()
        }

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
    """Everything that the parts of a consultation share."""

    problem: Problem
    oracle: Oracle
    hand: Hand
    rounds: list[Round]
    axes: dict[str, int]
    by_jax: bool
    demand: dict[str, Any]
    dtype: str

    @property
    def generic(self) -> list[Round]:
        return [r for r in self.rounds if not r.probe.special]

    def log(self, r: Round) -> list[Assignment]:
        return self.hand.log(r.probe.point)

    @functools.cached_property
    def models(self) -> list[Scene]:
        """The recorded forward at generic points, where parts can be recognized (a dead unit shows none)."""
        options = [r for r in self.generic if r.probe.name.startswith("random")] or self.generic
        return [scene_of(self, r) for r in options[:2]]


def batch_of(case: Case, r: Round) -> int | None:
    if not case.axes:
        return None
    name, axis = next(iter(case.axes.items()))
    return int(np.shape(case.problem.arrays(r.probe.point.args)[name])[axis])


def scene_of(case: Case, r: Round, parts: list | None = None) -> Scene:
    """The recorded forward at a round; without a recording, the leaves alone."""
    usable, _ = shapes.settle(
        {n: np.asarray(g, np.float64) for n, g in r.got.items()}, {n: r.want[n] for n in r.got}, max(r.exact, 1e-7)
    )
    usable = {n: g for n, g in usable.items() if np.isfinite(g).all()}
    tolerance = max(r.exact, 1e-8)
    try:
        recording = record_forward(case.problem, r.probe.point, case.by_jax)
        scene = Scene(recording.tape, recording.seeds, usable, tolerance, batch_of(case, r), parts)
        faithful = r.probe.special or all(
            compare(scene.want[n], r.want[n], r.floor).rel_l2 < 1e-6 for n in usable
        )  # at a kink the recording has its own convention
    except Exception:  # the forward does something that cannot be followed: figures alone must do
        faithful = False
    if faithful:
        return scene if scene.batch else replace(scene, batch=_guess_batch(scene))
    tape = Tape(lambda: None)
    for name in r.want:
        tape.leaf(name, np.asarray(case.problem.arrays(r.probe.point.args)[name], np.float64))
    return Scene(tape, {}, usable, tolerance, batch_of(case, r), [], frozenset(), dict(r.want))


def _guess_batch(scene: Scene) -> int | None:
    """A size that most intermediate values share and no parameter has."""
    own = {n for name in scene.got for n in scene.value(name).shape}
    counts: Counter[int] = Counter()
    for index, node in enumerate(scene.tape.nodes):
        if scene.tape.alive(index) and node.value.ndim >= 2 and node.kind != "leaf":
            counts.update({n for n in (node.value.shape[0], node.value.shape[-1]) if n > 1 and n not in own})
    return counts.most_common(1)[0][0] if counts else None
