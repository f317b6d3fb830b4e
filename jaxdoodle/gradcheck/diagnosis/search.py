"""Find the bug that explains the returned gradients: each hypothesis is recomputed, and accepted only if it fits.

A name is given when the gradients it would produce are those that came back, leaf by leaf, to the precision of
float64. Several bugs are taken one after another: what is explained becomes part of the network looked at next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jaxdoodle.gradcheck.compare import compare, multiple
from jaxdoodle.gradcheck.diagnosis.evidence import Budget, Evidence, Hypothesis, Rank
from jaxdoodle.gradcheck.diagnosis.mistakes import gradients, parts, steps

_MOST_BUGS = 4
#: Steps of reverse passes that one search recomputes.
MOST_STEPS = 200_000


@dataclass(frozen=True)
class Explanation:
    """A hypothesis that fits, the leaves it makes right, and the evidence in which it does."""

    hypothesis: Hypothesis
    leaves: tuple[str, ...]
    evidence: Evidence

    @property
    def name(self) -> str:
        return self.hypothesis.name


def find_mistakes(evidence: Evidence, only: frozenset[str] | None = None) -> tuple[list[Explanation], Evidence]:
    """The bugs that were found, and the evidence with all of them in place (its ``wrong`` leaves stay unexplained).

    ``only`` limits the search to these classes: a second point either confirms them or does not.
    """
    found: list[Explanation] = []
    evidence.steps = Budget(MOST_STEPS)
    while evidence.wrong and len(found) < _MOST_BUGS:
        best = _best(evidence, only)
        if best is None:
            break
        found.append(Explanation(*best, evidence))
        evidence = _with(evidence, best[0])
    return found, evidence


def _best(evidence: Evidence, only) -> tuple[Hypothesis, tuple[str, ...]] | None:
    best: tuple[tuple, Hypothesis, tuple[str, ...]] | None = None
    for hypotheses in (gradients.hypotheses, parts.hypotheses, steps.hypotheses):
        if hypotheses is steps.hypotheses and best and not best[0][0] and best[0][2] <= Rank.EVERYWHERE:
            break
        for h in hypotheses(evidence):
            if evidence.steps.ran_out:
                break
            if only is not None and h.direction is None and h.name not in only:
                continue
            settled = _settle(evidence, h)
            if settled is None or (only is not None and settled.name not in only):
                continue
            fixed = _fixes(evidence, settled)
            in_part = len(fixed) < len(evidence.wrong)
            if fixed and not (in_part and settled.changes and settled.rank >= Rank.NUMBER):  # a coincidence
                key = (len(fixed) < len(evidence.wrong), -len(fixed), settled.rank)
                if best is None or key < best[0]:
                    best = key, settled, tuple(fixed)
    return None if best is None else best[1:]


def _settle(evidence: Evidence, h: Hypothesis) -> Hypothesis | None:
    """Put a number into a hypothesis that leaves one open: the one that fits the wrong leaf nearest the output."""
    if h.direction is None:
        return h
    v = h.direction
    name = next((n for n in evidence.wrong if np.count_nonzero(v[n]) > 1), None)
    if name is None:
        return None
    change = multiple(evidence.got[name] - evidence.want[name], v[name], 1e-5)
    if change is None or abs(change) < 1e-7:
        return None
    # where the number is a simple one, take it exactly
    c = change + 1
    simple = min(evidence.plain_factors, key=lambda s: abs(s - c))
    c = simple if abs(simple - c) < 1e-7 else c
    words = h.words(c) if h.words is not None else None
    if words is None or h.node is None:
        return None
    predicted = {n: evidence.want[n] + (c - 1) * v[n] for n in evidence.got if np.any(v[n])}
    return replace(h, name=words[0], sentence=words[1], rank=words[2], leaves=predicted, factor=c)


def _fixes(evidence: Evidence, h: Hypothesis) -> list[str]:
    """The wrong leaves that the hypothesis makes right; none if it makes a right one wrong."""
    pred = evidence.predict(h)
    if any(not evidence.agrees(n, pred[n]) for n in evidence.right if pred[n] is not evidence.want[n]):
        return []
    return [n for n in evidence.wrong if pred[n] is not evidence.want[n] and _fits(evidence, n, pred[n])]


def _fits(evidence: Evidence, name: str, value: np.ndarray) -> bool:
    """Right to the tolerance, and much nearer than the right gradient is (small differences are explained too)."""
    got = evidence.got[name]
    gap, before = np.linalg.norm(got - value), np.linalg.norm(got - evidence.want[name])
    return evidence.agrees(name, value) and bool(gap <= 1e-3 * before)


def _with(evidence: Evidence, h: Hypothesis) -> Evidence:
    """The evidence in which the hypothesis is part of the network."""
    if h.changes:
        return replace(evidence, tape=evidence.tape.altered(h.changes), parts=evidence.found, given=None)
    solved = evidence.solved | {n for n, v in h.leaves.items() if n in evidence.got and evidence.agrees(n, v)}
    return replace(evidence, parts=evidence.found, solved=solved)


def unexplained(evidence: Evidence) -> list[str]:
    """Evidence about what could not be named: where the error starts, and its figures."""
    if not evidence.wrong:
        return []
    said = []
    first = evidence.wrong[0]
    got, want = evidence.got[first], evidence.want[first]
    figures = compare(got, want, evidence.floor)
    exact = [n for n in evidence.right if evidence.first_use(n) > evidence.first_use(first)]
    if exact:
        is_ = "is" if len(exact) == 1 else "are"
        said.append(f"{', '.join(exact)}, nearer the output, {is_} exact; {first} is the first wrong")
    said.append(f"{first}: cosine {figures.cosine:.4f}, norm ratio {figures.ratio:.4g}, rel-L2 {figures.rel_l2:.2e}")
    off = np.abs(got - want) > 1e-6 * max(float(np.abs(want).max()), float(np.abs(got).max()))
    if 0 < off.sum() < off.size:
        said.append(f"{int(off.sum())} of {off.size} entries of {first} are wrong{_pattern(off)}")
    return said


def _pattern(off: np.ndarray) -> str:
    """Are whole rows or columns right?"""
    for axis in range(off.ndim) if off.ndim > 1 else ():
        lines = off.any(axis=tuple(k for k in range(off.ndim) if k != axis))
        if not lines.all():
            return f": only at {np.flatnonzero(lines).tolist()} of axis {axis}"
    more = f" and {int(off.sum()) - 1} more" if off.sum() > 1 else ""
    return f": at {np.argwhere(off)[0].tolist()}{more}"
