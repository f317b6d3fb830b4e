"""Wrong derivatives of dropout and of batch and layer normalization."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.catalogue import tell
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence
from jaxdoodle.gradcheck.diagnosis.mistakes.mistake import Mistake, step_to, times


def dropout(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    mask, scale = part.about["mask"], float(part.about["mask"].max())
    missing, everywhere = "dropout mask missing in backward", np.ones_like(mask)
    yield *tell(missing, but=": dropped units get a gradient too"), times(part.x, everywhere)
    if scale != 1:
        yield *tell(missing, but=f" (its factor {scale:.4g} is)"), times(part.x, scale * everywhere)
        yield *tell("dropout mask not rescaled in backward", rate=f"{scale:.4g}"), times(part.x, mask / scale)


def norm(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    """Right is dx = (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat)) / std."""
    axes = part.about["axes"]
    x, xhat = evidence.tape.nodes[part.x].value, evidence.tape.nodes[part.y].value
    centered = x - x.mean(axis=axes, keepdims=True)
    std = (centered**2).sum(axis=axes, keepdims=True) / (centered * xhat).sum(axis=axes, keepdims=True)
    what = "BatchNorm" if part.name == "batch norm" else "LayerNorm"

    def dx(of_mean: float, of_variance: float) -> Step:
        """The step with other factors of the two means."""

        def formula(dy: np.ndarray) -> np.ndarray:
            means = dy.mean(axis=axes, keepdims=True), (dy * xhat).mean(axis=axes, keepdims=True)
            return (dy - of_mean * means[0] - of_variance * xhat * means[1]) / std

        return step_to(part.x, formula)

    yield *tell("{norm} without the mean and variance terms", norm=what), dx(0, 0)
    yield *tell("{norm} without the mean term", norm=what), dx(0, 1)
    yield *tell("{norm} without the variance term", norm=what), dx(1, 0)
    yield *tell("{norm} derivative forgotten", norm=what), step_to(part.x, lambda dy: dy)
