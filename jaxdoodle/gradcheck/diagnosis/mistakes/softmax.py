"""Wrong derivatives of softmax, and of softmax or sigmoid with cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part, endpoints, sigmoid, softmax_of
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis
from jaxdoodle.gradcheck.diagnosis.mistakes.mistake import Mistake, step_to

Formula = Callable[[np.ndarray], np.ndarray]
PASSED_ON = "the gradient of the probabilities is passed on as that of the scores"


def softmax(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    y = evidence.tape.nodes[part.y].value
    axis = part.about["axis"] % y.ndim
    rows = _of_softmax(y, axis) if part.name == "softmax" else _of_log_softmax(np.exp(y), axis)
    for name, sentence, formula in rows:
        yield name, sentence, step_to(part.x, formula)


def _of_softmax(p: np.ndarray, axis: int) -> Iterator[tuple[str, str, Formula]]:
    """Right is dz = p * (dp - sum(p * dp))."""

    def total(dp, over=axis):
        return (dp * p).sum(axis=over, keepdims=True)

    def right(dp, over=axis):
        return p * (dp - total(dp, over))

    entries = "softmax is differentiated entry by entry, p * (1 - p)"
    between = "the terms between classes, -p_i * p_j, are missing"
    no_diagonal = "only the terms -p_i * p_j are there; the diagonal p_i is missing"
    twice = "softmax derivative applied twice"
    again = "the derivative of softmax is multiplied in again, as p * (1 - p)"
    yield "softmax Jacobian diagonal only", f"{entries}; {between}", lambda dp: dp * p * (1 - p)
    yield "softmax derivative forgotten", PASSED_ON, lambda dp: dp
    yield "softmax Jacobian without the sum", "dz = p * dp leaves out - p * sum(p * dp)", lambda dp: dp * p
    yield "softmax Jacobian without the diagonal", no_diagonal, lambda dp: -p * total(dp)
    yield twice, "the softmax Jacobian is multiplied in twice", lambda dp: right(right(dp))
    yield twice, again, lambda dp: right(dp) * p * (1 - p)
    for other in set(range(p.ndim)) - {axis}:
        told = f"the sum in p * (dp - sum(p * dp)) runs over axis {other}; right is axis {axis}"
        yield "softmax summed over the wrong axis", told, partial(right, over=other)
    plus = "dz = p * (dp + sum(p * dp)); right is minus"
    without_p = "dz = dp - sum(p * dp) is not multiplied by p"
    yield "softmax Jacobian with the wrong sign", plus, lambda dp: p * (dp + total(dp))
    yield "softmax Jacobian without p", without_p, lambda dp: dp - total(dp)


def _of_log_softmax(p: np.ndarray, axis: int) -> Iterator[tuple[str, str, Formula]]:
    """Right is dz = dy - p * sum(dy)."""
    ignored = "log-softmax gradient ignores the incoming gradient"
    without = "log-softmax without the softmax term"
    alone = "dz = dy * (1 - p) treats each entry alone; right is dy - p * sum(dy)"
    yield ignored, "the incoming gradient is not multiplied in", lambda dy: 1 - p * p.shape[axis]
    yield without, "- p * sum(dy) is missing", lambda dy: dy
    yield without, alone, lambda dy: dy * (1 - p)


def scores(evidence: Evidence) -> Iterator[Hypothesis]:
    """Softmax or sigmoid with cross-entropy, whose gradient p - y is often written as one formula."""
    for index in _score_nodes(evidence):
        dz, z = evidence.cotangents[index], evidence.tape.nodes[index].value
        for kind, axis, p in _probabilities(z) if dz is not None else ():
            scale = _loss_scale(dz, p, axis, kind)
            if scale is None:
                continue
            for value, name, sentence in _of_scores(kind, axis, z, p, dz, scale):
                step = _instead(evidence, index, np.asarray(value, float))
                yield Hypothesis(name, sentence, 40 if name == "extra factor" else 9, {index: step}, node=index)


def _of_scores(kind: str, axis: int, z, p, dz, scale) -> Iterator[tuple[np.ndarray, str, str]]:
    """(gradient of the scores, class, sentence), where dz = scale * (p - y) is right."""
    y = p - dz / scale
    label = "p - y" if kind == "softmax" else "a - y"
    slope = p * (1 - p)
    predicted = p > 0.5 if kind == "sigmoid" else p == p.max(axis=axis, keepdims=True)
    yield from (
        (dz * p * (1 - p), f"{kind} derivative applied twice",
         f"{label} is already the gradient of the scores; it is multiplied by {kind}' = p * (1 - p) again"),
        (scale * p, "labels left out of the loss gradient", f"p is written for {label}"),
        (dz / np.where(slope == 0, 1, slope), f"{kind} derivative forgotten", f"{PASSED_ON}; right is {label}"),
        (-scale * y / p, f"{kind} derivative forgotten",
         f"the gradient of the scores is -y / p, that of the probabilities; right is {label}"),
        (scale * (p + y), "sign wrong in the loss gradient", f"p + y is written for {label}"),
        (scale * predicted - scale * y, "prediction used for the probability",
         f"the predicted class is used for p in {label}"),
        (scale * (z - y), "scores used for the probabilities", f"z - y is written for {label}"),
        (scale * (p - y) ** 2, "loss gradient squared", f"({label})^2 is written for {label}"),
        (scale * (p - y) * p, f"{kind} derivative applied twice", f"{label} is multiplied by p again"),
        (2 * dz, "extra factor", f"the gradient of the scores is 2 * ({label}), that of a squared error"),
        (scale * np.abs(p - y), "sign lost in the loss gradient", f"|{label}| is written for {label}"),
        (-scale * y * (1 - p), "softmax Jacobian diagonal only",
         "only the true class gets a gradient, -(1 - p): the terms of the other classes are missing"),
        (-scale * y, "probabilities left out of the loss gradient", f"the gradient is -y; right is {label}"),
    )  # fmt: skip
    if kind == "softmax":
        again = "p - y is already the gradient of the scores; the softmax Jacobian is multiplied in again"
        yield p * (dz - (dz * p).sum(axis=axis, keepdims=True)), "softmax derivative applied twice", again


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
