"""From the rounds of a check to a verdict: structure, precision, kinks, and the diagnosis of what is wrong."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck import conventions, shapes
from jaxdoodle.gradcheck.compare import Comparison, compare
from jaxdoodle.gradcheck.diagnose import Explanation, diagnose, unexplained
from jaxdoodle.gradcheck.hand import Hand, Returned
from jaxdoodle.gradcheck.lines import Assignment, assignments, line_of
from jaxdoodle.gradcheck.oracles import Oracle, record_forward
from jaxdoodle.gradcheck.probes import Probe
from jaxdoodle.gradcheck.problem import Problem
from jaxdoodle.gradcheck.report import UNNAMED, Finding, LeafResult, ProbeResult
from jaxdoodle.gradcheck.scene import Scene
from jaxdoodle.gradcheck.tape import Tape, Where

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
class Verdict:
    problem: Problem
    findings: tuple[Finding, ...] = ()
    conventions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def result(self, r: Round) -> ProbeResult:
        return ProbeResult(
            r.probe.name,
            tuple(LeafResult(self.problem.short(n), r.want[n].shape, r.figures[n], r.verdict(n)) for n in r.got),
        )


@dataclass
class _Case:
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
        return assignments(self.hand.eager(r.probe.point))

    @functools.cached_property
    def model(self) -> Scene | None:
        """The recorded forward at a generic point, where every part can be recognized."""
        options = [r for r in self.generic if r.probe.name.startswith("random")] or self.generic
        return scene_of(self, options[0]) if options else None


def consult(problem, oracle, hand, rounds, axes, by_jax, options) -> Verdict:
    case = _Case(problem, oracle, hand, rounds, axes, by_jax, dict(options.demand), options.dtype)
    findings, notes = structure(case)
    told: list[str] = []
    if rounds and rounds[0].got and not any(r.returned.error for r in rounds):
        findings += shape_findings(case, findings)
        findings += precision(case)
        ill = [r for r in case.generic if _unsettled(r, findings, problem)]
        if ill:
            findings += diagnosis(case, ill, findings)
        else:
            told, more = at_kinks(case)
            findings += more
            findings += elsewhere(case)
        notes += remarks(case)
    short = problem.short
    findings = [replace(f, leaves=tuple(map(short, f.leaves))) for f in findings]
    return Verdict(problem, tuple(_once(findings)), tuple(dict.fromkeys(told)), tuple(dict.fromkeys(notes)))


def _once(findings: list[Finding]) -> list[Finding]:
    seen: dict[tuple, Finding] = {}
    for f in findings:
        seen.setdefault((f.name, f.leaves), f)
    return list(seen.values())


def _unsettled(r: Round, findings: list[Finding], problem: Problem) -> list[str]:
    said = {n for f in findings if f.name != UNNAMED for n in f.leaves}
    return [n for n in r.wrong if n not in said]


# -- what came back --------------------------------------------------------------------------------------------------


def structure(case: _Case) -> tuple[list[Finding], list[str]]:
    """Nothing, an exception, leaves missing, nan."""
    for r in case.rounds:
        error = r.returned.error
        if error is not None:
            text = (str(error).strip().splitlines() or [""])[0]
            at = "" if r.probe.name == "as given" else f" (at the probe {r.probe.name!r})"
            name = f"backward raises {type(error).__name__}"
            return [Finding(name, f"{text or 'no message'}{at}", backward=r.returned.where)], []
    first = case.rounds[0]
    if first.returned.nothing:
        return [Finding("missing return", "backward returned None: a function without `return` does",
                        tuple(first.want), backward=_definition(case.problem.functions[-1]))], []  # fmt: skip
    findings, notes = [], list(first.returned.odd)
    missing = [n for n in first.want if n not in first.got]
    findings += [
        Finding("gradient missing", f"no gradient came back for {case.problem.short(n)}", (n,)) for n in missing
    ]
    if case.problem.all_wrt is not None:
        silent = [case.problem.names[i] for i in case.problem.all_wrt if i not in case.problem.wrt]
        notes += [f"no cotangent came back for {name}: it is not checked" for name in silent]
    for r in case.rounds:
        bad = [n for n, g in r.got.items() if not np.isfinite(np.asarray(g, float)).all()]
        if bad:
            told = ", ".join(map(case.problem.short, bad))
            findings.append(
                Finding("nan or infinity in the gradient",
                        f"the gradient of {told} is not finite at the probe {r.probe.name!r}, where the right one is",
                        tuple(bad))
            )  # fmt: skip
            break
    return findings, notes


def _definition(function: Any) -> Where | None:
    function = getattr(function, "func", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    import linecache

    return Where(
        code.co_filename, code.co_firstlineno, linecache.getline(code.co_filename, code.co_firstlineno).strip()
    )


def shape_findings(case: _Case, before: list[Finding]) -> list[Finding]:
    """Look at shapes once, and bring into shape what can be."""
    found: list[Finding] = []
    for r in case.rounds:
        sized = {n: np.asarray(g, np.float64) for n, g in r.got.items()}
        usable, findings = shapes.settle(sized, {n: r.want[n] for n in sized}, max(r.exact, 1e-7))
        if findings and not found and not r.probe.special:
            log = case.log(r)
            found = [replace(f, backward=_assigned(log, r.got[f.leaves[0]])) for f in findings]
        for n in r.got:
            if n not in usable:
                r.excused.pop(n, None)
    return found


def _assigned(log: list[Assignment], value: np.ndarray) -> Where | None:
    hit = next((a for a in log if a.value.shape == value.shape and np.array_equal(a.value, value)), None)
    return None if hit is None else hit.where


# -- precision -------------------------------------------------------------------------------------------------------


def precision(case: _Case) -> list[Finding]:
    """float32 or float16 somewhere inside, where float64 came in and float64 is what forward gives."""
    if case.dtype != "float64" or case.oracle.tolerance > 1e-8 or not case.generic:
        return []
    r = case.generic[min(1, len(case.generic) - 1)]
    off = [n for n in r.got if r.exact < r.figures[n].rel_l2 <= 2e-2]
    if not off:
        return []
    m = batch_of(case, r) or 1
    found: dict[tuple[str, Any], list[str]] = {}
    log: list[Assignment] | None = None
    for n in off:
        low = _rounded(r.got[n], r.figures[n].rel_l2, (1, m, 1 / m))
        if low is not None:
            found.setdefault((low, None), []).append(n)
            continue
        if r.figures[n].rel_l2 > CLOSE and not any(_is_low(g) for g in r.got.values()):
            continue
        log = case.log(r) if log is None else log
        hit = next((a for a in log if _is_low(a.value)), None)
        if hit is not None and r.figures[n].rel_l2 <= 64 * float(jax.numpy.finfo(hit.value.dtype).eps):
            found.setdefault((hit.value.dtype.name, hit.where), []).append(n)
    findings = []
    for (low, where), names in found.items():
        if where is None:
            log = case.log(r) if log is None else log
            hit = next((a for a in log if a.value.dtype.name == low and _is_low(a.value)), None)
            where = None if hit is None else hit.where
        error = max(r.figures[n].rel_l2 for n in names)
        sentence = (
            f"the gradient of {', '.join(map(case.problem.short, names))} is right to {error:.0e} only: "
            f"it was computed in {low} where arguments and loss are float64"
        )
        findings.append(Finding(f"accumulated in {low}", sentence, tuple(names), backward=where))
        for q in case.rounds:
            q.excused |= {n: "wrong" for n in names}
    return findings


def _is_low(x: np.ndarray) -> bool:
    """An array of less than float64 whose numbers are not simply 0, 1 and the like."""
    return x.dtype.itemsize < 8 and x.size > 0 and bool((np.asarray(x, float) != np.rint(np.asarray(x, float))).any())


def _rounded(got: np.ndarray, error: float, scales: tuple) -> str | None:
    """The low precision that the values show, if their error is of its size."""
    for dtype in ("float16", "bfloat16", "float32"):
        info = jax.numpy.finfo(dtype)
        if error > 64 * float(info.eps):
            continue
        if got.dtype.name == dtype:
            return dtype
        for k in scales:
            x = np.asarray(got, np.float64) * k
            if got.size >= 3 and x.any() and np.array_equal(x.astype(jax.numpy.dtype(dtype)).astype(np.float64), x):
                return dtype
    return None


# -- what is wrong ---------------------------------------------------------------------------------------------------


def batch_of(case: _Case, r: Round) -> int | None:
    if not case.axes:
        return None
    name, axis = next(iter(case.axes.items()))
    return int(np.shape(case.problem.arrays(r.probe.point.args)[name])[axis])


def scene_of(case: _Case, r: Round, parts: list | None = None) -> Scene:
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


def diagnosis(case: _Case, ill: list[Round], before: list[Finding]) -> list[Finding]:
    """Explain the wrong leaves of a generic point, and confirm it at another."""
    solved = frozenset(n for f in before if f.name != UNNAMED for n in f.leaves)
    only_sizes = [r for r in ill if r.probe.name.startswith(("batch of", "other"))]
    if len(only_sizes) == len(ill) and case.generic[0] not in ill:
        return [_size_as_number(case, ill[0])]
    ill = sorted(ill, key=lambda r: (not r.probe.name.startswith("random"), r.probe.name.startswith(("batch", "other"))))
    r = ill[0]
    scene = scene_of(case, r)
    scene = replace(scene, solved=solved & set(scene.got))
    found, rest = diagnose(scene)
    points = 1
    if found and len(ill) > 1:
        other = scene_of(case, ill[1])
        other = replace(other, solved=solved & set(other.got))
        again, left = diagnose(other, only=frozenset(e.name for e in found))
        if {e.name for e in again} != {e.name for e in found} or len(left.wrong) > len(rest.wrong):
            found, rest = [], scene
        else:
            points = 2
    log = case.log(r) if found or rest.wrong else []
    findings = [_finding(case, e, r, log, points) for e in found]
    if rest.wrong:
        findings.append(_cannot_name(case, rest, log))
    return findings


def _finding(case: _Case, e: Explanation, r: Round, log: list[Assignment], points: int) -> Finding:
    h, scene, short = e.hypothesis, e.scene, case.problem.short
    pred = scene.predict(h)
    gap = max((compare(scene.got[n], pred[n], scene.floor).rel_l2 for n in e.leaves), default=0.0)
    names = ", ".join(short(n) for n in e.leaves)
    at = f" at {points} points" if points > 1 else ""
    evidence = [f"recomputed with this mistake, the gradient of {names} is the returned one to {max(gap, 1e-16):.0e}{at}"]
    exact = [n for n in scene.right if all(scene.first_use(n) > scene.first_use(o) for o in e.leaves)]
    if exact:
        evidence.append(f"nearer the output all is exact ({', '.join(map(short, exact))})")
    place = h.place
    if place is None and e.leaves and scene.first_use(e.leaves[0]) < len(scene.tape.nodes):
        place = scene.first_use(e.leaves[0])
    sentence = h.sentence
    for n in sorted(scene.got, key=len, reverse=True):
        sentence = sentence.replace(n, short(n))
    return Finding(h.name, sentence, e.leaves, scene.line(place), _backward_line(e, log), tuple(evidence))


def _backward_line(e: Explanation, log: list[Assignment]) -> Where | None:
    """The line of the backward that first holds what only this mistake produces."""
    h, scene = e.hypothesis, e.scene
    for n, value in h.leaves.items():
        if n in e.leaves:
            hit = next((a for a in log if a.name != "return" and _equal(a.value, value, scene)), None) or line_of(value, log)
            if hit is not None:
                return hit.where
    if not h.changes:
        return None
    deltas = scene.tape.changed(scene.cotangents, h.changes)
    for index in sorted(h.changes, reverse=True):
        true = scene.cotangents[index]
        if true is None:
            continue
        for parent, d in h.changes[index](true + deltas.get(index, 0.0)):
            slope = _slope_of(h.changes[index], parent, true)
            right = _slope_of(lambda dy, i=index: scene.tape.step(i, dy), parent, true)
            for target, avoid in ((slope, right), (d, scene.cotangents[parent])):
                if target is None or np.ptp(target) == 0:
                    continue
                hit = line_of(np.asarray(target), log)
                if hit is not None and not (avoid is not None and line_of(avoid, [hit])):
                    return hit.where
    for n in e.leaves:
        hit = line_of(scene.got[n], log)
        if hit is not None:
            return hit.where
    return None


def _equal(a: np.ndarray, b: np.ndarray, scene: Scene) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-9, atol=1e-3 * scene.floor))


def _slope_of(step: Any, parent: int, like: np.ndarray) -> np.ndarray | None:
    """The elementwise derivative that a step uses, if it is elementwise."""
    try:
        parts = dict(step(np.ones(like.shape)))
    except Exception:
        return None
    d = parts.get(parent)
    return d if d is not None and d.shape == like.shape else None


def _cannot_name(case: _Case, scene: Scene, log: list[Assignment]) -> Finding:
    """The evidence, and the last line of the backward that is still right."""
    short = case.problem.short
    evidence = list(unexplained(scene))
    right, wrong = _last_right(scene, log)
    if right is not None:
        evidence.append(f"still right: `{right.name}` at {right.where}  {right.where.text}")
    names = ", ".join(map(short, scene.wrong))
    sentence = f"no known mistake reproduces the gradient of {names}"
    return Finding(UNNAMED, sentence, tuple(scene.wrong), scene.line(scene.first_use(scene.wrong[0])) if scene.children
                   else None, None if wrong is None else wrong.where, tuple(evidence))  # fmt: skip


def _last_right(scene: Scene, log: list[Assignment]) -> tuple[Assignment | None, Assignment | None]:
    """The last assignment that holds a right cotangent before the first wrong leaf's, and that leaf's."""
    leaf = scene.wrong[0]
    wrong = line_of(scene.got[leaf], log)
    end = log.index(wrong) if wrong is not None else len(log)
    live = [i for i, c in enumerate(scene.cotangents) if c is not None and c.size > 1] if scene.children else []
    values = [scene.tape.nodes[i].value for i in live]
    for a in reversed(log[:end]):
        if any(line_of(v, [a]) for v in values):
            continue
        if any(line_of(scene.cotangents[i], [a]) for i in live):
            return a, wrong
    return None, wrong


def _size_as_number(case: _Case, r: Round) -> Finding:
    names = ", ".join(map(case.problem.short, r.wrong))
    return Finding(
        "size written as a number",
        f"right for the arguments as given, wrong at the probe {r.probe.name!r}: a size of the given arguments seems to "
        "be written as a constant, or one size used for another",
        tuple(r.wrong),
        evidence=(f"wrong there: {names}",),
    )


# -- special points --------------------------------------------------------------------------------------------------


def at_kinks(case: _Case) -> tuple[list[str], list[Finding]]:
    """Blank input and ties: which convention, or which error."""
    told: list[str] = []
    findings: list[Finding] = []
    for r in case.rounds:
        if r.probe.name not in ("blank input", "ties"):
            continue
        if not r.wrong and not case.demand and case.by_jax:
            continue
        model = case.model
        scene = scene_of(case, r)
        if model is None or not _same_program(model, scene):
            if r.wrong:
                r.excused |= {n: "undecided" for n in r.wrong}
                told.append(f"undecided at {r.probe.name!r}: the forward could not be followed to its kinks")
            continue
        scene = replace(scene, parts=model.found)
        kinds = conventions.kinks(scene)
        choice = conventions.match(scene) if kinds else None
        if choice is not None:
            r.excused |= {n: "convention" for n in r.wrong}
            told += conventions.told(choice)
            findings += _demanded(case, choice, r)
        elif r.wrong:
            findings += _wrong_at_kink(case, r, scene, bool(kinds))
    return told, findings


def _same_program(a: Scene, b: Scene) -> bool:
    return bool(a.children) and [n.kind for n in a.tape.nodes] == [n.kind for n in b.tape.nodes]


def _demanded(case: _Case, choice: dict[str, Any], r: Round) -> list[Finding]:
    findings = []
    for kind, want in case.demand.items():
        if kind in choice and choice[kind] != want:
            is_, should = conventions.told({kind: choice[kind]})[0], conventions.told({kind: want})[0]
            name = "relu' >= 0" if (kind, choice[kind]) == ("relu", 1.0) else "another convention at a kink"
            said = " (z >= 0 is written for z > 0)" if name == "relu' >= 0" else ""
            wrong = tuple(n for n in r.got if r.excused.get(n) == "convention") or tuple(r.got)
            findings.append(Finding(name, f"{is_}{said}; demanded is: {should}", wrong))
            r.excused |= {n: "wrong" for n in wrong if r.figures[n].rel_l2 > r.exact}
    return findings


def _wrong_at_kink(case: _Case, r: Round, scene: Scene, kinked: bool) -> list[Finding]:
    for h in conventions.hypotheses(scene):
        pred = scene.predict(h)
        if all(scene.agrees(n, pred[n]) for n in scene.got):
            e = Explanation(h, tuple(r.wrong), scene)
            return [_finding(case, e, r, case.log(r), 1)]
    found, rest = diagnose(scene)
    log = case.log(r)
    findings = [_finding(case, e, r, log, 1) for e in found]
    if rest.wrong and not findings:
        findings.append(_cannot_name(case, rest, log))
    return [
        replace(f, evidence=(*f.evidence, f"generic points are right; it shows at {r.probe.name!r} only"))
        for f in findings
    ]


def elsewhere(case: _Case) -> list[Finding]:
    """Wrong only where the input is saturated, or is whole numbers."""
    findings = []
    for r in case.rounds:
        if r.probe.name == "whole-number input" and r.wrong:
            names = tuple(r.wrong)
            whole = all((np.asarray(r.got[n], float) == np.rint(np.asarray(r.got[n], float))).all() for n in names)
            told = ", ".join(map(case.problem.short, names))
            name = "gradient truncated to integers" if whole else "wrong for whole-number input"
            why = "its array was made like the integer input" if whole else "an integer dtype is inherited from the input"
            findings.append(Finding(name, f"the gradient of {told} is wrong when the data are integers: {why}", names))
        if r.probe.name == "saturated" and r.wrong:
            names = tuple(r.wrong)
            told = ", ".join(map(case.problem.short, names))
            findings.append(
                Finding("wrong when saturated", f"the gradient of {told} is wrong for large parameters only: "
                        "digits are lost, or a clip is missing", names)
            )  # fmt: skip
    return findings


def remarks(case: _Case) -> list[str]:
    """What passes and is still worth a line."""
    notes = []
    near = {n: r.figures[n].rel_l2 for r in case.generic for n in r.got if r.verdict(n) == "close"}
    if near and case.dtype == "float64":
        names = ", ".join(map(case.problem.short, near))
        notes.append(
            f"{names} agree to {max(near.values()):.0e} only: typical of a small constant (an epsilon in a logarithm "
            "or a square root) that forward has and backward leaves out, or the reverse"
        )
    return notes
