"""Figures of the distance between a returned gradient and the right one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Comparison:
    """One returned gradient against the oracle's.

    ``rel_l2`` is ``|got - want| / |want|``, where a ``want`` that vanishes beside the other leaves (``floor``) counts
    as that floor. ``ratio`` is ``|got| / |want|``; ``cosine`` and ``ratio`` are nan where either norm is zero.
    """

    rel_l2: float
    max_error: float
    at: tuple[int, ...]
    cosine: float
    ratio: float


def compare(got: np.ndarray, want: np.ndarray, floor: float = 0.0) -> Comparison:
    """Figures over the entries where ``want`` is known (not nan). Both have the same shape."""
    if got.size == 0:
        return Comparison(0.0, 0.0, (), np.nan, np.nan)
    known = ~np.isnan(want)
    g, w = np.where(known, got, 0.0), np.where(known, want, 0.0)
    error = np.nan_to_num(np.abs(g - w), nan=np.inf, posinf=np.inf)
    at = tuple(int(i) for i in np.unravel_index(np.argmax(error), error.shape))
    norm_g, norm_w = float(np.linalg.norm(g)), float(np.linalg.norm(w))
    both = norm_g > 0 and norm_w > 0 and np.isfinite(norm_g)
    size = max(norm_w, floor)
    off = float(np.linalg.norm(error))
    return Comparison(
        rel_l2=0.0 if off == 0 else off / size if size > 0 else float("inf"),
        max_error=float(error.max()),
        at=at,
        cosine=float(np.vdot(g / norm_g, w / norm_w)) if both else float("nan"),
        ratio=norm_g / norm_w if both else float("nan"),
    )


def multiple(got: np.ndarray, want: np.ndarray, tolerance: float = 1e-7) -> float | None:
    """c where ``got = c * want`` throughout; needs more than one number to say so."""
    size = float(np.vdot(want, want))
    if np.count_nonzero(want) < 2 or size == 0:
        return None
    c = float(np.vdot(want, got)) / size
    return c if np.linalg.norm(got - c * want) <= tolerance * np.linalg.norm(got) else None


def close(got: np.ndarray, want: np.ndarray, floor: float, tolerance: float) -> bool:
    """Are they equal up to ``tolerance`` relative to the larger (or to ``floor``)?"""
    if got.shape != want.shape:
        return False
    g, w = np.ravel(got), np.ravel(want)
    if np.isnan(w @ w):
        g, w = g[~np.isnan(w)], w[~np.isnan(w)]
    off = g - w
    gap, size = math.sqrt(off @ off), max(math.sqrt(w @ w), math.sqrt(g @ g), floor)
    return gap <= tolerance * size and math.isfinite(gap)
