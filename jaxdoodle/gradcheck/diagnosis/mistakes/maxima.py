"""Wrong derivatives of a maximum over axes, as in max-pooling: which entries get its gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from jaxdoodle.gradcheck.autograd.derivatives import axes_of, expand, shares
from jaxdoodle.gradcheck.autograd.tape import Node, Step
from jaxdoodle.gradcheck.diagnosis.catalogue import EVERY_TIED_CELL, tell
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis, Rank

#: Parts of one line that are also tried one by one: a loop has hundreds of maxima or gates, wrong in the same way.
FEW = 4


def step_to(x: int, formula: Callable[[np.ndarray], np.ndarray]) -> Step:
    """The step that passes ``formula(dy)`` to the node ``x`` alone."""
    return lambda dy: [(x, formula(dy))]


def times(x: int, slope: np.ndarray) -> Step:
    return step_to(x, lambda dy: dy * slope)


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
