"""From the rounds of a check to a verdict: structure, precision, mistakes, kinks, remarks."""

from __future__ import annotations

import contextlib
import inspect
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdoodle.core.time_limit import TimeOutError
from jaxdoodle.gradcheck.conventions import offered
from jaxdoodle.gradcheck.diagnosis import shapes
from jaxdoodle.gradcheck.diagnosis.catalogue import BROADCASTS, NOT_FINITE, SWAPPED
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round
from jaxdoodle.gradcheck.diagnosis.explain import explanations, mended_at
from jaxdoodle.gradcheck.diagnosis.kinks import at_kinks
from jaxdoodle.gradcheck.diagnosis.limits import GUARD, LARGE, guard_counts, guarded
from jaxdoodle.gradcheck.diagnosis.locate import assigned
from jaxdoodle.gradcheck.diagnosis.precision import precision
from jaxdoodle.gradcheck.reference import confirmed
from jaxdoodle.gradcheck.report import UNNAMED, Finding
from jaxdoodle.gradcheck.setup.leaves import is_complex, is_floating, is_integer
from jaxdoodle.gradcheck.setup.problem import Problem, float_outputs, numpy_args, run_forward, why_it_ended
from jaxdoodle.gradcheck.setup.test_points import DOUT, KINKS, LARGER, OTHER_SHAPES


def diagnose(case: Case, offers: dict[str, list[str]], explain: bool) -> tuple[list[Finding], list[str], list[str]]:
    """The mistakes, the conventions at kinks, and remarks. Rounds that failed, or are set aside, leave the case."""
    problem, rounds = case.problem, case.rounds
    failed = [r for r in rounds if r.returned.error is not None]
    rounds[:] = [r for r in rounds if r.returned.error is None]
    if not rounds:
        return [_raises(failed[0])], [], []
    findings, notes = structure(case)
    told: list[str] = []
    findings += changed_in_place(case)
    if rounds[0].got:
        findings += offered(offers, case)
        findings += shape_findings(case)
        findings += precision(case)
        excuse_guards(case)
        settled = {n for f in findings if f.name not in (UNNAMED, NOT_FINITE, BROADCASTS) for n in f.leaves}
        ill = [r for r in case.generic if {*r.wrong} - settled]
        # right at random values: then the given ones (zero biases, say) are a special point
        if ill and ([r.at.name for r in ill] != ["as given"] or len(case.generic) == 1):
            excuse_at_large(case, {n for r in case.generic for n in r.wrong})
            try:
                none = Finding(UNNAMED, "no reason was looked for", tuple(ill[0].wrong))
                more = explanations(case, ill, findings) if explain else [none]
                said = {n for f in more if f.name != UNNAMED for n in f.leaves}
                findings = [f for f in findings if f.name not in (UNNAMED, BROADCASTS) or not said >= {*f.leaves}]
                findings += more
            except (Exception, TimeOutError) as error:  # of the user's code, which runs again: the verdict stands
                why = f"the search for the reason failed: {why_it_ended(error)}"
                findings.append(Finding(UNNAMED, "no reason was found", tuple(ill[0].wrong), evidence=(why,)))
        else:
            told, more = at_kinks(case, {n for f in findings for n in f.leaves})
            findings += more
            told += cut_off(case)
            findings += elsewhere(case, {n for f in findings for n in f.leaves})
        if failed and not findings:
            findings.append(_raises(failed[0]))
        notes += remarks(case, {n for f in findings for n in f.leaves})
    short = problem.short
    findings = [replace(f, leaves=tuple(map(short, f.leaves))) for f in findings]
    return _once(findings), list(dict.fromkeys(told)), list(dict.fromkeys(notes))


