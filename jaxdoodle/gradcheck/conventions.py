"""What is wrong as a derivative and right by a convention that its author may declare."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import numpy as np

from jaxdoodle.gradcheck.compare import close
from jaxdoodle.gradcheck.diagnosis.catalogue import MISSING_MEAN
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round, batch_of, evidence_of
from jaxdoodle.gradcheck.report import Finding
from jaxdoodle.gradcheck.setup.leaves import is_floating, is_real, leaves, rebuild
from jaxdoodle.gradcheck.setup.line_trace import line_of
from jaxdoodle.gradcheck.setup.problem import CheckError, Point, Problem, numpy_args, run_forward
from jaxdoodle.gradcheck.setup.test_points import KINKS

#: What code may follow on purpose, declared by ``conventions``; "mean of some": "batch mean", or the sum for some;
#: "passed through": "straight through", entry by entry the incoming gradient or nothing; "batch sum": of a mean;
#: "reversed": of what is passed on, times a negative number, as domain adversarial training has it (Ganin 2016);
#: "rule": the function has a rule of its own; where it is the identity, that may be there for its gradient alone.
CONVENTIONS = ("batch mean", "batch sum", "mean of some", "straight through", "passed through", "reversed", "ties",
               "rule")  # fmt: skip
#: Inputs near a kink whose gradients bound what may be returned at it, and how far they lie from it.
_NEIGHBORS, _NEAR = 8, 1e-6
#: Most neighbors tried until every cell of every tied window has been the largest once.
_MOST_NEIGHBORS = 64
KINK = "kink"
#: Convention -> what the report says of it.
_MEANING = {
    "batch mean": "the mean over the batch is taken in this backward, as some courses write it",
    "batch sum": "the gradient is that of the sum over the batch, where the forward takes the mean",
    "straight through": "the gradient passes a step straight through",
    "surrogate": "what is there in place of a step's derivative, which is 0, is not checked",
    "reversed": "the gradient is reversed",
    "rule": "what an identity has in place of its gradient is not checked",
    "ties": "at a tie, every largest entry takes the whole gradient",
}

#: Convention -> what it is called, and what is said, where it is not declared.
_MISTAKEN = {
    "batch mean": ("double 1/m", "the gradient of {} is divided by the number of examples; right is the sum over them"),
    "no batch mean": (
        MISSING_MEAN, "the gradient of {} is the sum over the batch, where that of other parameters is the mean"),
    "straight through": (
        "gradient of a step", "the forward is a step in {}: its derivative is 0, and backward passes a gradient"),
}  # fmt: skip


def by_convention(case: Case, declared: Collection[str]) -> dict[str, list[str]]:
    """What is wrong as a derivative and right by a convention: excused where that is declared (or where it shows at
    ties alone). Gives the remarks for the report under ``""``, and by leaf the conventions that could be declared."""
    problem, rounds, axes = case.problem, case.rounds, case.axes
    told: dict[str, list[str]] = {}
    passed = False  # a step passes the incoming gradient on
    means: dict[str, list[Round]] = {}
    generic = [r for r in rounds if not r.at.special and r.at.name != "as given"] or rounds

    def excuse(found: list[Round], name: str, convention: str) -> None:
        for r in found:
            r.excused[name] = "convention"
        told.setdefault("", []).append(f"{problem.short(name)}: {_MEANING[convention]}")

    for name in dict.fromkeys(n for r in rounds for n in r.wrong if r.got[n].shape == r.want[n].shape):
        wrong = [r for r in rounds if name in r.wrong]
        sizes = {id(r): batch_of(problem, axes, r.at.point) for r in generic if name in r.got}
        step = not any(np.any(np.nan_to_num(r.want[name])) for r in generic if name in r.got)  # nan: not measured
        if all(name in r.wrong or sizes.get(id(r)) == 1 or step for r in generic):
            by_mean, by_sum = _off_by(generic, name, sizes, 1), _off_by(generic, name, sizes, -1)
            through = step and any(np.any(r.got.get(name, 0)) for r in generic)
            mean = by_mean and not problem.scalar  # a loss says what is divided by the batch
            convention = "batch mean" if mean else "straight through" if through else None
            if convention == "batch mean" and {convention, "mean of some"} & {*declared}:
                means[name] = wrong
            elif by_sum and "batch sum" in declared:
                excuse(wrong, name, "batch sum")
            elif "reversed" in declared and all(_is_reversed(problem, r, name) for r in generic):
                excuse(wrong, name, "reversed")
            elif "rule" in declared and all(_is_returned(problem, r, name) for r in generic):
                excuse(wrong, name, "rule")
            elif convention is not None and convention in declared:
                excuse(wrong, name, convention)
            elif convention == "straight through" and "passed through" in declared and _passed_on(generic, name):
                excuse(wrong, name, convention)
                passed = True
            elif convention is not None:
                told[name] = [convention]
        elif not any(name in r.wrong for r in generic):
            at_kink = partial(_only_at_the_kink, case, name)
            found = [r for r in wrong if at_kink(r, r.at.name not in KINKS)]
            if found and all(_admissible(case, r, name) for r in found):
                for r in found:
                    r.excused[name] = "convention"
                told.setdefault(KINK, []).append(f"{problem.short(name)}: at a kink, a value between those beside it")
            elif found and not case.demand and all(at_kink(r, True) for r in found):
                excuse(found, name, "ties")
                if "ties" not in declared:
                    told[""][-1] += ' (declare conventions=("ties",), or demand={"max": "first"} to refuse it)'
    left = {n for r in rounds for n in r.wrong}
    if not left and (identity := [text for text in told.get("", ()) if text.endswith(_MEANING["rule"])]):
        raise CheckError(f"{problem.title}: {identity[0]}")
    steps = {n for n, found in told.items() if found == ["straight through"] and _factor(generic, n) is None}
    if "passed through" in declared and left and (passed or steps) and not problem.straight:
        for name in steps:
            del told[name]
            excuse([r for r in rounds if name in r.wrong], name, "surrogate")
        if left <= steps | (behind := _behind_steps(case, left - steps - told.keys())):
            short = " and ".join(map(problem.short, sorted(left)))
            declare = "" if behind else ': declare conventions=("straight through",)'
            raise CheckError(
                f"{problem.title}: the gradient of {short} passes a step; whether what is there in place of its "
                f"derivative, which is 0, is meant so cannot be told{declare}"
            )
    parameters = {n for n in problem.differentiated if n not in axes}
    never_wrong = parameters - {n for r in rounds for n in r.wrong}
    sums = {n for n in never_wrong for r in generic if n in r.got and r.want[n].any()}
    for name, wrong in means.items():
        excuse(wrong, name, "batch mean")
    if means and sums and "mean of some" not in declared:
        told |= {n: ["no batch mean"] for n in sums}
    if len(parameters) < 2 or {n for n, found in told.items() if "batch mean" in found} != parameters:
        return {n: [c for c in found if c != "batch mean"] for n, found in told.items()}  # of one alone: a mistake
    return told


def _behind_steps(case: Case, names: Collection[str]) -> set[str]:
    """Those whose gradient is another one where steps pass on what comes in; all, where the forward is not traced."""
    evidence = evidence_of(case, case.generic[-1])
    straight = evidence.tape.leaf_values(evidence.tape.straight().reverse(evidence.seeds))
    untold = {n for n in names if n not in evidence.got or not evidence.children}
    return untold | {n for n in {*names} - untold if not np.array_equal(straight[n], evidence.want[n])}


def _off_by(rounds: list[Round], name: str, sizes: dict[int, int | None], power: int) -> bool:
    """Is the gradient the right one times the batch size to a power, at several sizes?"""
    return len(set(sizes.values()) - {None}) > 1 and all(
        (m := sizes[id(r)]) is not None
        and r.got[name].shape == r.want[name].shape
        and np.allclose(r.got[name] * float(m) ** power, r.want[name], rtol=1e-6, atol=1e-9 * r.floor)
        for r in rounds
    )


def _is_returned(problem: Problem, r: Round, name: str) -> bool:
    """Does the forward return a leaf as it is?"""
    outputs = [y for _, y in leaves(run_forward(problem, r.at.point.args))]
    return len(outputs) == 1 and np.array_equal(outputs[0], problem.arrays(r.at.point.args)[name], equal_nan=True)


def _is_reversed(problem: Problem, r: Round, name: str) -> bool:
    """Is the gradient of what is returned as it is the incoming one times a negative number?"""
    return name in r.got and _is_returned(problem, r, name) and (_factor([r], name) or 0) < 0


def _passed_on(rounds: list[Round], name: str) -> bool:
    """Is every entry of the gradient that of the incoming one, or nothing?"""
    pairs = [(np.asarray(r.got[name]), np.asarray(r.at.point.cotangent)) for r in rounds]
    return all(g.shape == dy.shape and bool(((g == dy) | (g == 0)).all()) for g, dy in pairs)


def _factor(rounds: list[Round], name: str) -> float | None:
    """The number by which the gradient is the incoming one, wherever there is one; else ``None``."""
    given = [r for r in rounds if name in r.got]
    got = np.concatenate([np.ravel(r.got[name]) for r in given])
    dy = np.concatenate([np.ravel(y) for r in given for _, y in leaves(r.at.point.cotangent)])
    if got.shape != dy.shape or not dy.any():
        return None
    factor = float(np.vdot(got, dy) / np.vdot(dy, dy))
    return factor if np.allclose(got, factor * dy) else None


def _only_at_the_kink(case: Case, name: str, r: Round, right_beside: bool) -> bool:
    """Is every entry at the kink one that inputs as near as one likes give?

    ``right_beside``: and is the candidate right at these? One that is written for positive inputs need not be.
    """
    problem, rng = case.problem, np.random.default_rng(0)
    arrays = problem.arrays(numpy_args(problem, r.at.point.args))
    near: list[np.ndarray] = []
    returned = np.asarray(r.got[name], float)
    for k in range(1, _MOST_NEIGHBORS + 1):
        moved = {n: x + _NEAR * rng.normal(size=np.shape(x)) for n, x in arrays.items() if is_floating(x)}
        point = Point(problem.with_arrays(r.at.point.args, moved), r.at.point.cotangent)
        want = case.oracle.gradient(point)[name]
        got = case.candidate(point).gradients.get(name) if right_beside else want
        if got is None or not close(np.asarray(got, float), want, r.floor, 1e-4):
            return False
        near.append(want)
        slack = 10 * _NEAR * (1 + np.max(np.abs(near), axis=0))
        inside = (returned >= np.min(near, axis=0) - slack) & (returned <= np.max(near, axis=0) + slack)
        if k >= _NEIGHBORS and inside.all():
            return True
    return False


def _admissible(case: Case, r: Round, name: str) -> bool:
    """Is the value at the kink, along every direction tried, between the slopes on both sides (Clarke 1983)?"""
    problem, rng = case.problem, np.random.default_rng(1)
    arrays = problem.arrays(numpy_args(problem, r.at.point.args))
    # with positive cotangents a sum of maxima is convex: then the slopes on both sides are the bounds
    dy = None if problem.scalar else rebuild(r.at.point.cotangent, lambda _, y: np.abs(y) if is_real(y) else y)
    got, x = case.candidate(Point(r.at.point.args, dy)).gradients.get(name), np.asarray(arrays[name], float)
    if got is None:
        return False
    for k in range(_NEIGHBORS):
        v = np.ones(x.shape) if k == 0 else rng.normal(size=x.shape)
        slopes = []
        for step in (_NEAR, -_NEAR):
            point = Point(problem.with_arrays(r.at.point.args, {name: x + step * v}), dy)
            slopes.append(float(np.vdot(case.oracle.gradient(point)[name], v)))
        slack = 1e-4 * (max(map(abs, slopes)) + r.floor)
        if not min(slopes) - slack <= float(np.vdot(np.asarray(got, float), v)) <= max(slopes) + slack:
            return False
    return True


def offered(offers: dict[str, list[str]], case: Case) -> list[Finding]:
    """What a convention would explain, as mistakes, each with the declaration that makes it right."""
    findings = []
    for convention, (bug, sentence) in _MISTAKEN.items():
        names = tuple(n for n, found in offers.items() if convention in found)
        if not names:
            continue
        told = sentence.format(" and ".join(map(case.problem.short, names)))
        r = next((r for r in case.rounds if set(names) <= set(r.wrong)), case.rounds[0])
        line = line_of(np.asarray(r.got[names[0]]), case.log(r))
        means = _MEANING.get(convention)
        evidence = () if means is None else (f'if it is meant so ({means}), declare it: conventions=("{convention}",)',)
        findings.append(Finding(bug, told, names, backward=line.where if line else None, evidence=evidence))
    return findings
