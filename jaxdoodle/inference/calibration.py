"""Honest probabilities, when to say "none of mine", and how good both are: numbers from validation drawings.

Logits are ``(n, classes)``, labels integers ``(n,)``.
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.inference.model import energy


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The divisor of the logits that makes the labels most probable, between 1/8 and 8.

    Guo et al. 2017, "On calibration of modern neural networks". It changes no prediction.
    """
    temperatures = np.geomspace(1 / 8, 8, 241)
    losses = [negative_log_likelihood(logits / t, labels) for t in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def fit_abstention(scores: np.ndarray, keep: float = 0.95) -> float:
    """The score ``(n,)`` below which a drawing is none of the classes: the part ``keep`` of these stays above."""
    return float(np.quantile(scores, 1 - keep))


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean of minus the logarithm of the label's probability."""
    return float((energy(logits) - logits[np.arange(len(labels)), labels]).mean())


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """How far, on average, the network's certainty is from how often it is right: 0 is honest, 1 the worst.

    The expected calibration error of Guo et al.: drawings are put into bins by the probability of the guess; in each,
    the mean probability is compared with the part that is right.
    """
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=sure - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def auroc(own: np.ndarray, foreign: np.ndarray) -> float:
    """How often a drawing of one's own scores above a foreign one, for scores ``(n,)`` and ``(m,)``; a tie counts half.

    The area below the receiver operating characteristic, by Mann and Whitney.
    """
    ranked = np.sort(foreign)
    below = np.searchsorted(ranked, own, "left") + np.searchsorted(ranked, own, "right")
    return float(below.mean() / 2 / len(foreign))
