"""Common wrong derivatives of parts: activations, softmax and its loss, dropout, normalization, maxima over axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from jaxdoodle.gradcheck.autograd.derivatives import axes_of, expand, shares
from jaxdoodle.gradcheck.autograd.recognize import ACTIVATIONS, Part, endpoints, sigmoid, softmax_of
from jaxdoodle.gradcheck.autograd.tape import Node, Step
from jaxdoodle.gradcheck.diagnosis.catalogue import EVERY_TIED_CELL, GIVEN_Z, TAKEN_AT_A, tell
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis, Rank

#: Parts of one line that are also tried one by one: a loop has hundreds of maxima or gates, wrong in the same way.
FEW = 4
#: (class, sentence, step): the step is the derivative as the mistake has it.
Mistake = tuple[str, str, Step]


def step_to(x: int, formula: Callable[[np.ndarray], np.ndarray]) -> Step:
    """The step that passes ``formula(dy)`` to the node ``x`` alone."""
    return lambda dy: [(x, formula(dy))]


def times(x: int, slope: np.ndarray) -> Step:
    return step_to(x, lambda dy: dy * slope)


def hypotheses(evidence: Evidence) -> Iterator[Hypothesis]:
    yield from mistakes(evidence)
    yield from maxima(evidence)
    yield from scores(evidence)


def mistakes(evidence: Evidence) -> Iterator[Hypothesis]:
    """Each mistake at all parts of a kind, at those of one line (a loop's), and at one part of a few alone."""
    groups: dict[tuple, dict[int, Part]] = {}
    for part in evidence.found:
        for place in (None, evidence.line(part.y) or part.y, part.y):
            groups.setdefault((part.kind, part.name, place), {})[part.y] = part
    done: set[tuple[int, ...]] = set()
    for (kind, name, place), parts in sorted(groups.items(), key=lambda group: -len(group[1])):
        line = groups[kind, name, evidence.line(place) or place] if isinstance(place, int) else {}
        if tuple(parts) in done or len(line) > FEW:
            continue
        done.add(tuple(parts))
        table: dict[tuple[str, str], dict[int, Step]] = {}
        for part in parts.values():
            for title, sentence, step in MISTAKES[kind](evidence, part):
                table.setdefault((title, sentence), {})[part.y] = step
        rank = Rank.EVERYWHERE if len(parts) > 1 else Rank.FORMULA
        for (title, sentence), steps in table.items():
            yield Hypothesis(title, sentence, rank, steps, node=max(steps))


# -- activations: forgotten, taken elsewhere, or another's -------------------------------------------------------------


def activation(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    nodes = evidence.tape.nodes
    with np.errstate(all="ignore"):
        table = list(_slopes(part, nodes[part.x].value, nodes[part.y].value))
    yield from ((title, sentence, times(part.x, value)) for title, sentence, value in table)


def _slopes(part: Part, x: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """(class, sentence, what was used for the derivative)."""
    name, act = part.name, part.about["act"]
    if name == "absolute value":
        yield *tell("L1 sign missing"), np.ones_like(x)
        yield *tell("L2 gradient for an L1 penalty", used="w"), x
        yield *tell("L2 gradient for an L1 penalty", used="2w"), 2 * x
        return
    yield *tell("activation derivative forgotten", f=name), np.ones_like(x)
    yield *tell(TAKEN_AT_A, f=name), act.slope(y)
    if name != "relu":
        yield *tell("{f} derivative applied twice", f=name, why=""), act.slope(x) ** 2
    if act.by_output is not None and name not in ("relu", "leaky relu"):
        yield *tell(GIVEN_Z, f=name), act.by_output(x)
    yield *tell("wrong activation derivative", used=f"{name}(z) itself", f=name), y
    for other, another in ACTIVATIONS.items():
        if other not in (name, "absolute value"):
            used = f"the derivative of {other}"
            yield *tell("wrong activation derivative", used=used, f=name), another.slope(x)
            if another.by_output is not None and other != "relu":
                yield *tell("wrong activation derivative", used=f"{used}, in terms of a,", f=name), another.by_output(y)


# -- dropout and normalization -----------------------------------------------------------------------------------------


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


# -- softmax, and softmax or sigmoid with cross-entropy ----------------------------------------------------------------


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


# -- maxima over axes, as in max-pooling: which entries get the gradient ----------------------------------------------


def max_step(node: Node, share: np.ndarray) -> Step:
    """The step that gives each entry its share."""
    x, axis = node.inputs[0], node.about["axis"]
    parent = next(p for p in node.parents if p is not None)
    return step_to(parent, lambda dy: share * expand(dy, x.shape, axis))


def share_of(node: Node, ties: str) -> np.ndarray:
    return shares(node.inputs[0], node.value, node.about["axis"], ties)


def maxima(evidence: Evidence) -> Iterator[Hypothesis]:
    """Each mistake at all maxima of a line together, then at each alone."""
    lines: dict[tuple, list[int]] = {}
    for index, node in enumerate(evidence.tape.nodes):
        if node.kind == "max" and evidence.cotangents[index] is not None:
            lines.setdefault((node.where, node.inputs[0].ndim, node.value.ndim), []).append(index)
    for indices in lines.values():
        for group in (indices, *([i] for i in indices if 1 < len(indices) <= FEW)):
            steps = {i: list(_shares(evidence.tape.nodes[i])) for i in group}
            for k, (name, sentence, _) in enumerate(steps[group[0]][: min(map(len, steps.values()))]):
                changes = {i: max_step(evidence.tape.nodes[i], table[k][2]) for i, table in steps.items()}
                yield Hypothesis(name, sentence, Rank.FORMULA, changes, node=max(group))


def _shares(node: Node) -> Iterator[tuple[str, str, np.ndarray]]:
    """(class, sentence, what each entry gets)."""
    x, axes, first = node.inputs[0], axes_of(node.about["axis"], node.inputs[0].ndim), share_of(node, "first")
    yield *tell(EVERY_TIED_CELL), share_of(node, "all")
    yield *tell("max-pool gradient to every cell"), np.ones(x.shape)
    yield *tell("average pool's rule for a max pool"), np.full(x.shape, node.value.size / x.size)
    neighbor = "max-pool gradient to the neighbour"
    for axis in axes:
        for shift in (1, -1):
            yield *tell(neighbor, where="on the next cell"), np.roll(first, shift, axis)
    if len(axes) == 2 and x.shape[axes[0]] == x.shape[axes[1]]:
        yield *tell(neighbor, where="at the exchanged row and column"), np.swapaxes(first, *axes)


#: By kind of part.
MISTAKES = {"activation": activation, "softmax": softmax, "dropout": dropout, "norm": norm}
