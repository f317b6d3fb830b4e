"""From the rounds of a check to a verdict: structure, precision, kinks, and the diagnosis of what is wrong."""

from __future__ import annotations

import functools
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck import conventions, shapes
from jaxdoodle.gradcheck.compare import Comparison, compare
from jaxdoodle.gradcheck.diagnose import Explanation, diagnose, unexplained
from jaxdoodle.gradcheck.hand import Hand, Returned
from jaxdoodle.gradcheck.leaves import is_integer
from jaxdoodle.gradcheck.lines import Assignment, line_of
from jaxdoodle.gradcheck.oracles import Oracle, record_forward
from jaxdoodle.gradcheck.probes import Probe
from jaxdoodle.gradcheck.problem import Problem, numpy_args
from jaxdoodle.gradcheck.report import UNNAMED, Finding, LeafResult, ProbeResult
from jaxdoodle.gradcheck.scene import Hypothesis, Scene
from jaxdoodle.gradcheck.tape import Tape, Where

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
        return self.hand.log(r.probe.point)

    @functools.cached_property
    def models(self) -> list[Scene]:
        """The recorded forward at generic points, where parts can be recognized (a dead unit shows none)."""
        options = [r for r in self.generic if r.probe.name.startswith("random")] or self.generic
        return [scene_of(self, r) for r in options[:2]]


def consult(problem, oracle, hand, rounds, axes, by_jax, options) -> Verdict:
    failed = [r for r in rounds if r.returned.error is not None]
    rounds[:] = [r for r in rounds if r.returned.error is None]
    if not rounds:
        return Verdict(problem, (_raises(failed[0]),))
    case = _Case(problem, oracle, hand, rounds, axes, by_jax, dict(options.demand), options.dtype)
    findings, notes = structure(case)
    told: list[str] = []
    if rounds[0].got:
        findings += shape_findings(case, findings)
        findings += precision(case)
        ill = [r for r in case.generic if _unsettled(r, findings, problem)]
        if ill and not _only_as_given(case, ill):
            try:
                findings += diagnosis(case, ill, findings)
            except Exception as error:  # the verdict stands, whatever goes wrong in looking for its reason
                notes.append(f"the search for the reason failed: {type(error).__name__}: {error}")
        else:
            told, more = at_kinks(case, {n for f in findings for n in f.leaves})
            findings += more
            findings += elsewhere(case, {n for f in findings for n in f.leaves})
        if failed and not findings:
            findings.append(_raises(failed[0]))
        notes += remarks(case)
    short = problem.short
    findings = [replace(f, leaves=tuple(map(short, f.leaves))) for f in findings]
    return Verdict(problem, tuple(_once(findings)), tuple(dict.fromkeys(told)), tuple(dict.fromkeys(notes)))


def _only_as_given(case: _Case, ill: list[Round]) -> bool:
    """Right at random values: then the given ones (zero biases, say) are a special point."""
    return [r.probe.name for r in ill] == ["as given"] and len(case.generic) > 1


def _once(findings: list[Finding]) -> list[Finding]:
    """One entry for one mistake, with all the leaves it explains."""
    seen: dict[tuple, Finding] = {}
    for f in findings:
        old = seen.get((f.name, f.sentence))
        more = f if old is None else replace(old, leaves=tuple(dict.fromkeys((*old.leaves, *f.leaves))))
        seen[f.name, f.sentence] = more
    return list(seen.values())


def _unsettled(r: Round, findings: list[Finding], problem: Problem) -> list[str]:
    said = {n for f in findings if f.name != UNNAMED for n in f.leaves}
    return [n for n in r.wrong if n not in said]


# -- what came back --------------------------------------------------------------------------------------------------


def structure(case: _Case) -> tuple[list[Finding], list[str]]:
    """Nothing, an exception, leaves missing, nan."""
    first = case.rounds[0]
    if first.returned.nothing:
        return [Finding("missing return", "backward returned None: a function without `return` does",
                        tuple(first.want), backward=case.hand.without_return(first.probe.point))], []  # fmt: skip
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


