"""Rounding in a lower precision, as opposed to a wrong formula."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np

from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round, batch_of
from jaxdoodle.gradcheck.report import Finding


def precision(case: Case) -> list[Finding]:
    """float32 or float16 somewhere inside, where arguments and forward are float64.

    Rounding is noise: at a point very near, the error is another one; that of a wrong formula is not.
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
        line = next((a.where for a in case.log(r) if a.value.dtype.name == low and _is_low(a.value)), None)
        error = max(r.figures[n].rel_l2 for n in names)
        sentence = (
            f"the gradient of {', '.join(map(case.problem.short, names))} is right to {error:.0e} only; the rest is "
            f"rounding noise: it was computed in {low} where arguments and loss are float64"
        )
        findings.append(Finding(f"accumulated in {low}", sentence, tuple(names), backward=line))
    return findings


def _is_noise(case: Case, r: Round, name: str, error: float) -> bool:
    """Does the error change altogether when every number moves by about as much as the error?"""
    rng, point = np.random.default_rng(0), r.at.point
    size = min(1e-2, max(1e-7, 3 * error))
    arrays = {
        n: np.asarray(x, float) * (1 + size * rng.normal(size=np.shape(x)))
        for n, x in case.problem.arrays(point.args).items()
        if n in case.problem.differentiated
    }
    moved = replace(point, args=case.problem.with_arrays(point.args, arrays))
    want, returned = case.oracle.gradient(moved), case.candidate(moved)
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
