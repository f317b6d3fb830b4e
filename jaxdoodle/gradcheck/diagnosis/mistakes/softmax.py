"""Wrong derivatives of softmax, and of softmax or sigmoid with cross-entropy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part, endpoints, sigmoid, softmax_of
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.catalogue import tell
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis, Rank
from jaxdoodle.gradcheck.diagnosis.mistakes.mistake import Mistake, step_to, times


def softmax(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    """Right is dz = p * (dp - sum(p * dp)), and dz = dy - p * sum(dy) for the logarithm."""
    y, name = evidence.tape.nodes[part.y].value, part.name
    slope = y * (1 - y) if name == "softmax" else 1 - np.exp(y)
    yield *tell("{f} derivative forgotten", f="softmax"), step_to(part.x, lambda dp: dp)
    yield *tell("softmax Jacobian diagonal only"), times(part.x, slope)
    if name == "softmax":
        yield *tell("softmax Jacobian without the sum"), times(part.x, y)


def scores(evidence: Evidence) -> Iterator[Hypothesis]:
    """Softmax or sigmoid with cross-entropy, whose gradient p - y is often written as one formula."""
    for index in _score_nodes(evidence):
        dz, z = evidence.cotangents[index], evidence.tape.nodes[index].value
        for kind, axis, p in _probabilities(z) if dz is not None else ():
            scale = _loss_scale(dz, p, axis, kind)
            if scale is None:
                continue
            for value, told in _of_scores(kind, axis, p, dz, scale):
                step = _instead(evidence, index, np.asarray(value, float))
                yield Hypothesis(*told, Rank.FORMULA, {index: step}, node=index)


def _of_scores(kind: str, axis: int, p, dz, scale) -> Iterator[tuple[np.ndarray, tuple[str, str]]]:
    """(gradient of the scores, (class, sentence)), where dz = scale * (p - y) is right."""
    y = p - dz / scale
    label = "p - y" if kind == "softmax" else "a - y"
    slope = p * (1 - p)
    twice = tell("{f} derivative applied twice", f=kind, why=f": it is in {label} already")
    forgotten = tell("{f} derivative forgotten", f=kind)
    yield dz * slope, twice
    if kind == "softmax":
        yield p * (dz - (dz * p).sum(axis=axis, keepdims=True)), twice
    yield scale * p, tell("labels left out of the loss gradient", label=label)
    yield -scale * y, tell("probabilities left out of the loss gradient", label=label)
    yield dz / np.where(slope == 0, 1, slope), forgotten
    yield -scale * y / p, forgotten
    yield -scale * y * (1 - p), tell("softmax Jacobian diagonal only")


def _instead(evidence: Evidence, index: int, value: np.ndarray) -> Step:
    """The step after which the cotangent of the node is ``value``, scaled as an earlier change scaled the right one."""
    true = evidence.cotangents[index]
    k = int(np.argmax(np.abs(true)))
    return lambda dy: evidence.tape.step(index, value * float(dy.flat[k] / true.flat[k]))


def _score_nodes(evidence: Evidence) -> list[int]:
    """Values that a score can be: the last few products and sums of two or more axes."""
    nodes = [i for i in endpoints(evidence.tape) if evidence.tape.nodes[i].kind in ("add", "matmul", "leaf", "setitem")]
    return sorted(nodes, reverse=True)[:12]


def _probabilities(z: np.ndarray) -> Iterator[tuple[str, int, np.ndarray]]:
    with np.errstate(all="ignore"):
        yield "sigmoid", 0, sigmoid(z)
        for axis in range(z.ndim):
            if z.shape[axis] > 1:
                yield "softmax", axis, softmax_of(z, axis)


def _loss_scale(dz: np.ndarray, p: np.ndarray, axis: int, kind: str) -> np.ndarray | None:
    """The s in dz = s * (p - y) with one-hot (or 0/1) labels y; None where it has not that form."""
    with np.errstate(all="ignore"):
        if kind == "sigmoid":
            options = [np.median(np.where(dz > 0, dz / p, -dz / (1 - p)))]
        elif np.abs(dz.sum(axis=axis)).max() > 1e-9 * np.abs(dz).max():
            return None
        else:
            options = [extreme(dz / p, axis=axis, keepdims=True) for extreme in (np.max, np.min)]
        for s in options:
            y = p - dz / s
            if np.isfinite(y).all() and np.abs(y - np.rint(y)).max() < 1e-7 and y.min() > -0.5 and y.max() < 1.5:
                return np.asarray(s)
    return None