def _raises(r: Round) -> Finding:
    error = r.returned.error
    text = (str(error).strip().splitlines() or [""])[0]
    at = "" if r.probe.name == "as given" else f" (only at the probe {r.probe.name!r})"
    return Finding(f"backward raises {type(error).__name__}", f"{text or 'no message'}{at}", backward=r.returned.where)


def shape_findings(case: _Case, before: list[Finding]) -> list[Finding]:
    """Look at shapes once, and bring into shape what can be."""
    found: list[Finding] = []
    for r in case.rounds:
        sized = {n: np.asarray(g, np.float64) for n, g in r.got.items()}
        usable, findings = shapes.settle(sized, {n: r.want[n] for n in sized}, max(r.exact, 1e-7))
        if findings and not found and not r.probe.special:
            log = case.log(r)
            found = [replace(f, backward=_assigned(log, r.got[f.leaves[0]], "swapped" in f.name)) for f in findings]
        for n in r.got:
            if n not in usable:
                r.excused.pop(n, None)
    return found


def _assigned(log: list[Assignment], value: np.ndarray, last: bool = False) -> Where | None:
    order = reversed(log) if last else log
    hit = next((a for a in order if a.value.shape == value.shape and np.array_equal(a.value, value)), None)
    return None if hit is None else hit.where


# -- precision -------------------------------------------------------------------------------------------------------


def precision(case: _Case) -> list[Finding]:
    """float32 or float16 somewhere inside, where float64 came in and float64 is what forward gives.

    Rounding is told from a wrong formula by its noise: at a point a hair away, the error is another one.
    """
    if case.dtype != "float64" or case.oracle.tolerance > 1e-8 or not case.generic:
        return []
    r = case.generic[min(1, len(case.generic) - 1)]
    found: dict[str, list[str]] = {}
    for n in r.got:
        error = r.figures[n].rel_l2
        if r.exact < error <= 2e-2 and _is_noise(case, r, n, error):
            found.setdefault(_rounded(r.got[n], error, batch_of(case, r) or 1), []).append(n)
    findings = []
    for low, names in found.items():
        hit = next((a for a in case.log(r) if a.value.dtype.name == low and _is_low(a.value)), None)
        error = max(r.figures[n].rel_l2 for n in names)
        sentence = (
            f"the gradient of {', '.join(map(case.problem.short, names))} is right to {error:.0e} only; the rest is "
            f"rounding noise: it was computed in {low} where arguments and loss are float64"
        )
        findings.append(
            Finding(f"accumulated in {low}", sentence, tuple(names), backward=None if hit is None else hit.where)
        )
    return findings


def _is_noise(case: _Case, r: Round, name: str, error: float) -> bool:
    """Does the error change altogether when every number moves by about as much as the error?"""
    rng, point = np.random.default_rng(0), r.probe.point
    size = min(1e-2, max(1e-7, 3 * error))
    arrays = {
        n: np.asarray(x, float) * (1 + size * rng.normal(size=np.shape(x)))
        for n, x in case.problem.arrays(point.args).items()
        if n in case.problem.differentiated
    }
    moved = replace(point, args=case.problem.with_arrays(point.args, arrays))
    want, returned = case.oracle.gradient(moved), case.hand(moved)
    if returned.error is not None or returned.gradients.get(name) is None:
        return False
    got = np.asarray(returned.gradients[name], np.float64)
    before = np.asarray(r.got[name], np.float64) - r.want[name]
    return bool(np.linalg.norm(got - want[name] - before) > 0.3 * np.linalg.norm(before))


def _is_low(x: np.ndarray) -> bool:
    """An array of less than float64 whose numbers are not simply 0, 1 and the like."""
    return x.dtype.itemsize < 8 and x.size > 0 and bool((np.asarray(x, float) != np.rint(np.asarray(x, float))).any())


