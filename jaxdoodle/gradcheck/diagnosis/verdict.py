"""From the rounds of a check to a verdict: structure, precision, mistakes, kinks, remarks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jaxdoodle.gradcheck.diagnosis import shapes
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round
from jaxdoodle.gradcheck.diagnosis.explain import explanations
from jaxdoodle.gradcheck.diagnosis.kinks import at_kinks
from jaxdoodle.gradcheck.diagnosis.locate import assigned
from jaxdoodle.gradcheck.diagnosis.precision import precision
from jaxdoodle.gradcheck.report import UNNAMED, Finding, LeafResult, PointResult
from jaxdoodle.gradcheck.setup.leaves import is_integer
from jaxdoodle.gradcheck.setup.problem import Problem, numpy_args
from jaxdoodle.gradcheck.setup.test_points import OTHER_SHAPES

NOT_FINITE = "nan or infinity in the gradient"


@dataclass
class Verdict:
    problem: Problem
    findings: tuple[Finding, ...] = ()
    conventions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def result(self, r: Round) -> PointResult:
        return PointResult(
            r.at.name,
            tuple(LeafResult(self.problem.short(n), r.want[n].shape, r.figures[n], r.verdict(n)) for n in r.got),
        )


def diagnose(problem, oracle, candidate, rounds, axes, by_jax, options) -> Verdict:
    sizes = set_sizes_aside(rounds)
    failed = [r for r in rounds if r.returned.error is not None]
    rounds[:] = [r for r in rounds if r.returned.error is None]
    if not rounds:
        return Verdict(problem, (_raises(failed[0]),))
    case = Case(problem, oracle, candidate, rounds, axes, by_jax, dict(options.demand), options.dtype)
    findings, notes = structure(case)
    notes += sizes
    told: list[str] = []
    if rounds[0].got:
        findings += shape_findings(case, findings)
        findings += precision(case)
        ill = [r for r in case.generic if _unsettled(r, findings, problem)]
        if ill and not _only_as_given(case, ill):
            try:
                findings += explanations(case, ill, findings)
            except Exception as error:  # the verdict stands, even where the search for its reason fails
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


def set_sizes_aside(rounds: list[Round]) -> list[str]:
    """A derivation that is right wherever the sizes are those given is right; that it is for these alone is a note."""
    here = [r for r in rounds if r.at.name != OTHER_SHAPES and not r.at.special]
    if any(r.returned.error is not None for r in here):
        return []
    sound = [n for n in here[0].want if all(_right(r, n) for r in here)]
    apart = [
        r
        for r in rounds
        if r.at.name == OTHER_SHAPES and (r.returned.error is not None or not all(_right(r, n) for n in sound))
    ]
    if not apart:
        return []
    rounds[:] = [r for r in rounds if all(r is not other for other in apart)]
    return [
        "what is right is right for the sizes as given only: at other ones backward fails, as where a size is written "
        "as a number or one size is used for another"
    ]


def _right(r: Round, name: str) -> bool:
    return name in r.got and r.verdict(name) != "wrong"


def _only_as_given(case: Case, ill: list[Round]) -> bool:
    """Right at random values: then the given ones (zero biases, say) are a special point."""
    return [r.at.name for r in ill] == ["as given"] and len(case.generic) > 1


def _once(findings: list[Finding]) -> list[Finding]:
    """One entry for one mistake, with all the leaves it explains."""
    seen: dict[tuple, Finding] = {}
    for f in findings:
        old = seen.get((f.name, f.sentence))
        more = f if old is None else replace(old, leaves=tuple(dict.fromkeys((*old.leaves, *f.leaves))))
        seen[f.name, f.sentence] = more
    return list(seen.values())


def _unsettled(r: Round, findings: list[Finding], problem: Problem) -> list[str]:
    said = {n for f in findings if f.name not in (UNNAMED, NOT_FINITE) for n in f.leaves}
    return [n for n in r.wrong if n not in said]


def structure(case: Case) -> tuple[list[Finding], list[str]]:
    """Nothing, an exception, leaves missing, nan."""
    first = case.rounds[0]
    if first.returned.nothing:
        return [Finding("missing return", "backward returned None: a function without `return` does",
                        tuple(first.want), backward=case.candidate.without_return(first.at.point))], []  # fmt: skip
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
                Finding(NOT_FINITE,
                        f"the gradient of {told} is not finite at {r.at.name!r}, where the right one is",
                        tuple(bad))
            )  # fmt: skip
            break
    return findings, notes


def _raises(r: Round) -> Finding:
    error = r.returned.error
    text = (str(error).strip().splitlines() or [""])[0]
    at = "" if r.at.name == "as given" else f" (only at {r.at.name!r})"
    return Finding(f"backward raises {type(error).__name__}", f"{text or 'no message'}{at}", backward=r.returned.where)


def shape_findings(case: Case, before: list[Finding]) -> list[Finding]:
    """Findings about shapes, once."""
    found: list[Finding] = []
    for r in case.rounds:
        sized = {n: np.asarray(g, np.float64) for n, g in r.got.items()}
        usable, findings = shapes.settle(sized, {n: r.want[n] for n in sized}, max(r.exact, 1e-7))
        if findings and not found and not r.at.special:
            log = case.log(r)
            found = [replace(f, backward=assigned(log, r.got[f.leaves[0]], "swapped" in f.name)) for f in findings]
        for n in r.got:
            if n not in usable:
                r.excused.pop(n, None)
    return found


def elsewhere(case: Case, said: set[str]) -> list[Finding]:
    """Wrong only where the data are whole numbers; where parameters are large, a small constant may show."""
    findings = []
    for r in case.rounds:
        names = tuple(n for n in r.wrong if n not in said)
        if r.at.name == "whole-number input" and names:
            args = numpy_args(case.problem, _as_floats(case.problem, r.at.point.args))
            same = case.candidate(replace(r.at.point, args=args)).gradients
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
        if r.at.name == "saturated":
            r.excused |= {n: "undecided" for n in names}
    return findings


def _as_floats(problem: Problem, args: tuple) -> tuple:
    data = {n: x for n, x in problem.arrays(args).items() if is_integer(x) and np.ndim(x) > 1}
    return problem.with_arrays(args, {n: np.asarray(x, float) for n, x in data.items()})


def remarks(case: Case) -> list[str]:
    """What passes and is still worth a line."""
    notes = []
    near = {n: r.figures[n].rel_l2 for r in case.generic for n in r.got if r.verdict(n) == "close"}
    if near and case.dtype == "float64":
        names = ", ".join(map(case.problem.short, near))
        notes.append(
            f"{names} agree to {max(near.values()):.0e} only: typical of a small constant (an epsilon in a logarithm "
            "or a square root) that forward has and backward leaves out, or the reverse"
        )
    apart = [r for r in case.rounds if r.at.name == "saturated" and any(r.verdict(n) == "undecided" for n in r.got)]
    if apart:
        notes.append(
            "at large parameters forward and backward differ: a clip or an epsilon of the forward is not in backward"
        )
    return notes
