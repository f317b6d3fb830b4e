"""Temperature and abstention threshold of a model, fitted on the logits and scores of validation images."""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.metrics import negative_log_likelihood

__all__ = ["fit_abstention", "fit_temperature"]


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The temperature with the least negative log-likelihood of ``softmax(logits / temperature)``.

    Args:
      logits: (n, classes).
      labels: (n,), below ``classes``.

    Returns:
      One of 241 values evenly spaced in the logarithm, from 1/8 to 8. It changes no prediction.

    Reference:
      Guo et al. (2017), "On calibration of modern neural networks", ICML.
    """
    temperatures = np.geomspace(1 / 8, 8, 241)
    losses = [negative_log_likelihood(logits / t, labels) for t in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def fit_abstention(scores: NDArray[np.floating], keep: float = 0.95) -> float:
    """The score below which a model abstains.

    Args:
      scores: (n,) energy scores of images of the model's classes.
      keep: Fraction of them that stays at or above the threshold.

    Returns:
      The quantile of the scores at ``1 - keep``, between two of them interpolated.
    """
    return float(np.quantile(scores, 1 - keep))
