"""Wrong steps that need no name of a part: a contribution scaled or dropped, a wrong array used in a product."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import islice, permutations, product

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import endpoints
from jaxdoodle.gradcheck.autograd.tape import Node, Step
from jaxdoodle.gradcheck.compare import close
from jaxdoodle.gradcheck.diagnosis.catalogue import DOUBLE_MEAN, EXTRA_FACTOR, MISSING_MEAN
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis
from jaxdoodle.gradcheck.diagnosis.mistakes.gradients import _number, factor, factor_words, penalty_words

_MOST_EDGES = 400


def hypotheses(evidence: Evidence) -> Iterator[Hypothesis]:
    for mistakes in (
        cut_borders,
        wrong_orders,
        scaled_edges,
        repeated_edges,
        bias_sums,
        substitutions,
        other_cotangents,
    ):
        yield from mistakes(evidence)


def _live(evidence: Evidence) -> list[int]:
    """Nodes whose step reaches a wrong leaf, nearest the output first."""
    nodes, cotangents = evidence.tape.nodes, evidence.cotangents
    live = [i for i in reversed(range(len(nodes))) if cotangents[i] is not None and nodes[i].parents]
    return live[: 3 * _MOST_EDGES]


def _edges(evidence: Evidence) -> Iterator[tuple[int, int, np.ndarray]]:
    """(node, parent, what the node passes to it)."""
    for index in _live(evidence):
        passed: dict[int, np.ndarray] = {}
        for parent, d in evidence.tape.step(index, evidence.cotangents[index]):
            passed[parent] = passed[parent] + d if parent in passed else d  # v * v has v twice
        for parent, d in passed.items():
            if np.any(d):
                yield index, parent, d


def scaled_edges(evidence: Evidence) -> Iterator[Hypothesis]:
    """One contribution times c. Whatever c is, the leaves it does not reach must be right."""
    for index, parent, d in islice(_edges(evidence), _MOST_EDGES):
        effect = evidence.effect(index, parent, d)
        if any(effect[n].any() and np.linalg.norm(effect[n]) > 10 * evidence.floor for n in evidence.right):
            continue
        if not any(effect[n].any() for n in evidence.wrong):
            continue
        words = partial(edge_words, evidence, index, parent, d)
        yield Hypothesis("", "", 30, direction=effect, node=index, words=words)


def edge_words(evidence: Evidence, index: int, parent: int, d: np.ndarray, c: float) -> tuple[str, str, int]:
    """Name, sentence and rank of "this contribution times c"."""
    node, above = evidence.tape.nodes[index], evidence.tape.nodes[parent]
    text = _told(node)
    leaf = next((n for n, i in evidence.tape.leaves.items() if i == parent), None)
    part = next((p for p in evidence.found if p.x <= parent < p.y and index <= p.y), None)
    uses = evidence.children.get(parent, [])
    # a leaf that another operation uses too may be a penalized weight
    penalty = _penalty(above.value, d) if leaf is not None and any(use != index for use in uses) else None
    if penalty is not None:
        kind, right = penalty
        return penalty_words(evidence.batch, leaf or "", kind, c, right)
    if leaf is not None and node.kind in ("add", "subtract") and node.value.size > above.value.size:
        count = node.value.size // above.value.size
        if abs(c * count - 1) < 1e-6:
            told = f"the mean over what it was added to; right is the sum ({count} times that)"
            return "bias mean instead of sum", f"the gradient of {leaf} is {told}", 18
    if abs(c) < 1e-7:
        if part is not None and part.kind == "norm":
            return "normalization path missing", f"the gradient through {text} inside {part.name} is missing", 25
        several = len(uses) > 1
        if leaf is not None and not several:
            return "gradient not written (zeros)", f"nothing arrives at {leaf} from {text}", 28
        why = "the value is used more than once, and this use" if several else "what flows back through this line"
        return "gradient path missing", f"{why} is left out in backward: {text}", 26 if several else 36
    name, told = factor_words(c, evidence.batch)
    if name in (MISSING_MEAN, DOUBLE_MEAN) and part is None:
        return name, f"what flows back through {text} is {told}", 22
    constant = _constant_factor(evidence, index, parent)
    if constant is not None and abs(constant + 1) > 1e-9:
        if abs(c * constant - 1) < 1e-6:
            forgotten = f"forward multiplies by {_number(constant)} at {text}; backward does not"
            return "factor of the forward forgotten", forgotten, 24
        if abs(c - constant) < 1e-6:
            twice = f"the factor {_number(constant)} of {text} is applied twice"
            return "factor of the forward applied twice", twice, 25
    if name == EXTRA_FACTOR and part is None:
        told = f"{_number(c)} times what it should be"
    elif name == "sign flipped":
        told = "of the wrong sign"
    return name, f"what flows back through {text} is {told}", 32


def _told(node: Node) -> str:
    return f"`{node.where.text}` ({node.where})" if node.where else node.kind


def _penalty(w: np.ndarray, d: np.ndarray) -> tuple[str, float] | None:
    """Kind and coefficient of the penalty on ``w`` that ``d`` is the gradient of."""
    factors = {"w": factor(d, w, 1e-9), "sign(w)": factor(d, np.sign(w), 1e-9)}
    return next(((kind, c) for kind, c in factors.items() if c is not None), None)


def _constant_factor(evidence: Evidence, index: int, parent: int) -> float | None:
    """The number that the node multiplies the parent by, if that is what it does."""
    node = evidence.tape.nodes[index]
    if node.kind not in ("multiply", "divide", "true_divide", "mean"):
        return None
    if node.kind == "mean":
        return 1 / node.about["count"]
    slots = [k for k, p in enumerate(node.parents) if p is not None]
    if len(slots) != 1 or node.parents[slots[0]] != parent or (slots[0] == 1 and node.kind != "multiply"):
        return None
    other = np.ravel(node.inputs[1 - slots[0]])
    if other.size == 0 or np.ptp(other) > 1e-12 or other[0] in (0, 1):
        return None
    return float(other[0]) if node.kind == "multiply" else 1 / float(other[0])


def repeated_edges(evidence: Evidence) -> Iterator[Hypothesis]:
    """The same line or the same kind of step wrong by the same factor wherever it occurs."""
    groups: dict[tuple, list[int]] = defaultdict(list)
    for i in _live(evidence):
        node = evidence.tape.nodes[i]
        groups["line", node.where, node.kind].append(i)
        if node.kind in ("matmul", "add"):
            groups["kind", node.kind].append(i)
    for part in evidence.found:
        groups["part", part.kind, part.name].append(part.y)
    done: set[tuple] = set()
    for indices in groups.values():
        if len(indices) < 2 or tuple(indices) in done or len(indices) > 400:
            continue
        done.add(tuple(indices))
        place = ", ".join(sorted({str(evidence.line(i)) for i in indices})[:4])
        kind = evidence.tape.nodes[indices[0]].kind
        slots = {k for i in indices for k, p in enumerate(evidence.tape.nodes[i].parents) if p is not None}
        for slot, c in product([None, *sorted(slots)], evidence.plain_factors):
            steps = {i: _scaled(evidence, i, slot, c) for i in indices}
            name, told = factor_words(c, evidence.batch) if c else ("gradient path missing", "left out")
            sentence = f"what flows back through every {kind} of {place} is {told}"
            yield Hypothesis(name, sentence, 33, steps, node=max(indices))


def _scaled(evidence: Evidence, index: int, slot: int | None, c: float) -> Step:
    """The step times c: in what it passes to the parent in a slot, or to all where there is none."""
    parents = evidence.tape.nodes[index].parents
    parent = None if slot is None or slot >= len(parents) else parents[slot]
    return lambda dy: [(p, d * c if parent in (None, p) else d) for p, d in evidence.tape.step(index, dy)]


def wrong_orders(evidence: Evidence) -> Iterator[Hypothesis]:
    """A reshape or a transpose undone as if the axes had come in another order."""
    kinds = ("reshape", "ravel", "flatten", "transpose", "swapaxes", "moveaxis")
    moved = [i for i in endpoints(evidence.tape) if evidence.tape.nodes[i].kind in kinds]
    for index in [*(p.y for p in evidence.found if p.kind in ("conv", "pool")), *sorted(moved, reverse=True)][:12]:
        node, dy = evidence.tape.nodes[index], evidence.cotangents[index]
        if dy is None or dy.ndim > 4:
            continue
        sentence = f"the reshape or transpose at {_told(node)} is undone with the axes in another order"
        inside = next((x for x in node.inputs if x.size == dy.size), dy)
        for shape in {dy.shape, inside.shape}:
            for order in list(permutations(range(len(shape))))[1:24]:
                back = np.argsort(order)
                for d in (dy.reshape([shape[k] for k in order]).transpose(back), dy.reshape(shape).transpose(order)):
                    changes = {index: evidence.step_given(index, d.reshape(dy.shape))}
                    yield Hypothesis("reshape undone in the wrong order", sentence, 21, changes, node=index)


def cut_borders(evidence: Evidence) -> Iterator[Hypothesis]:
    """A padding that repeats what is at the border, undone by cropping alone."""
    for index in _live(evidence):
        node, dy = evidence.tape.nodes[index], evidence.cotangents[index]
        if node.kind == "pad":
            inside = tuple(slice(low, dy.shape[k] - high) for k, (low, high) in enumerate(node.about["widths"]))
            sentence = f"what falls on the border that {_told(node)} repeats is cut off; it belongs to what is repeated"
            changes = {index: _passes(node.parents[0], dy[inside])}
            yield Hypothesis("share of the border cut off", sentence, 20, changes, node=index)


def _passes(parent: int | None, d: np.ndarray) -> Step:
    return lambda _: [] if parent is None else [(parent, d)]


def bias_sums(evidence: Evidence) -> Iterator[Hypothesis]:
    """Instead of the sum over what the bias was added to: another axis, one row, everything."""
    for name in evidence.wrong:
        for index in evidence.bias_uses(name):
            dy = evidence.cotangents[index]
            if dy is None or dy.ndim < 1 or dy.size == evidence.want[name].size:
                continue
            tail = f"right is the sum over all that it was added to ({evidence.tape.nodes[index].where})"
            for title, told, value in _bias_sums(evidence, name, dy):
                c = factor(evidence.got[name], value) if title == "bias gradient is a maximum" else 1.0
                if c is not None:
                    sentence = f"the gradient of {name} {told}; {tail}"
                    yield Hypothesis(title, sentence, 19, leaves={name: c * value}, node=index)


def _bias_sums(evidence: Evidence, name: str, dy: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """(class, words, gradient): what can come of a wrong sum of dy in the leaf's shape."""
    want = evidence.want[name]
    wrong_axis, unsummed = "bias summed over the wrong axis", "bias not summed over the batch"
    for axis in range(dy.ndim):
        rest = tuple(k for k in range(dy.ndim) if k != axis)
        keeps, drops = dy.shape[axis] == want.size, dy.size == dy.shape[axis] * want.size
        if keeps and not close(dy.sum(axis=rest).reshape(want.shape), want, evidence.floor, evidence.tolerance):
            yield wrong_axis, f"keeps axis {axis}", dy.sum(axis=rest).reshape(want.shape)
            yield wrong_axis, f"is the mean and keeps axis {axis}", dy.mean(axis=rest).reshape(want.shape)
        if drops:
            yield unsummed, f"is the first entry along axis {axis}", np.take(dy, 0, axis=axis).reshape(want.shape)
            yield unsummed, f"is the last entry along axis {axis}", np.take(dy, -1, axis=axis).reshape(want.shape)
            yield wrong_axis, f"sums axis {axis} alone", dy.sum(axis=axis).reshape(want.shape)
        if keeps:
            biggest = dy.max(axis=rest).reshape(want.shape)
            yield "bias gradient is a maximum", f"takes the maximum, keeping axis {axis}", biggest
    everything = "bias summed over everything"
    yield everything, "is one number, the sum over all axes", np.full(want.shape, dy.sum())
    yield everything, "is one number, the mean over all", np.full(want.shape, dy.mean())


