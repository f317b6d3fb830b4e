"""How sure a count of right answers makes us, and whether two counts differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.975)


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a proportion, as two fractions.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference". Unlike the textbook
    ``p +- 1.96 se`` it stays within [0, 1] and does not claim certainty at 0 or ``total`` right.
    Raises ``ValueError`` unless ``0 <= correct <= total`` and ``total > 0``.
    """
    _require_counts(correct, total)
    p, z2 = correct / total, _Z95**2
    middle = (p + z2 / (2 * total)) / (1 + z2 / total)
    reach = _Z95 / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def format_accuracy(correct: int, total: int) -> str:
    """``"9,916 of 10,000 right: 99.16 % (95 % interval 98.96 to 99.32)"``."""
    low, high = wilson_interval(correct, total)
    interval = f"95 % interval {100 * low:.2f} to {100 * high:.2f}"
    return f"{correct:,} of {total:,} right: {100 * correct / total:.2f} % ({interval})"


@dataclass(frozen=True)
class Proportions:
    """Two models scored on images of their own: ``z`` is positive where the second is the better one."""

    z: float
    p_value: float


def two_proportions(first: tuple[int, int], second: tuple[int, int]) -> Proportions:
    """Pooled z test of two ``(correct, total)``; two-sided p-value.

    For two models scored on the *same* images ``mcnemar`` sees more, but needs the predictions themselves.
    """
    for correct, total in (first, second):
        _require_counts(correct, total)
    (a, n), (b, m) = first, second
    pooled = (a + b) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    z = (b / m - a / n) / error if error else 0.0  # both all right, or both all wrong
    return Proportions(z, 2 * _NORMAL.cdf(-abs(z)))


@dataclass(frozen=True)
class McNemar:
    """Two models on the same images: how many only one got right, and the chance of so uneven a split."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> McNemar:
    """McNemar's exact test (two-sided) from labels and two models' predictions, each ``(n,)`` integers.

    Images that both get right, or both wrong, say nothing about which model is better. Were the models equally
    good, each of the others would fall to either side like a coin: the p-value is a binomial tail,
    summed here in whole numbers.
    """
    labels, first, second = np.asarray(labels), np.asarray(first), np.asarray(second)
    if labels.ndim != 1 or not labels.shape == first.shape == second.shape:
        raise ValueError(f"one label and two predictions per image; got {labels.shape}, {first.shape}, {second.shape}.")
    right_first, right_second = first == labels, second == labels
    only_first = int(np.sum(right_first & ~right_second))
    only_second = int(np.sum(right_second & ~right_first))
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return McNemar(only_first, only_second, min(1.0, 2 * tail / 2**n))


def _require_counts(correct: int, total: int) -> None:
    if not 0 <= correct <= total or total == 0:
        raise ValueError(f"correct is at least 0 and at most total, total above 0; got {correct} of {total}.")
