"""The line of the backward that a mistake sits in: the first that holds what only the mistake produces."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import Where
from jaxdoodle.gradcheck.diagnosis.catalogue import ANOTHER_LEAF, ELSEWHERE, NO_TERM, REVERSED, SWAPPED
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Evidence, Hypothesis, Rank, Round
from jaxdoodle.gradcheck.diagnosis.search import Explanation
from jaxdoodle.gradcheck.reference import trace_forward
from jaxdoodle.gradcheck.setup.line_trace import Assignment, Numbers, line_of, parallel


def assigned(log: list[Assignment], value: np.ndarray, last: bool = False) -> Where | None:
    order = reversed(log) if last else log
    same = (a for a in order if a.value.shape == value.shape and np.allclose(a.value, value, rtol=1e-12, atol=0))
    return next((a.where for a in same), None)


@functools.cache
def computes(where: Where) -> bool:
    """Does a line compute something or pass it on, rather than unpack what forward kept?"""
    try:
        statement = ast.parse(where.text.strip()).body
    except SyntaxError:  # a part of a longer statement
        return True
    if not where.text.strip():
        return False
    if not statement or not isinstance(statement[0], ast.Assign):
        return True
    value, several = statement[0].value, not isinstance(statement[0].targets[0], ast.Name)
    entry = isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Constant)
    return not (entry or isinstance(value, ast.Attribute | ast.Tuple) or several and isinstance(value, ast.Name))


def before_scaling(where: Where, log: list[Assignment]) -> Where:
    """The line that assigned what a line like ``dx /= std`` scales: a term is not left out there."""
    scaled = re.match(r"(.+?)\s*[*/]= ", where.text.strip())
    if scaled is None:
        return where
    earlier = [a.where for a in log if a.name == scaled[1] and a.where.file == where.file and a.where.line < where.line]
    return earlier[-1] if earlier else where


def backward_line(e: Explanation, log: list[Assignment]) -> Where | None:
    """The line of the backward that first holds what only this mistake produces."""
    h, evidence = e.hypothesis, e.evidence
    if h.factor is not None and len(e.leaves) > 1:
        where = _factor_line(e, h.factor, log)
        if where is not None:
            return where
    for n, value in h.leaves.items() if not h.passed else ():
        if n in e.leaves:
            if h.name in (SWAPPED, REVERSED, ANOTHER_LEAF):
                return assigned(log, evidence.got[n], last=True)
            slack, flat = 1e-3 * evidence.floor, np.ravel(value)
            equal = [a for a in log if a.value.size == flat.size and np.allclose(np.ravel(a.value), flat, 1e-9, slack)]
            hits = [a for a in equal if not a.name.startswith("return")] or equal
            if h.name.endswith(NO_TERM):  # it is added where all parts of the gradient are at hand
                hits = [a for a in hits if a.function == hits[-1].function]
            hit = hits[0] if hits else line_of(value, log)
            if hit is not None:
                return hit.where
    if not h.changes and not h.passed:
        return None
    more = {} if h.factor is None else {node: (h.factor - 1) * d for node, d in h.passed.items()}
    deltas = evidence.tape.changed(evidence.cotangents, h.changes, more)
    slopes: list[tuple[np.ndarray, np.ndarray | None]] = []  # a value that only the mistake gives, and the right one
    for index in sorted(h.changes, reverse=True):
        true = evidence.cotangents[index]
        for parent, d in h.changes[index](true + deltas.get(index, 0.0)) if true is not None else ():
            slope = _slope_of(h.changes[index], parent, true)
            right = _slope_of(lambda dy, i=index: evidence.tape.step(i, dy), parent, true)
            if slope is not None and np.ptp(slope) == 0:  # passed on: what was last assigned the incoming gradient
                hit = next((a for a in reversed(log) if not a.name.startswith("return") and parallel(a.value, d)), None)
                if hit is not None:
                    return hit.where
            elif slope is not None:
                slopes.append((slope, right))
    follows = ((evidence.cotangents[index], deltas[index]) for index in sorted(deltas, reverse=True))
    values = [(delta if true is None else true + delta, true) for true, delta in follows]
    values += [(evidence.got[n], None) for n in e.leaves]
    first = int(h.name in ELSEWHERE)
    for target, avoid in (*values[:first], *slopes, *values[first:]):
        hit = line_of(np.asarray(target), log)
        if hit is not None and (avoid is None or not parallel(hit.value, avoid)):
            return hit.where
    return None


def _factor_line(e: Explanation, c: float, log: list[Assignment]) -> Where | None:
    """The first line whose value is a right cotangent times the factor; times m too where 1/m comes later."""
    evidence = e.evidence
    last = len(evidence.tape.nodes) if e.hypothesis.node is None else e.hypothesis.node
    known = Numbers([evidence.cotangents[i] for i in evidence.with_cotangent if i <= last])
    m = evidence.batch or 1
    incoming = [float(dy) for dy in evidence.seeds.values() if dy.size == 1]  # which may be multiplied in later
    ratios = [r / dy for dy in (1.0, *incoming) for r in ((c,) if abs(abs(c) - 1 / m) < 1e-9 else (c, c * m))]
    factors = ((a.where, k) for a in log for _, k in known.parallel_to(a.value))
    return next((at for at, k in factors if any(abs(k - r) <= 1e-6 * abs(k) for r in ratios)), None)


def _slope_of(step: Any, parent: int, like: np.ndarray) -> np.ndarray | None:
    """The elementwise derivative that a step uses, if it is elementwise."""
    try:
        parts = dict(step(np.ones(like.shape)))
    except (ValueError, IndexError, TypeError):  # a step of another shape
        return None
    d = parts.get(parent)
    return d if d is not None and d.shape == like.shape else None


def culprit_of(case: Case, r: Round, evidence: Evidence, log: list[Assignment]) -> tuple[int, Assignment] | None:
    """The value of the backward that, put in for the right cotangent of some value, explains every wrong leaf.

    What a cotangent that is off by ``d`` does to the leaves along a direction of them is ``d`` along the tangent of its
    value: that alone rules out almost every pair.
    """
    rng, want = np.random.default_rng(0), evidence.want
    along = {n: rng.normal(size=w.shape) for n, w in want.items()}
    tangents = _tangents(case, r, evidence, along)
    target = sum(float(np.vdot(v, evidence.got[n] - want[n])) for n, v in along.items())
    groups: dict[tuple[int, ...], list[Assignment]] = {}
    for a in log:
        groups.setdefault(a.value.shape, []).append(a)
    stacks = {shape: np.array([np.ravel(a.value) for a in group], float) for shape, group in groups.items()}
    scales = (1.0, 1 / (evidence.batch or 1))
    live = [i for i in evidence.with_cotangent if evidence.tape.nodes[i].kind != "leaf"]
    for index in reversed(live if tangents else []):
        true, tangent = evidence.cotangents[index], tangents[index]
        slack = _NEAR * (abs(target) + float(np.linalg.norm(true) * np.linalg.norm(tangent)))
        along_it = np.outer(stacks.get(true.shape, np.zeros((0, true.size))) @ np.ravel(tangent), scales)
        for k, s in np.argwhere(np.abs(along_it - np.vdot(true, tangent) - target) <= slack):
            value = np.asarray(groups[true.shape][k].value, float) * scales[s]
            if parallel(value, true) or evidence.steps.ran_out:
                continue
            pred = evidence.predict(Hypothesis("", "", Rank.ANYTHING, {index: evidence.step_given(index, value)}))
            if all(evidence.agrees(n, pred[n]) for n in (*evidence.wrong, *evidence.right)):
                return index, groups[true.shape][k]
    return None


#: Step of the central differences that give tangents, and how near what they predict must be to be tried.
_STEP, _NEAR = 1e-5, 1e-6


def _tangents(case: Case, r: Round, evidence: Evidence, along: dict[str, np.ndarray]) -> list[np.ndarray]:
    """How every value of the forward changes along a direction of the leaves; none where that is not known."""
    if evidence.tape.changes or not evidence.children:
        return []
    problem, args = case.problem, r.at.point.args
    arrays = problem.arrays(args)
    ends = []
    for step in (_STEP, -_STEP):
        moved = problem.with_arrays(args, {n: np.asarray(arrays[n] + step * v) for n, v in along.items()})
        try:
            trace = trace_forward(problem, replace(r.at.point, args=moved), case.by_jax)
        except Exception:  # any exception of the user's code: it cannot be run there
            return []
        ends.append([n.value for n in trace.tape.nodes])
    shapes = [[v.shape for v in values] for values in ends]
    if shapes[0] != shapes[1] or len(ends[0]) != len(evidence.tape.nodes):
        return []  # it takes another way there
    return [(np.asarray(a, float) - b) / (2 * _STEP) for a, b in zip(*ends, strict=True)]


def last_right(evidence: Evidence, log: list[Assignment]) -> tuple[Assignment | None, Assignment | None]:
    """The last assignment that holds a right cotangent before the first wrong leaf's, and that leaf's."""
    wrong = line_of(evidence.got[evidence.wrong[0]], log)
    end = log.index(wrong) if wrong is not None else len(log)
    live = evidence.with_cotangent
    of_forward = Numbers([evidence.tape.nodes[i].value for i in live])
    cotangents = Numbers([evidence.cotangents[i] for i in live])

    def holds(a: Assignment, numbers: Numbers) -> bool:
        return next(numbers.parallel_to(a.value), None) is not None

    return next((a for a in reversed(log[:end]) if not holds(a, of_forward) and holds(a, cotangents)), None), wrong


def proven(evidence: Evidence, log: list[Assignment], found: list[Explanation]) -> frozenset[tuple[str, int]]:
    """Lines (file, number) that whenever they run give a right cotangent that none before gave: no mistake is there.

    But that of a step that is wrong, within a line of the forward, may be of a line which stops short of it.
    """
    steps = {e.hypothesis.node for e in found}

    def stops_short(i: int) -> bool:
        return i in steps and any(evidence.line(c) == evidence.line(i) for c in evidence.children.get(i, ()))

    live = (i for i in evidence.with_cotangent if not stops_short(i))
    groups: dict[tuple[int, ...], list[int]] = {}
    for i in (i for i in live if evidence.cotangents[i].any()):
        groups.setdefault(evidence.cotangents[i].shape, []).append(i)
    known = {s: np.array([np.ravel(evidence.cotangents[i]) for i in group]) for s, group in groups.items()}
    held, right, other = set[int](), set[tuple[str, int]](), set[tuple[str, int]]()
    for a in (a for a in log if not a.name.startswith("return") and a.value.size > 1):
        group, value = known.get(a.value.shape, np.zeros((0, a.value.size))), np.ravel(a.value)
        same = np.flatnonzero(np.isclose(group[:, 0], value[0], 1e-9, 0))
        hits = {groups[a.value.shape][k] for k in same if np.allclose(group[k], value, 1e-9, 0)}
        (right if hits - held else other).add((a.where.file, a.where.line))
        held |= hits
    return frozenset(right - other)
