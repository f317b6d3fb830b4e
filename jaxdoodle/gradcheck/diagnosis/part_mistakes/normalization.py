"""Wrong derivatives of dropout and of batch and layer normalization."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence
from jaxdoodle.gradcheck.diagnosis.part_mistakes.mistake import Mistake


def dropout(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    mask, x = part.about["mask"], part.x
    scale = float(mask.max())
    keep = (mask > 0) * 1.0
    rate = f"1 / (1 - p) = {scale:.4g}"
    yield (
        "dropout mask missing in backward",
        "dropout's mask is not applied in backward: dropped units get a gradient too",
        lambda dy: [(x, dy)],
    )
    if scale != 1:
        yield (
            "dropout mask missing in backward",
            f"dropout's mask is not applied in backward (its factor {rate} is)",
            lambda dy: [(x, dy * scale)],
        )
        yield (
            "dropout mask not rescaled in backward",
            f"backward applies dropout's mask without its factor {rate}",
            lambda dy: [(x, dy * keep)],
        )
        yield (
            "dropout mask rescaled twice in backward",
            f"dropout's factor {rate} is applied twice",
            lambda dy: [(x, dy * keep * scale**2)],
        )
        yield (
            "dropout mask rescaled the wrong way",
            "backward multiplies by 1 - p where it should divide",
            lambda dy: [(x, dy * keep / scale)],
        )
    yield ("dropout mask inverted", "backward keeps what forward dropped", lambda dy: [(x, dy * (1 - keep) * scale)])


def norm(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    axes, x = part.about["axes"], part.x
    a, y = evidence.tape.nodes[x].value, evidence.tape.nodes[part.y].value
    centered = a - a.mean(axis=axes, keepdims=True)
    std = (centered**2).sum(axis=axes, keepdims=True) / (centered * y).sum(axis=axes, keepdims=True)
    what = "BatchNorm" if part.name == "batch norm" else "LayerNorm"
    n = int(np.prod([a.shape[k] for k in axes]))

    def mean(v):
        return v.mean(axis=axes, keepdims=True)

    yield (
        f"{what} without the mean and variance terms",
        "mean and variance are taken for constants: dx = dxhat / std leaves out what flows through both",
        lambda dy: [(x, dy / std)],
    )
    yield (
        f"{what} without the mean term",
        "what flows through the mean, - mean(dxhat), is missing",
        lambda dy: [(x, (dy - y * mean(dy * y)) / std)],
    )
    yield (
        f"{what} without the variance term",
        "what flows through the variance, - xhat * mean(dxhat * xhat), is missing",
        lambda dy: [(x, (dy - mean(dy)) / std)],
    )
    yield (
        f"{what} not divided by the standard deviation",
        "dx is not divided by std",
        lambda dy: [(x, dy - mean(dy) - y * mean(dy * y))],
    )
    yield (
        f"{what} divided by the variance",
        "dx is divided by the variance; right is the standard deviation",
        lambda dy: [(x, (dy - mean(dy) - y * mean(dy * y)) / std**2)],
    )
    yield (
        f"{what} with sums for means",
        "sum(dxhat) and sum(dxhat * xhat) are not divided by the number of examples",
        lambda dy: [(x, (dy - n * mean(dy) - n * y * mean(dy * y)) / std)],
    )
    yield (f"{what} derivative forgotten", "dxhat is passed on as dx", lambda dy: [(x, dy)])
    yield (
        f"{what} with a wrong sign",
        "the variance term is added; right is subtracted",
        lambda dy: [(x, (dy - mean(dy) + y * mean(dy * y)) / std)],
    )
    yield (
        f"{what} with a wrong sign",
        "the mean term is added; right is subtracted",
        lambda dy: [(x, (dy + mean(dy) - y * mean(dy * y)) / std)],
    )
    yield (
        f"{what} without the variance term",
        "the variance term is taken without xhat: - mean(dxhat * xhat)",
        lambda dy: [(x, (dy - mean(dy) - mean(dy * y)) / std)],
    )
