"""One mistake in the derivative of a part."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import Step

#: (class, sentence, step): the step is the derivative as the mistake has it.
Mistake = tuple[str, str, Step]


def step_to(x: int, formula: Callable[[np.ndarray], np.ndarray]) -> Step:
    """The step that passes ``formula(dy)`` to the node ``x`` alone."""
    return lambda dy: [(x, formula(dy))]


def times(x: int, slope: np.ndarray) -> Step:
    return step_to(x, lambda dy: dy * slope)
