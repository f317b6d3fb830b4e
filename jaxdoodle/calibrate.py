"""Honest probabilities, and when to say "none of mine": two numbers fitted on validation drawings."""

from __future__ import annotations

import numpy as np


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The divisor of the logits ``(n, classes)`` that makes the labels ``(n,)`` most probable, between 1/8 and 8.

    Guo et al. 2017, "On calibration of modern neural networks". It changes no prediction.
    """
    temperatures = np.geomspace(1 / 8, 8, 241)
    losses = [_negative_log_likelihood(logits / t, labels) for t in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def fit_abstention(logits: np.ndarray, keep: float = 0.95) -> float:
    """The log-sum-exp of the logits below which a drawing is none of the classes: ``keep`` of these stay above.

    Liu et al. 2020, "Energy-based out-of-distribution detection".
    """
    return float(np.quantile(_log_sum_exp(logits), 1 - keep))


def _negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((_log_sum_exp(logits) - logits[np.arange(len(labels)), labels]).mean())


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