def _rounded(got: np.ndarray, error: float, batch: int) -> str:
    """The low precision that the values show, or else the one that the size of the error suggests."""
    for dtype in ("float16", "bfloat16", "float32"):
        if got.dtype.name == dtype:
            return dtype
        for k in (1, batch):
            x = np.asarray(got, np.float64) * k
            if 3e-3 * float(jax.numpy.finfo(dtype).eps) < error and np.array_equal(
                x.astype(jax.numpy.dtype(dtype)).astype(np.float64), x
            ):
                return dtype
    return "float32" if error < 1e-5 else "float16"


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
    ill = sorted(
        ill, key=lambda r: (not r.probe.name.startswith("random"), r.probe.name.startswith(("batch", "other")))
    )
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
    evidence = [
        f"recomputed with this mistake, the gradient of {names} is the returned one to {max(gap, 1e-16):.0e}{at}"
    ]
    exact = [n for n in scene.right if all(scene.first_use(n) > scene.first_use(o) for o in e.leaves)]
    if exact:
        evidence.append(f"nearer the output all is exact ({', '.join(map(short, exact))})")
    place = h.place
    if place is None and e.leaves and scene.first_use(e.leaves[0]) < len(scene.tape.nodes):
        place = scene.first_use(e.leaves[0])
    sentence = h.sentence
    for n in sorted(scene.got, key=len, reverse=True):
        sentence = sentence.replace(n, short(n))
    forward = {node.where for node in scene.tape.nodes}
    shared = {a.function for a in log if a.where in forward}  # what forward runs too is not where it went wrong
    logs = [a for a in log if a.function not in shared], [a for a in log if a.where not in forward], log
    line = next((where for part in logs if (where := _backward_line(e, part)) is not None), None)
    return Finding(h.name, sentence, e.leaves, scene.line(place), line, tuple(evidence))


def _backward_line(e: Explanation, log: list[Assignment]) -> Where | None:
    """The line of the backward that first holds what only this mistake produces."""
    h, scene = e.hypothesis, e.scene
    if h.factor is not None and len(e.leaves) > 1:
        where = _factor_line(e, h.factor, log)
        if where is not None:
            return where
    for n, value in h.leaves.items():
        if n in e.leaves:
            if h.name.startswith(("gradients swapped", "gradients in reverse", "gradient of another")):
                return _assigned(log, scene.got[n], last=True)
            hit = next((a for a in log if a.name != "return" and _equal(a.value, value, scene)), None) or line_of(
                value, log
            )
            if hit is not None:
                return hit.where
    if not h.changes:
        return None
    deltas = scene.tape.changed(scene.cotangents, h.changes)
    misplaced = h.name.startswith(("derivative taken of", "derivative formula", "derivative at another"))
    for index in sorted(h.changes, reverse=True):
        true = scene.cotangents[index]
        if true is None:
            continue
        for parent, d in h.changes[index](true + deltas.get(index, 0.0)):
            slope = _slope_of(h.changes[index], parent, true)
            right = _slope_of(lambda dy, i=index: scene.tape.step(i, dy), parent, true)
            if slope is not None and np.ptp(slope) == 0:  # passed on: what was last assigned the incoming gradient
                hit = next((a for a in reversed(log) if a.name != "return" and line_of(d, [a])), None)
                if hit is not None:
                    return hit.where
            targets = ((slope, right), (d, scene.cotangents[parent]))
            for target, avoid in reversed(targets) if misplaced else targets:
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


