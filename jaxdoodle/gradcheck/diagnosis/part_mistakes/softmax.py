"""Wrong derivatives of softmax, and of softmax or sigmoid with cross-entropy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part, endpoints, sigmoid, softmax_of
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis
from jaxdoodle.gradcheck.diagnosis.part_mistakes.mistake import Mistake


def softmax(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    axis, x = part.about["axis"], part.x
    y = evidence.tape.nodes[part.y].value
    p = np.exp(y) if part.name == "log softmax" else y

    def jacobian(d):
        return p * (d - (d * p).sum(axis=axis, keepdims=True))

    def along(other: int) -> Step:
        return lambda dy: [(x, p * (dy - (dy * p).sum(axis=other, keepdims=True)))]

    if part.name == "softmax":
        yield (
            "softmax Jacobian diagonal only",
            "softmax is differentiated entry by entry, p * (1 - p); the terms between classes, -p_i * p_j, are missing",
            lambda dy: [(x, dy * p * (1 - p))],
        )
        yield (
            "softmax derivative forgotten",
            "the gradient of the probabilities is passed on as that of the scores",
            lambda dy: [(x, dy)],
        )
        yield ("softmax Jacobian without the sum", "dz = p * dp leaves out - p * sum(p * dp)", lambda dy: [(x, dy * p)])
        yield (
            "softmax Jacobian without the diagonal",
            "only the terms -p_i * p_j are there; the diagonal p_i is missing",
            lambda dy: [(x, -p * (dy * p).sum(axis=axis, keepdims=True))],
        )
        yield (
            "softmax derivative applied twice",
            "the softmax Jacobian is multiplied in twice",
            lambda dy: [(x, jacobian(jacobian(dy)))],
        )
        yield (
            "softmax derivative applied twice",
            "the derivative of softmax is multiplied in again, as p * (1 - p)",
            lambda dy: [(x, jacobian(dy) * p * (1 - p))],
        )
        for other in range(p.ndim):
            if other != axis % p.ndim:
                yield (
                    "softmax summed over the wrong axis",
                    f"the sum in p * (dp - sum(p * dp)) runs over axis {other}; right is axis {axis % p.ndim}",
                    along(other),
                )
        yield (
            "softmax Jacobian with the wrong sign",
            "dz = p * (dp + sum(p * dp)); right is minus",
            lambda dy: [(x, p * (dy + (dy * p).sum(axis=axis, keepdims=True)))],
        )
        yield (
            "softmax Jacobian without p",
            "dz = dp - sum(p * dp) is not multiplied by p",
            lambda dy: [(x, dy - (dy * p).sum(axis=axis, keepdims=True))],
        )
    else:
        total = "sum(dy)"
        yield (
            "log-softmax gradient ignores the incoming gradient",
            "the incoming gradient is not multiplied in",
            lambda dy: [(x, 1 - p * p.shape[axis])],
        )
        yield "log-softmax without the softmax term", f"- p * {total} is missing", lambda dy: [(x, dy)]
        yield (
            "log-softmax without the softmax term",
            "dz = dy * (1 - p) treats each entry alone; right is dy - p * sum(dy)",
            lambda dy: [(x, dy * (1 - p))],
        )


def scores(evidence: Evidence) -> Iterator[Hypothesis]:
    """Softmax or sigmoid with cross-entropy, whose gradient p - y is often written as one formula."""
    tape = evidence.tape
    for index in _score_nodes(evidence):
        dz, z = evidence.cotangents[index], tape.nodes[index].value
        if dz is None:
            continue
        for kind, axis, p in _probabilities(z):
            scale = _loss_scale(dz, p, axis, kind)
            if scale is None:
                continue
            y = p - dz / scale
            label = "p - y" if kind == "softmax" else "a - y"

            def to(value, name, sentence, rank=9, index=index):
                return Hypothesis(name, sentence, rank, {}, node=index), value

            options = [
                to(dz * p * (1 - p), f"{kind} derivative applied twice",
                   f"{label} is already the gradient of the scores; it is multiplied by {kind}' = p * (1 - p) again"),
                to(scale * p, "labels left out of the loss gradient", f"p is written for {label}"),
                to(dz / np.where(p * (1 - p) == 0, 1, p * (1 - p)), f"{kind} derivative forgotten",
                   f"the gradient of the probabilities is passed on as that of the scores; right is {label}"),
                to(-scale * y / p, f"{kind} derivative forgotten",
                   f"the gradient of the scores is -y / p, that of the probabilities; right is {label}"),
                to(scale * (p + y), "sign wrong in the loss gradient", f"p + y is written for {label}"),
                to(scale * ((p > 0.5) if kind == "sigmoid" else (p == p.max(axis=axis, keepdims=True))) - scale * y,
                   "prediction used for the probability", f"the predicted class is used for p in {label}"),
                to(scale * (z - y), "scores used for the probabilities", f"z - y is written for {label}"),
                to(scale * (p - y) ** 2, "loss gradient squared", f"({label})^2 is written for {label}"),
                to(scale * (p - y) * p, f"{kind} derivative applied twice", f"{label} is multiplied by p again"),
                to(2 * dz, "extra factor", f"the gradient of the scores is 2 * ({label}), that of a squared error", 40),
                to(scale * np.abs(p - y), "sign lost in the loss gradient", f"|{label}| is written for {label}"),
                to(-scale * y * (1 - p), "softmax Jacobian diagonal only",
                   "only the true class gets a gradient, -(1 - p): the terms of the other classes are missing"),
                to(-scale * y, "probabilities left out of the loss gradient", f"the gradient is -y; right is {label}"),
            ]  # fmt: skip
            if kind == "softmax":
                options.append(
                    to(p * (dz - (dz * p).sum(axis=axis, keepdims=True)), "softmax derivative applied twice",
                       "p - y is already the gradient of the scores; the softmax Jacobian is multiplied in again")
                )  # fmt: skip
            for h, value in options:
                yield replace(h, changes=_instead(evidence, index, np.asarray(value, float)))


def _instead(evidence: Evidence, index: int, value: np.ndarray) -> dict[int, Step]:
    """Changes after which the cotangent of a node is ``value``: its step gets the value instead of the incoming one."""
    return {index: lambda dy: evidence.tape.step(index, value * _ratio(dy, evidence.cotangents[index]))}


def _ratio(dy, true) -> float:
    """How far an earlier change has scaled the whole cotangent."""
    k = int(np.argmax(np.abs(true)))
    return float(dy.flat[k] / true.flat[k])


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
        if kind == "softmax":
            if np.abs(dz.sum(axis=axis)).max() > 1e-9 * np.abs(dz).max():
                return None
            ratio = dz / p
            options = [ratio.max(axis=axis, keepdims=True), ratio.min(axis=axis, keepdims=True)]
        else:
            options = [np.median(np.where(dz > 0, dz / p, -dz / (1 - p)))]
        for s in options:
            y = p - dz / s
            if np.isfinite(y).all() and np.abs(y - np.rint(y)).max() < 1e-7 and y.min() > -0.5 and y.max() < 1.5:
                return np.asarray(s)
    return None
