"""Finds the parts of a network in a traced forward by what they compute, not by how they are written.

``np.maximum(z, 0)``, ``z * (z > 0)`` and ``jax.nn.relu(z)`` are one part: a pair of values on the tape of which the
second is the ReLU of the first, and depends on no argument but through it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import Tape

_MOST = 160  # values looked at; loops write thousands that are no part's output


@dataclass(frozen=True)
class Part:
    """``kind`` is the family, ``name`` what a person calls it; ``x`` and ``y`` are nodes."""

    kind: str
    name: str
    x: int
    y: int
    about: dict[str, Any] = field(default_factory=dict, compare=False)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-9, atol=1e-12))


def depends_only_on(tape: Tape, y: int, inputs: set[int]) -> bool:
    """Does ``y`` vary with the parameters through ``inputs`` alone, and with all of these?"""
    above = tape.ancestors(y, inputs)
    return inputs <= above and not (above & tape.moving) - inputs


def endpoints(tape: Tape) -> list[int]:
    """Nodes that can be the input or output of a part."""
    live = [i for i, n in enumerate(tape.nodes) if tape.alive(i) and n.value.size > 1]
    site = {i: (tape.nodes[i].kind, tape.nodes[i].where) for i in live}
    counts = Counter(site.values())
    often = {s for s, count in counts.items() if count > 24 and s[1] is not None}
    inside = {p for i in live for p in tape.nodes[i].parents if p in site and site[p] == site[i]}
    chains = {site[p] for p in inside}  # a loop that goes on writing one array: its last value counts
    live = [i for i in live if site[i] not in often or (site[i] in chains and i not in inside)]
    return live if len(live) <= _MOST else sorted(live, key=lambda i: -tape.nodes[i].value.size)[:_MOST]


def recognize(tape: Tape) -> list[Part]:
    nodes = sorted(endpoints(tape))
    return [part for finder in (activations, softmaxes, dropouts, norms) for part in finder(tape, nodes)]


def _above(tape: Tape, y: int, nodes: set[int], limit: int = 40) -> list[int]:
    """Candidates that ``y`` was computed from, nearest first, not far."""
    seen, queue = {y}, [y]
    near: list[int] = []
    while queue and len(seen) < limit * 4 and len(near) < limit:
        here = queue.pop(0)
        for parent in tape.nodes[here].parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                queue.append(parent)
                if parent in nodes:
                    near.append(parent)
    return near


def _pairs(tape: Tape, nodes: list[int], test: Callable, farthest: bool = False, once: bool = True) -> Iterator[tuple]:
    """(x, y, what the test said) for the nearest x of every y (or the farthest, where a shift of x does not matter)."""
    table, done = set(nodes), set()
    for y in nodes:
        value = tape.nodes[y].value
        above = _above(tape, y, table)
        for x in reversed(above) if farthest else above:
            given = tape.nodes[x].value
            if (once and (x, value.shape) in done) or given.shape != value.shape:
                continue
            verdict = test(given, value)
            if verdict is not None and depends_only_on(tape, y, {x}):
                done.add((x, value.shape))
                yield x, y, verdict
                break


# -- activations -----------------------------------------------------------------------------------------------------


def sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


def _gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _erf_gelu(x):
    from math import erf

    return 0.5 * x * (1 + np.vectorize(erf, otypes=[float])(x / np.sqrt(2)))


@dataclass(frozen=True)
class Activation:
    """``by_output`` is the derivative as a function of the output, where there is such a formula."""

    value: Callable
    slope: Callable
    by_output: Callable | None = None


ACTIVATIONS = {
    "relu": Activation(lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0, lambda y: (y > 0) * 1.0),
    "sigmoid": Activation(sigmoid, lambda x: sigmoid(x) * sigmoid(-x), lambda y: y * (1 - y)),
    "tanh": Activation(np.tanh, lambda x: 1 - np.tanh(x) ** 2, lambda y: 1 - y**2),
    "softplus": Activation(lambda x: np.logaddexp(0, x), sigmoid),
    "swish": Activation(lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
    "gelu": Activation(_gelu, lambda x: np.imag(_gelu(x + 1e-30j)) / 1e-30),  # by complex step
    "erf gelu": Activation(
        _erf_gelu, lambda x: _erf_gelu(x) / np.where(x == 0, 1, x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    ),
    "absolute value": Activation(np.abs, np.sign),
}


def leaky(slope: float) -> Activation:
    def derivative(x):  # or of the output: it has the same sign
        return np.where(x > 0, 1.0, slope)

    return Activation(lambda x: np.where(x > 0, x, slope * x), derivative, derivative)


def elu(alpha: float) -> Activation:
    return Activation(
        lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0))),
        lambda y: np.where(y > 0, 1.0, y + alpha),
    )


def _name_activation(x: np.ndarray, y: np.ndarray) -> tuple[str, Activation] | None:
    sample = np.ravel(x)[:4], np.ravel(y)[:4]
    with np.errstate(all="ignore"):
        for name, act in ACTIVATIONS.items():
            if np.abs(act.value(sample[0]) - sample[1]).max() < 1e-6 and same(act.value(x), y):
                if name in ("relu", "absolute value") and not ((x < 0).any() and (x > 0).any()):
                    continue
                return name, act
        below = x < 0
        if below.sum() >= 2 and (x > 0).sum() >= 2 and same(x[x > 0], y[x > 0]):
            ratio = y[below] / x[below]
            if np.ptp(ratio) < 1e-9 and abs(ratio[0]) > 1e-6 and abs(ratio[0] - 1) > 1e-6:
                return "leaky relu", leaky(float(ratio[0]))
            ratio = y[below] / np.expm1(x[below])
            if np.ptp(ratio) < 1e-9 and abs(ratio[0]) > 1e-6:
                return "elu", elu(float(ratio[0]))
    return None


def activations(tape: Tape, nodes: list[int]) -> list[Part]:
    return [Part("activation", v[0], x, y, {"act": v[1]}) for x, y, v in _pairs(tape, nodes, _name_activation)]


# -- softmax, dropout, normalization ---------------------------------------------------------------------------------


def softmax_of(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _softmax_axis(x: np.ndarray, y: np.ndarray) -> tuple[int, str] | None:
    if (y < 0).all():
        y, name = np.exp(y), "log softmax"
    elif (y > 0).all():
        name = "softmax"
    else:
        return None
    return next(((a, name) for a in range(y.ndim) if y.shape[a] > 1 and same(softmax_of(x, a), y)), None)


def softmaxes(tape: Tape, nodes: list[int]) -> list[Part]:
    pairs = _pairs(tape, nodes, _softmax_axis, farthest=True)
    return [Part("softmax", name, x, y, {"axis": axis}) for x, y, (axis, name) in pairs]


def _dropout_mask(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    dropped = (y == 0) & (x != 0)
    kept = (y != 0) & (x != 0)
    if not kept.any() or not (x[dropped] > 0).any():
        return None
    ratio = y[kept] / x[kept]
    if np.ptp(ratio) > 1e-9 or ratio[0] < 0.999999 or not (x[dropped] > x[kept].min()).any():
        return None
    return np.where(x == 0, np.nan, np.where(y == 0, 0.0, ratio[0]))


def dropouts(tape: Tape, nodes: list[int]) -> list[Part]:
    """Multiplication by a fixed mask of zeros and one other number, its rescaling included."""
    found = []
    last = {x: y for x, y, _ in _pairs(tape, nodes, _dropout_mask, once=False)}
    for x, y in last.items():
        true = tape.reverse({y: np.ones(tape.nodes[y].value.shape)})[x]
        if true is not None and len(np.unique(np.round(true, 9))) == 2:
            found.append(Part("dropout", "dropout", x, y, {"mask": true}))
    return found


def _norm_axes(x: np.ndarray, y: np.ndarray) -> tuple[int, ...] | None:
    if x.ndim < 2:
        return None
    options = {(0,), (1,), (x.ndim - 1,), tuple(range(x.ndim - 1)), (0, *range(2, x.ndim)), tuple(range(1, x.ndim))}
    for axes in sorted(options):
        if np.abs(y.mean(axis=axes)).max() > 1e-9 or np.prod([x.shape[a] for a in axes]) < 3:
            continue
        centered, spread = x - x.mean(axis=axes, keepdims=True), x.std(axis=axes, keepdims=True)
        deviation = (centered * y).sum(axis=axes, keepdims=True)
        if (deviation <= 0).any():
            continue
        scale = (centered**2).sum(axis=axes, keepdims=True) / deviation
        if same(centered / scale, y) and (np.abs(scale - spread) < 0.2 * scale + 1e-3).all():
            return axes
    return None


def norms(tape: Tape, nodes: list[int]) -> list[Part]:
    found = []
    for x, y, axes in _pairs(tape, nodes, _norm_axes, farthest=True):
        a, b = tape.nodes[x].value, tape.nodes[y].value
        if np.ptp((a - a.mean(axis=axes, keepdims=True)) - b) < 1e-9:
            continue  # centered only
        found.append(Part("norm", "layer norm" if 0 not in axes else "batch norm", x, y, {"axes": axes}))
    return found
