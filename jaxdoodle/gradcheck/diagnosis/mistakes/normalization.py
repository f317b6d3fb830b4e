"""Wrong derivatives of dropout and of batch and layer normalization."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence
from jaxdoodle.gradcheck.diagnosis.mistakes.mistake import Mistake, step_to, times


def dropout(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    mask, x = part.about["mask"], part.x
    scale = float(mask.max())
    keep = (mask > 0) * 1.0
    rate = f"1 / (1 - p) = {scale:.4g}"
    name, said = "dropout mask missing in backward", "dropout's mask is not applied in backward"
    yield name, f"{said}: dropped units get a gradient too", times(x, np.ones_like(mask))
    if scale != 1:
        yield name, f"{said} (its factor {rate} is)", times(x, scale * np.ones_like(mask))
        for name, sentence, factors in (
            ("not rescaled in backward", f"backward applies dropout's mask without its factor {rate}", keep),
            ("rescaled twice in backward", f"dropout's factor {rate} is applied twice", keep * scale**2),
            ("rescaled the wrong way", "backward multiplies by 1 - p where it should divide", keep / scale),
        ):
            yield f"dropout mask {name}", sentence, times(x, factors)
    yield "dropout mask inverted", "backward keeps what forward dropped", times(x, (1 - keep) * scale)


def norm(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    """Right is dx = (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat)) / std."""
    axes = part.about["axes"]
    x, xhat = evidence.tape.nodes[part.x].value, evidence.tape.nodes[part.y].value
    centered = x - x.mean(axis=axes, keepdims=True)
    std = (centered**2).sum(axis=axes, keepdims=True) / (centered * xhat).sum(axis=axes, keepdims=True)
    what = "BatchNorm" if part.name == "batch norm" else "LayerNorm"
    n = int(np.prod([x.shape[k] for k in axes]))

    def dx(of_mean, of_variance, divisor):
        """The step with other factors of the two means, and another divisor."""

        def formula(dy):
            means = dy.mean(axis=axes, keepdims=True), (dy * xhat).mean(axis=axes, keepdims=True)
            return (dy - of_mean * means[0] - of_variance * means[1]) / divisor

        return step_to(part.x, formula)

    constants = "mean and variance are taken for constants: dx = dxhat / std leaves out what flows through both"
    through_variance = "what flows through the variance, - xhat * mean(dxhat * xhat), is missing"
    by_variance = "dx is divided by the variance; right is the standard deviation"
    sums = "sum(dxhat) and sum(dxhat * xhat) are not divided by the number of examples"
    for name, sentence, step in (
        ("without the mean and variance terms", constants, dx(0, 0, std)),
        ("without the mean term", "what flows through the mean, - mean(dxhat), is missing", dx(0, xhat, std)),
        ("without the variance term", through_variance, dx(1, 0, std)),
        ("not divided by the standard deviation", "dx is not divided by std", dx(1, xhat, 1)),
        ("divided by the variance", by_variance, dx(1, xhat, std**2)),
        ("with sums for means", sums, dx(n, n * xhat, std)),
        ("derivative forgotten", "dxhat is passed on as dx", dx(0, 0, 1)),
        ("with a wrong sign", "the variance term is added; right is subtracted", dx(1, -xhat, std)),
        ("with a wrong sign", "the mean term is added; right is subtracted", dx(-1, xhat, std)),
        ("without the variance term", "the variance term is taken without xhat: - mean(dxhat * xhat)", dx(1, 1, std)),
    ):
        yield f"{what} {name}", sentence, step