def _factor_line(e: Explanation, c: float, log: list[Assignment]) -> Where | None:
    """The first line whose value is a right cotangent times the factor; times m too where 1/m comes later."""
    scene = e.scene
    last = len(scene.tape.nodes) if e.hypothesis.place is None else e.hypothesis.place
    known = [v for v in scene.cotangents[: last + 1] if v is not None and v.size > 1] if scene.children else []
    m = scene.batch or 1
    ratios = (c,) if abs(abs(c) - 1 / m) < 1e-9 else (c, c * m)
    for a in log:
        for v in known:
            if v.size == a.value.size and line_of(v, [a]):
                top = int(np.argmax(np.abs(v)))
                for flat in (np.ravel(a.value), np.ravel(a.value.T)):
                    if any(abs(flat[top] - r * v.flat[top]) <= 1e-6 * abs(flat[top]) for r in ratios):
                        return a.where
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
    culprit = _culprit(scene, log)
    if culprit is not None:
        index, wrong = culprit
        node = scene.tape.nodes[index]
        figures = compare(np.asarray(wrong.value, float), scene.cotangents[index], scene.floor)
        sentence += f"; but `{wrong.name}` at {wrong.where} is where it begins"
        evidence.append(
            f"taken as the gradient of `{node.where.text if node.where else node.kind}`, it gives every wrong leaf; "
            f"against the right one: cosine {figures.cosine:.4f}, norm ratio {figures.ratio:.4g}"
        )
    return Finding(UNNAMED, sentence, tuple(scene.wrong), scene.line(scene.first_use(scene.wrong[0])) if scene.children
                   else None, None if wrong is None else wrong.where, tuple(evidence))  # fmt: skip


def _put_in(scene: Scene, index: int, value: np.ndarray, dy: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """The step of a node as if its cotangent were another."""
    return scene.tape.step(index, value)


def _culprit(scene: Scene, log: list[Assignment], seconds: float = 5.0) -> tuple[int, Assignment] | None:
    """The value of the backward that, put in for the right cotangent of some value, explains every wrong leaf."""
    stop = time.monotonic() + seconds
    live = [i for i, c in enumerate(scene.cotangents) if c is not None and c.size > 1] if scene.children else []
    for index in sorted(live, reverse=True):
        true = scene.cotangents[index]
        if scene.tape.nodes[index].kind == "leaf":
            continue
        for a in log:
            if a.value.shape != true.shape or line_of(true, [a]) or time.monotonic() > stop:
                continue
            for scale in (1.0, 1 / (scene.batch or 1)):
                value = np.asarray(a.value, float) * scale
                pred = scene.predict(Hypothesis("", "", 0, {index: partial(_put_in, scene, index, value)}))
                if all(scene.agrees(n, pred[n]) for n in scene.wrong) and all(
                    scene.agrees(n, pred[n]) for n in scene.right
                ):
                    return index, a
    return None


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
        f"right for the arguments as given, wrong at the probe {r.probe.name!r}: a size of the given ones seems to "
        "be written as a constant, or one size used for another",
        tuple(r.wrong),
        evidence=(f"wrong there: {names}",),
    )


# -- special points --------------------------------------------------------------------------------------------------


def at_kinks(case: _Case, said: set[str]) -> tuple[list[str], list[Finding]]:
    """Blank input and ties: which convention, or which error."""
    told: list[str] = []
    findings: list[Finding] = []
    for r in case.rounds:
        if r.probe.name not in ("as given", "blank input", "ties"):
            continue
        wrong = [n for n in r.wrong if n not in said]
        if r.wrong and not wrong or not wrong and (r.probe.name == "as given" or not case.demand and case.by_jax):
            continue
        scene = scene_of(case, r)
        alike = [m for m in (*case.models, scene) if _same_program(m, scene)]
        if len(alike) < 2:
            if r.wrong:
                r.excused |= {n: "undecided" for n in r.wrong}
                told.append(f"undecided at {r.probe.name!r}: the forward could not be followed to its kinks")
            continue
        known = {(p.kind, p.y): p for m in reversed(alike) for p in m.found}
        scene = replace(scene, parts=list(known.values()))
        kinds = conventions.kinks(scene)
        choice = conventions.match(scene) if kinds else None
        if choice is not None:
            r.excused |= {n: "convention" for n in r.wrong}
            told += conventions.told(choice)
            findings += _demanded(case, choice, r, scene)
        elif r.wrong:
            more = _wrong_at_kink(case, r, scene)
            if _other_ties(scene) and all(f.name == UNNAMED for f in more):
                r.excused |= {n: "undecided" for n in r.wrong}
                told.append(f"undecided at {r.probe.name!r}: a kink of the forward is not known")
            else:
                findings += more
    return told, findings


