"""What is wrong as a derivative and right by a convention that its author may declare."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.diagnosis.evidence import Round
from jaxdoodle.gradcheck.reference import Oracle
from jaxdoodle.gradcheck.report import Finding
from jaxdoodle.gradcheck.setup.candidate import Candidate
from jaxdoodle.gradcheck.setup.leaves import is_floating
from jaxdoodle.gradcheck.setup.problem import Point, Problem, numpy_args

#: What code may follow on purpose, declared by ``conventions``.
CONVENTIONS = ("batch mean", "straight through", "ties")
#: Inputs near a kink whose gradients bound what may be returned at it, and how far they lie from it.
_NEIGHBORS, _NEAR = 8, 1e-6
_MEANING = {
    "batch mean": "the mean over the batch is taken in this backward, as some courses write it",
    "straight through": "the gradient passes a step straight through",
    "ties": "at a tie, every largest entry takes the whole gradient",
}


def by_convention(
    problem: Problem,
    oracle: Oracle,
    candidate: Candidate,
    rounds: list[Round],
    axes: dict[str, int],
    declared: Collection[str],
    demand: Mapping[str, Any],
) -> dict[str, list[str]]:
    """What is wrong as a derivative and right by a convention: excused where that is declared (or where it shows at
    ties alone). Gives the remarks for the report under ``""``, and by leaf the conventions that could be declared."""
    told: dict[str, list[str]] = {}
    generic = [r for r in rounds if not r.at.special and r.at.name != "as given"] or rounds

    def excuse(found: list[Round], name: str, convention: str) -> None:
        for r in found:
            r.excused[name] = "convention"
        told.setdefault("", []).append(f"{problem.short(name)}: {_MEANING[convention]}")

    for name in dict.fromkeys(n for r in rounds for n in r.wrong if r.got[n].shape == r.want[n].shape):
        wrong = [r for r in rounds if name in r.wrong]
        sizes = {id(r): _batch_size(problem, axes, r) for r in generic if name in r.got}
        if all(name in r.wrong for r in generic):
            by_mean = len(set(sizes.values()) - {None}) > 1 and all(
                m is not None and np.allclose(r.got[name] * m, r.want[name], rtol=1e-6, atol=1e-9 * r.floor)
                for r, m in zip(generic, sizes.values(), strict=True)
            )
            through = all(not np.any(r.want[name]) and np.any(r.got[name]) for r in generic)
            convention = "batch mean" if by_mean else "straight through" if through else None
            if convention is not None and convention in declared:
                excuse(wrong, name, convention)
            elif convention is not None:
                told[name] = [convention]
        elif not any(name in r.wrong for r in generic) and not demand:
            found = [r for r in wrong if _only_at_the_kink(problem, oracle, candidate, r, name)]
            if found:
                excuse(found, name, "ties")
                if "ties" not in declared:
                    told[""][-1] += ' (declare conventions=("ties",), or demand={"max": "first"} to refuse it)'
    parameters = {n for n in problem.differentiated if n not in axes}
    if {n for n, found in told.items() if "batch mean" in found} != parameters:
        return {n: [c for c in found if c != "batch mean"] for n, found in told.items()}  # of one alone: a mistake
    return told


def _batch_size(problem: Problem, axes: dict[str, int], r: Round) -> int | None:
    if not axes:
        return None
    name, axis = next(iter(axes.items()))
    return int(np.shape(problem.arrays(r.at.point.args)[name])[axis])


def _only_at_the_kink(problem: Problem, oracle: Oracle, candidate: Candidate, r: Round, name: str) -> bool:
    """Is the candidate right at inputs as near as one likes, and every entry at the kink one that they give?"""
    rng, arrays = np.random.default_rng(0), problem.arrays(numpy_args(problem, r.at.point.args))
    near: list[np.ndarray] = []
    for _ in range(_NEIGHBORS):
        moved = {n: x + _NEAR * rng.normal(size=np.shape(x)) for n, x in arrays.items() if is_floating(x)}
        point = Point(problem.with_arrays(r.at.point.args, moved), r.at.point.cotangent)
        want, got = oracle.gradient(point)[name], candidate(point).gradients.get(name)
        if got is None or got.shape != want.shape or not _near(got, want, r.floor):
            return False
        near.append(want)
    slack = 10 * _NEAR * (1 + np.max(np.abs(near), axis=0))
    got = np.asarray(r.got[name], float)
    return bool(((got >= np.min(near, axis=0) - slack) & (got <= np.max(near, axis=0) + slack)).all())


def _near(got: np.ndarray, want: np.ndarray, floor: float) -> bool:
    return np.allclose(got, want, rtol=1e-4, atol=1e-4 * floor + 1e-12)


def offers_for(offers: dict[str, list[str]], finding: Finding) -> list[str]:
    found = dict.fromkeys(c for leaf, names in offers.items() for c in names if leaf.endswith(finding.leaves or ("",)))
    return [f'if it is meant so ({_MEANING[c]}), declare it: conventions=("{c}",)' for c in found if c in _MEANING]