def set_sizes_aside(rounds: list[Round]) -> list[str]:
    """Where a derivation that is right at the sizes given cannot be run at others, that is a note.

    Where it runs there and gives other numbers than the right ones, it is wrong.
    """
    here = [r for r in rounds if r.at.name not in (OTHER_SHAPES, LARGER) and not r.at.special]
    if any(r.returned.error is not None for r in here):
        return []
    apart = [r for r in rounds if r.at.name in (OTHER_SHAPES, LARGER) and not _runs_as(here[0], r)]
    if not apart:
        return []
    rounds[:] = [r for r in rounds if all(r is not other for other in apart)]
    return ["at other sizes backward fails, as where a size is written as a number: it is checked at those given only"]


def _runs_as(here: Round, r: Round) -> bool:
    """Without an exception, and with every gradient in its shape that is in its shape at the sizes given."""
    fits = [n for n, g in here.got.items() if g.shape == here.want[n].shape]
    return r.returned.error is None and all(n in r.got and r.got[n].shape == r.want[n].shape for n in fits)


def _once(findings: list[Finding]) -> list[Finding]:
    """One entry for one mistake, with all the leaves it explains."""
    seen: dict[tuple, Finding] = {}
    for f in findings:
        old = seen.get((f.name, f.sentence))
        more = f if old is None else replace(old, leaves=tuple(dict.fromkeys((*old.leaves, *f.leaves))))
        seen[f.name, f.sentence] = more
    return list(seen.values())


def _measured(r: Round, name: str) -> Any:
    """Where there is a right gradient, which a point without a derivative has not."""
    return ~np.isnan(r.want[name]) if r.got[name].shape == r.want[name].shape else ...


def structure(case: Case) -> tuple[list[Finding], list[str]]:
    """Nothing, an exception, leaves missing, nan."""
    first = case.rounds[0]
    if first.returned.nothing:
        return [Finding("missing return", "backward returned None: a function without `return` does",
                        tuple(first.want), backward=case.candidate.without_return(first.at.point))], []  # fmt: skip
    findings, notes = [], list(first.returned.odd)
    missing = [n for n in first.want if n not in first.got and any(np.any(r.want[n]) for r in case.rounds)]
    told = "no gradient came back for"
    findings += [Finding("gradient missing", f"{told} {case.problem.short(n)}", (n,)) for n in missing]
    if case.problem.all_wrt is not None:
        silent = ", ".join(case.problem.names[i] for i in case.problem.all_wrt if i not in case.problem.wrt)
        notes += [f"no gradient for {silent}: None is returned"] if silent else []
    arrays = case.problem.arrays(first.at.point.args)
    notes += [f"{n} is complex: its gradient is not checked" for n, x in arrays.items() if is_complex(x)]
    for r in case.rounds:
        if r.at.name.startswith(DOUT):
            continue  # a low precision overflows there
        bad = [n for n, g in r.got.items() if not np.isfinite(np.asarray(g, float)[_measured(r, n)]).all()]
        told = ", ".join(map(case.problem.short, bad))
        if bad and (r.at.name == "blank input" and guarded(case, r) or r.at.name in LARGE and guard_counts(case, r)):
            r.excused |= {n: "undecided" for n in bad}
            guard = "what guards the forward there (a clip, an epsilon) is not in backward"
            notes.append(f"at {r.at.name!r} the gradient of {told} is not finite: {guard}")
        elif bad:
            told = f"the gradient of {told} is not finite at {r.at.name!r}, where the right one is"
            findings.append(Finding(NOT_FINITE, told, tuple(bad)))
            break
    return findings, notes


def changed_in_place(case: Case) -> list[Finding]:
    """Arrays of the caller's that hold other numbers after the backward: what else is computed from them is wrong."""
    first = next((r for r in case.rounds if r.at.name.startswith("random")), case.rounds[0])
    changed = case.candidate.changes(first.at.point)
    if not changed:
        return []
    told, log = ", ".join(map(case.problem.short, changed)), case.log(first)
    line = next((where for value in changed.values() if (where := assigned(log, value)) is not None), None)
    return [Finding("argument changed in place", f"after backward the caller's {told} holds other numbers: it is "
                    "changed in place; work on a copy", backward=line)]  # fmt: skip