def _other_ties(scene: Scene) -> bool:
    """Does a maximum, minimum or absolute value sit on its kink outside the parts that are known?"""
    inside = {i for p in scene.found for i in range(p.x + 1, p.y + 1)}
    for index, node in enumerate(scene.tape.nodes):
        if index in inside or not scene.tape.alive(index):
            continue
        if node.kind in ("maximum", "minimum") and np.any(node.inputs[0] == node.inputs[1]):
            return True
        if node.kind == "absolute" and np.any(node.inputs[0] == 0):
            return True
    return False


def _same_program(a: Scene, b: Scene) -> bool:
    return bool(a.children) and [n.kind for n in a.tape.nodes] == [n.kind for n in b.tape.nodes]


def _chosen(scene: Scene, choice: dict[str, Any]) -> Explanation:
    """The choice as a hypothesis, to look for its line."""
    changes = {n: s(choice[k]) for k, pairs in conventions.kinks(scene).items() if k in choice for n, s in pairs}
    return Explanation(Hypothesis("", "", 0, changes), tuple(scene.got), scene)


def _demanded(case: _Case, choice: dict[str, Any], r: Round, scene: Scene) -> list[Finding]:
    findings = []
    for kind, want in case.demand.items():
        if kind in choice and choice[kind] != want:
            is_, should = conventions.told({kind: choice[kind]})[0], conventions.told({kind: want})[0]
            name = "relu' >= 0" if (kind, choice[kind]) == ("relu", 1.0) else "another convention at a kink"
            said = " (z >= 0 is written for z > 0)" if name == "relu' >= 0" else ""
            wrong = tuple(n for n in r.got if r.excused.get(n) == "convention") or tuple(r.got)
            scene_line = _backward_line(_chosen(scene, choice), case.log(r))
            findings.append(Finding(name, f"{is_}{said}; demanded is: {should}", wrong, backward=scene_line))
            r.excused |= {n: "wrong" for n in wrong if r.figures[n].rel_l2 > r.exact}
    return findings


def _wrong_at_kink(case: _Case, r: Round, scene: Scene) -> list[Finding]:
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


def elsewhere(case: _Case, said: set[str]) -> list[Finding]:
    """Wrong only where the data are whole numbers; where parameters are large, a small constant may show."""
    findings = []
    for r in case.rounds:
        names = tuple(n for n in r.wrong if n not in said)
        if r.probe.name == "whole-number input" and names:
            args = numpy_args(case.problem, _as_floats(case.problem, r.probe.point.args))
            same = case.hand(replace(r.probe.point, args=args)).gradients
            if all(same.get(n) is not None and np.allclose(same[n], r.got[n], rtol=1e-6) for n in names):
                r.excused |= {n: "undecided" for n in names}
                continue
            whole = all((np.asarray(r.got[n], float) == np.rint(np.asarray(r.got[n], float))).all() for n in names)
            told = ", ".join(map(case.problem.short, names))
            name = "gradient truncated to integers" if whole else "wrong for whole-number input"
            why = (
                "its array was made like the integer input" if whole else "an integer dtype is inherited from the input"
            )
            findings.append(Finding(name, f"the gradient of {told} is wrong when the data are integers: {why}", names))
        if r.probe.name == "saturated":
            r.excused |= {n: "undecided" for n in names}
    return findings


def _as_floats(problem: Problem, args: tuple) -> tuple:
    data = {n: x for n, x in problem.arrays(args).items() if is_integer(x) and np.ndim(x) > 1}
    return problem.with_arrays(args, {n: np.asarray(x, float) for n, x in data.items()})


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
    apart = [r for r in case.rounds if r.probe.name == "saturated" and any(r.verdict(n) == "undecided" for n in r.got)]
    if apart:
        notes.append("at large parameters the two part: a clip or an epsilon of the forward that backward leaves out")
    return notes