def _arrays_like(evidence: Evidence, shape: tuple[int, ...], near: int) -> list[int]:
    """Values of one shape on the tape, nearest first; loops' repeats left out."""
    nodes = dict.fromkeys([*endpoints(evidence.tape), *evidence.tape.leaves.values()])
    found = [i for i in nodes if evidence.tape.nodes[i].value.shape == shape]
    return sorted(found, key=lambda i: abs(i - near))[:14]


def _variants(value: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """A wrong residual: (class, words, array)."""
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        yield "transposed weight", "transposed", value.T
    for axis in range(value.ndim):
        if value.shape[axis] > 1:
            for shift in (1, -1):
                yield "batch rolled", f"rolled by one along axis {axis}", np.roll(value, shift, axis)
            yield "values flipped", f"flipped along axis {axis}", np.flip(value, axis)
    yield "factor left out", "left out", np.ones(value.shape)
    yield "sign flipped", "with its sign flipped", -value
    yield "absolute value used", "without its sign", np.abs(value)


def substitutions(evidence: Evidence) -> Iterator[Hypothesis]:
    """The other operand of a product (or the input of a function) replaced by another array of its shape."""
    relevant = [i for i in _live(evidence) if evidence.tape.nodes[i].kind in _WITH_RESIDUALS]
    for index in relevant[:60]:
        node = evidence.tape.nodes[index]
        for slot, value in enumerate(node.inputs):
            if value.size < 2:
                continue
            options = list(_variants(value))
            for other in _arrays_like(evidence, value.shape, index):
                array = evidence.tape.nodes[other].value
                if array is not value and not np.array_equal(array, value):
                    options.append((*_wrong_array(evidence, node.parents[slot], other, value), array))
            if value.ndim == 2 and value.shape[0] != value.shape[1]:
                for other in _arrays_like(evidence, value.shape[::-1], index):
                    if other != node.parents[slot]:
                        array = evidence.tape.nodes[other].value.T
                        options.append(("wrong array in a product", "another array, transposed", array))
            live = [p for p in dict.fromkeys(node.parents) if p is not None]
            for title, told, array in options:
                sentence = f"in the derivative of {_told(node)}, {_operand(evidence, node.parents[slot])} is {told}"
                rank = 12 if title == "transposed weight" else 40
                for only in [None, *live] if len(live) > 1 else [None]:
                    changes = {index: _with_input(evidence, index, slot, array, only)}
                    yield Hypothesis(title, sentence, rank, changes, node=index)


_WITH_RESIDUALS = {"matmul", "multiply", "divide", "true_divide", "log", "sqrt", "square", "power", "exp", "absolute",
                   "reciprocal", "tanh", "logistic"}  # fmt: skip


def _operand(evidence: Evidence, node: int | None) -> str:
    name = next((n for n, i in evidence.tape.leaves.items() if i == node), None)
    where = evidence.line(node)
    if name or where is None:
        return name or "the constant operand"
    assigned = re.match(r"([\w.]+) *=[^=]", where.text) if node in endpoints(evidence.tape) else None
    return f"`{assigned[1]}`" if assigned else f"a value of `{where.text}`"


def _wrong_array(evidence: Evidence, right: int | None, other: int, value: np.ndarray) -> tuple[str, str]:
    """What it is called when ``other`` stands for ``right``."""
    for part in evidence.found:
        if part.kind == "activation" and right is not None:
            activation, pre = (part.y, "activation"), (part.x, "pre-activation")
            for (meant, its_name), (used, used_name) in ((activation, pre), (pre, activation)):
                if _same_value(evidence, meant, right) and _same_value(evidence, used, other):
                    told = f"replaced by the {used_name} {_operand(evidence, other)}"
                    return f"{used_name} used for the {its_name}", told
    gap = float(np.abs(evidence.tape.nodes[other].value - value).max())
    if gap < 1e-3:
        return "epsilon left out", f"taken {gap:.1e} away from its value: a small constant of the forward is left out"
    return "wrong array in a product", f"replaced by {_operand(evidence, other)}"


def _same_value(evidence: Evidence, a: int, b: int) -> bool:
    return a == b or np.array_equal(np.ravel(evidence.tape.nodes[a].value), np.ravel(evidence.tape.nodes[b].value))


def _with_input(evidence: Evidence, index: int, slot: int, array: np.ndarray, only: int | None) -> Step:
    """The step with one operand replaced: in what it passes to every parent, or to one of them."""
    node = evidence.tape.nodes[index]

    def step(dy):
        inputs = [array if k == slot else x for k, x in enumerate(node.inputs)]
        parts = zip(node.parents, node.backward(dy, *inputs), strict=True)
        new = [(p, d) for p, d in parts if p is not None and d is not None and only in (None, p)]
        return new if only is None else new + [(p, d) for p, d in evidence.tape.step(index, dy) if p != only]

    return step


def other_cotangents(evidence: Evidence) -> Iterator[Hypothesis]:
    """A leaf's gradient made from the cotangent of another value: before the activation's derivative, say."""
    for name in evidence.wrong:
        leaf = evidence.tape.leaves[name]
        for index in evidence.children.get(leaf, []) + evidence.bias_uses(name):
            node, dy = evidence.tape.nodes[index], evidence.cotangents[index]
            if node.pull is None or dy is None or dy.size < 2 or leaf not in node.parents:
                continue
            options = []
            for other in _arrays_like(evidence, dy.shape, index):
                d = evidence.cotangents[other]
                if d is not None and not np.array_equal(d, dy):
                    made = f"the gradient of {name} is made from the gradient of {_operand(evidence, other)}"
                    options.append(("wrong incoming gradient", f"{made}; right is that of {_told(node)}", 38, d))
            made = f"the incoming gradient that makes the gradient of {name}"
            options += [(title, f"{made} is {told}", 41, d) for title, told, d in _variants(dy)]
            for title, sentence, rank, d in options:
                changes = {index: _leaf_from(evidence, index, node.parents.index(leaf), d)}
                yield Hypothesis(title, sentence, rank, changes, node=index)


def _leaf_from(evidence: Evidence, index: int, slot: int, d: np.ndarray) -> Step:
    node = evidence.tape.nodes[index]

    def step(dy):
        parts = list(evidence.tape.step(index, dy))
        own = node.backward(d, *node.inputs)[slot]
        return [(p, own if p == node.parents[slot] else v) for p, v in parts]

    return step
