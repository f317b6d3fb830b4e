"""Calibration: it finds the temperature that was put in, and keeps the fraction that it promises."""

import numpy as np
from scipy.special import softmax

from jaxdoodle.calibrate import fit_abstention, fit_temperature


def test_the_temperature_that_made_a_network_too_sure_is_found():
    rng = np.random.default_rng(0)
    true_logits = 2 * rng.normal(size=(20_000, 5))
    labels = (softmax(true_logits, axis=1).cumsum(axis=1) > rng.uniform(size=(20_000, 1))).argmax(axis=1)
    for temperature in (0.5, 1.0, 3.0):
        assert abs(fit_temperature(temperature * true_logits, labels) / temperature - 1) < 0.05


def test_the_threshold_keeps_the_fraction_asked_for():
    logits = np.random.default_rng(1).normal(size=(10_000, 5))
    energy = np.log(np.exp(logits).sum(axis=1))
    for keep in (0.95, 0.5):
        assert abs((energy >= fit_abstention(logits, keep)).mean() - keep) < 1e-3
