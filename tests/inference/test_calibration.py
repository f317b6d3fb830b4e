"""Calibration finds the temperature that was put in, and keeps the fraction asked for."""

import numpy as np
from scipy.special import softmax

from jaxdoodle.inference.calibration import fit_abstention, fit_temperature


def test_the_temperature_that_made_a_network_overconfident_is_found():
    rng = np.random.default_rng(0)
    true_logits = 2 * rng.normal(size=(10_000, 5))
    labels = (softmax(true_logits, axis=1).cumsum(axis=1) > rng.uniform(size=(10_000, 1))).argmax(axis=1)
    for temperature in (1 / 8, 1.0, 8.0):
        assert abs(fit_temperature(temperature * true_logits, labels) / temperature - 1) < 0.05


def test_the_threshold_keeps_the_fraction_asked_for():
    scores = np.random.default_rng(1).normal(size=10_000)
    for keep in (0.95, 0.5):
        assert abs((scores >= fit_abstention(scores, keep)).mean() - keep) < 1e-3
