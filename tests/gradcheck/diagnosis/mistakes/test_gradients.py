"""Mistakes that the returned gradients alone show."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check_gradient
from jaxdoodle.gradcheck.diagnosis.catalogue import NO_PENALTY
from jaxdoodle.gradcheck.report import UNNAMED

RNG = np.random.default_rng(0)
X, W, Y = RNG.normal(size=(5, 3)), RNG.normal(size=12), RNG.normal(size=(5, 4))


def ridge(w):
    """Its penalty is of what the parameter is reshaped to, and the residual too."""
    w = w.reshape(3, 4)
    return 0.5 * np.sum((X @ w - Y) ** 2) + 0.3 * np.sum(w**2)


@pytest.mark.parametrize(
    ("value", "gradient", "penalty"),
    [
        (lambda w: np.sum(w**2), lambda w: w, False),
        (lambda w: 0.5 * np.sum(w**2), lambda w: 2 * w, False),
        (ridge, lambda w: (X.T @ (X @ w.reshape(3, 4) - Y)).ravel() + 0.3 * w, False),
        (lambda w: np.sum(np.exp(w)), lambda w: np.exp(w) + 0.6 * w, True),
    ],
)
def test_a_wrong_factor_of_a_square_is_no_penalty_that_the_loss_does_not_have(value, gradient, penalty):
    (finding,) = check_gradient(value, gradient, (W,)).findings
    assert (finding.name == NO_PENALTY) == penalty and finding.name != UNNAMED