def _raises(r: Round) -> Finding:
    error = r.returned.error
    text = (str(error).strip().splitlines() or [""])[0]
    at = "" if r.at.name == "as given" else f" (only at {r.at.name!r})"
    return Finding(f"backward raises {type(error).__name__}", f"{text or 'no message'}{at}", backward=r.returned.where)


def shape_findings(case: Case) -> list[Finding]:
    """Findings about shapes, once."""
    found: list[Finding] = []
    for r in case.rounds:
        sized = {n: np.asarray(g, np.float64) for n, g in r.got.items()}
        usable, findings = shapes.settle(sized, {n: r.want[n] for n in sized}, max(r.exact, 1e-7))
        if findings and not found and not r.at.special:
            log = case.log(r)
            found = [replace(f, backward=assigned(log, r.got[f.leaves[0]], f.name == SWAPPED)) for f in findings]
        for n in r.got:
            if n not in usable:
                r.excused.pop(n, None)
    return found


def excuse_guards(case: Case) -> None:
    """A small constant of the forward against log(0) that backward leaves out: close where values are moderate."""
    usual = [r for r in case.generic if r.at.name == "as given" or r.at.name.startswith("random")]
    far = {n for r in usual for n in r.wrong if r.figures[n].rel_l2 > GUARD}
    for r in case.rounds if case.dtype == "float64" else ():
        near = [n for n in r.wrong if n not in far and r.figures[n].rel_l2 <= GUARD]
        if near and any(r0.verdict(n) == "close" for r0 in usual for n in near if n in r0.got) and guarded(case, r):
            r.excused |= {n: "close" for n in near}


def excuse_at_large(case: Case, said: set[str]) -> None:
    """What is wrong at large values alone, where a guard counts or the reference is not sure, is not decided."""
    for r in (r for r in case.rounds if r.at.name in LARGE):
        names = [n for n in r.wrong if n not in said]
        if names and (guard_counts(case, r) or not confirmed(case.problem, r.at.point, r.want)):
            r.excused |= dict.fromkeys(names, "undecided")


def cut_off(case: Case) -> list[str]:
    """Gradients of a loss that are right but for a limit that the usual ones do not reach: they are clipped."""
    limits = set[float]()
    for r in (r for r in case.rounds if not r.at.name.startswith(DOUT)):  # of a layer, that is not linear
        large = {n: np.asarray(r.got[n], float) for n in r.wrong if r.at.special and np.isfinite(r.got[n]).all()}
        top = max((float(np.abs(g).max()) for g in large.values()), default=0.0)
        alike = {n: g for n, g in large.items() if g.shape == r.want[n].shape}
        cut = {n for n, g in alike.items() if np.allclose(g, np.clip(r.want[n], -top, top), 1e-6)}
        if top and cut == {*r.wrong} and sum((np.abs(g) == top).sum() for g in large.values()) > 1:
            r.excused |= dict.fromkeys(cut, "convention")
            limits.add(top)
    return [f"gradients are cut off at {limit:.6g}" for limit in sorted(limits)]


