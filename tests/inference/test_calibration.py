"""Calibration: it finds the temperature that was put in, and keeps the fraction that it promises."""

import numpy as np
import pytest
from scipy.special import softmax

from jaxdoodle.inference.calibration import (
    auroc,
    calibration_error,
    fit_abstention,
    fit_temperature,
    negative_log_likelihood,
)


def test_the_temperature_that_made_a_network_too_sure_is_found():
    rng = np.random.default_rng(0)
    true_logits = 2 * rng.normal(size=(20_000, 5))
    labels = (softmax(true_logits, axis=1).cumsum(axis=1) > rng.uniform(size=(20_000, 1))).argmax(axis=1)
    for temperature in (0.5, 1.0, 3.0):
        assert abs(fit_temperature(temperature * true_logits, labels) / temperature - 1) < 0.05


def test_the_threshold_keeps_the_fraction_asked_for():
    scores = np.random.default_rng(1).normal(size=10_000)
    for keep in (0.95, 0.5):
        assert abs((scores >= fit_abstention(scores, keep)).mean() - keep) < 1e-3


def test_the_likelihood_is_that_of_the_labels():
    logits, labels = np.random.default_rng(2).normal(size=(50, 4)), np.arange(50) % 4
    assert negative_log_likelihood(logits, labels) == pytest.approx(log_loss(softmax(logits, axis=1), labels))


def log_loss(probabilities, labels):
    return -np.mean([np.log(p[label]) for p, label in zip(probabilities, labels, strict=True)])


def test_the_calibration_error_is_how_far_sure_is_from_right():
    sure = np.full((1000, 2), (0.9, 0.1))
    labels = (np.arange(1000) % 10 == 0).astype(int)  # 900 of 1,000 are as guessed
    assert calibration_error(sure, labels) == pytest.approx(0, abs=1e-9)
    assert calibration_error(sure, 1 - labels) == pytest.approx(0.8)
    both = np.concatenate([sure, np.full((1000, 2), (0.6, 0.4))])
    assert calibration_error(both, np.concatenate([labels, labels])) == pytest.approx((0 + 0.3) / 2)
    assert calibration_error(np.array([[0.0, 1.0]]), np.array([1])) == 0


def test_auroc_is_how_often_ones_own_scores_above_the_foreign():
    rng = np.random.default_rng(3)
    own, foreign = rng.integers(3, 12, 200), rng.integers(0, 9, 300)
    pairs = (own[:, None] > foreign) + 0.5 * (own[:, None] == foreign)
    assert auroc(own, foreign) == pytest.approx(pairs.mean())
    assert auroc(own, np.full(5, -np.inf)) == 1
