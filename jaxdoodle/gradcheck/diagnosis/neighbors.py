"""Inputs beside a kink: which gradients they allow at it."""

from __future__ import annotations

import numpy as np

from jaxdoodle.gradcheck.compare import close
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round
from jaxdoodle.gradcheck.setup.leaves import is_floating, is_real, rebuild
from jaxdoodle.gradcheck.setup.problem import Point, numpy_args

#: Inputs near a kink whose gradients bound what may be returned at it, and how far they lie from it.
_NEIGHBORS, _NEAR = 8, 1e-6
#: Most neighbors tried until every cell of every tied window has been the largest once.
_MOST_NEIGHBORS = 64


def only_at_the_kink(case: Case, name: str, r: Round, right_beside: bool) -> bool:
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


def is_admissible(case: Case, r: Round, name: str) -> bool:
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