def elsewhere(case: Case, said: set[str]) -> list[Finding]:
    """What is wrong at one special point alone: where data are whole numbers, or anything is very large or small."""
    findings = []
    excuse_at_large(case, said)
    for r in case.rounds:
        names = tuple(n for n in r.wrong if n not in said)
        if not names:
            continue
        told = ", ".join(map(case.problem.short, names))
        if r.at.name == "whole-number input":
            data = {n: x for n, x in case.problem.arrays(r.at.point.args).items() if is_integer(x) and np.ndim(x) > 1}
            floats = {n: np.asarray(x, float) for n, x in data.items()}
            args = numpy_args(case.problem, case.problem.with_arrays(r.at.point.args, floats))
            same = case.candidate(replace(r.at.point, args=args)).gradients
            if all(same.get(n) is not None and np.allclose(same[n], r.got[n], rtol=1e-6) for n in names):
                r.excused |= {n: "undecided" for n in names}
                continue
            whole = all((np.asarray(r.got[n], float) == np.rint(np.asarray(r.got[n], float))).all() for n in names)
            name = "gradient truncated to integers" if whole else "wrong for whole-number input"
            why = "its array was made like" if whole else "an integer dtype is inherited from"
            told = f"the gradient of {told} is wrong when the data are integers: {why} the integer input"
            findings.append(Finding(name, told, names))
        elif r.at.name.startswith(DOUT):
            factor = r.at.name.rpartition(" ")[2]
            findings.append(Finding(
                "not linear in the incoming gradient",
                f"the gradient of {told} is not {factor} times as large when the incoming gradient is {factor} times "
                "as large: something is cut off or dropped in backward", names))  # fmt: skip
        elif r.at.special or r.at.name in KINKS:
            which = "large values" if r.at.name in LARGE else r.at.name
            hint = ": a limit of the forward is not in backward" if r.at.name in LARGE else ""
            why = f"the gradient of {told} is right elsewhere and wrong at {r.at.name!r}{hint}"
            findings.append(mended_at(case, r, Finding(f"wrong at {which}", why, names)))
        said = said | {n for f in findings for n in f.leaves}
    return findings


def numerical_faults(case: Case) -> list[str]:
    """Inputs at which the forward gives nan or infinity: a thousand times as large, or with rows far apart."""
    args = next(iter(case.generic)).at.point.args
    arrays = case.problem.arrays(args)
    first = next((n for n in (*case.axes, *arrays) if is_floating(arrays[n]) and np.ndim(arrays[n]) > 1), None)
    if first is None or case.dtype != "float64" or _loops_until_done(case.problem):
        return []
    x = np.asarray(arrays[first], float)
    apart = 800.0 * np.arange(len(x)).reshape(-1, *[1] * (x.ndim - 1))
    for words, value in (("1000 times as large", 1000 * x), ("with rows 800 apart", x - apart)):
        with contextlib.suppress(Exception):  # any exception of the user's code is a refusal
            y = run_forward(case.problem, case.problem.with_arrays(args, {first: value}))
            odd = [np.asarray(v)[~np.isfinite(np.asarray(v, float))] for v in float_outputs(y).values()]
            if any(np.isnan(v).any() for v in odd):
                told = case.problem.short(first)
                return [f"the forward overflows: with {told} {words} it gives nan (0 / 0 or infinity - infinity)"]
    return []


def _loops_until_done(problem: Problem) -> bool:
    """A loop whose length hangs on values need not end at extreme ones."""
    try:
        return "while" in inspect.getsource(sys.modules[inspect.unwrap(problem.functions[0]).__module__])
    except (AttributeError, KeyError, OSError, TypeError):  # a partial, a built-in function, no source
        return True


def remarks(case: Case, said: set[str]) -> list[str]:
    """What passes and is still worth a line."""
    notes = [*case.oracle.remarks, *numerical_faults(case)]
    near = {n: r.figures[n].rel_l2 for r in case.generic for n in r.got if r.verdict(n) == "close" and n not in said}
    if near and case.dtype == "float64":
        names = ", ".join(map(case.problem.short, near))
        notes.append(
            f"{names} agree to {max(near.values()):.0e} only: typical of a small constant (an epsilon in a logarithm "
            "or a square root) that forward has and backward leaves out, or the reverse"
        )
    apart = [r for r in case.rounds if r.at.name in LARGE and any(r.verdict(n) == "undecided" for n in r.got)]
    if apart:
        notes.append(
            "at large parameters forward and backward differ: a clip or an epsilon of the forward is not in backward"
        )
    return notes
