"""Rounding in a lower precision, as opposed to a wrong formula."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round
from jaxdoodle.gradcheck.report import Finding
from jaxdoodle.gradcheck.setup.leaves import is_floating, is_real, rebuild
from jaxdoodle.gradcheck.setup.line_trace import Assignment

#: Lower precisions, the shortest numbers first: what fits in one of the first two fits in the last as well.
_LOW = ("bfloat16", "float16", "float32")
#: Different numbers of an array that must fit in a lower precision to show it: 0.5 and 0.25 fit in each.
_SHOWN = 3
#: Relative errors up to which float32, then float16, made them, where no value of the backward shows which.
_OF_FLOAT32, _OF_FLOAT16 = 1e-5, 1e-3


def precision(case: Case) -> list[Finding]:
    """float32 or float16 somewhere inside, where arguments and forward are float64.

    Rounding is noise: at a point very near, the error is another one; that of a wrong formula is not.
    """
    if case.dtype != "float64" or case.oracle.tolerance > 1e-8 or not case.generic:
        return []
    r = case.generic[min(1, len(case.generic) - 1)]
    noisy = [n for n in r.got if r.exact < r.figures[n].rel_l2 <= 2e-2 and _is_noise(case, r, n)]
    log = case.log(r) if noisy else []
    # data may be float32 as they come
    given = [np.asarray(x) for x in case.problem.arrays(r.at.point.args).values() if is_floating(x)]
    made = (a for a in log if not any(np.array_equal(a.value, x) for x in given))
    shown = {id(a): low for a in made if (low := _shown(a.value)) is not None}
    found = dict[str, list[str]]()
    for n in noisy:
        low = _shown(r.got[n]) or next(iter(shown.values()), None)
        error = r.figures[n].rel_l2
        size = "float32" if error < _OF_FLOAT32 else "float16" if error < _OF_FLOAT16 else "bfloat16"
        found.setdefault(low or size, []).append(n)
    return [_finding(case, r, low, names, log, shown) for low, names in found.items()]


def _finding(case: Case, r: Round, low: str, names: list[str], log: list[Assignment], shown: dict[int, str]) -> Finding:
    """A value that was rounded (a cast), or an array of zeros that sums are added to."""
    first = next((a for a in log if shown.get(id(a)) == low), None) or next(
        (a for a in log if low in a.where.text), None
    )
    told, error = ", ".join(map(case.problem.short, names)), max(r.figures[n].rel_l2 for n in names)
    sums = first is not None and any(
        a.name == first.name and a.value.dtype.name == low and not a.value.any() for a in log[: log.index(first)]
    )
    done = f"sums are added up in {low}" if sums else f"values are cast to {low}"
    sentence = (
        f"the gradient of {told} is right to {error:.0e} only; the rest is rounding noise: {done} where arguments and "
        "loss are float64"
    )
    name = f"accumulated in {low}" if sums else f"cast to {low}"
    return Finding(name, sentence, tuple(names), backward=first.where if first else None)


def _is_noise(case: Case, r: Round, name: str) -> bool:
    """Does the error change altogether when every number moves by about as much as the error?"""
    rng, point = np.random.default_rng(0), r.at.point
    size = min(1e-2, max(1e-7, 3 * r.figures[name].rel_l2))

    def move(_: str, x: Any) -> Any:
        return np.asarray(x, float) * (1 + size * rng.normal(size=np.shape(x))) if is_real(x) else x

    arrays = {n: move(n, x) for n, x in case.problem.arrays(point.args).items() if n in case.problem.differentiated}
    dy = None if point.cotangent is None else rebuild(point.cotangent, move)
    moved = replace(point, args=case.problem.with_arrays(point.args, arrays), cotangent=dy)
    want, returned = case.oracle.gradient(moved), case.candidate(moved)
    if returned.error is not None or returned.gradients.get(name) is None:
        return False
    got = np.asarray(returned.gradients[name], np.float64)
    before = np.asarray(r.got[name], np.float64) - r.want[name]
    return bool(np.linalg.norm(got - want[name] - before) > 0.3 * np.linalg.norm(before))


def _shown(x: np.ndarray) -> str | None:
    """The lower precision in which an array is held, or whose numbers it holds."""
    values = np.unique(np.abs(np.asarray(x, np.float64)))
    if not (values != np.rint(values)).any():
        return None
    fits = (low for low in _LOW if _fits(values, low) and np.count_nonzero(values) >= _SHOWN)
    return x.dtype.name if x.dtype.itemsize < 8 else next(fits, None)


def _fits(x: np.ndarray, low: str) -> bool:
    return np.array_equal(x.astype(jax.numpy.dtype(low)).astype(np.float64), x)
