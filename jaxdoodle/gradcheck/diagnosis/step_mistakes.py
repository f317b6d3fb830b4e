"""Wrong steps that need no name of a part: a contribution scaled or dropped, a wrong array used in a product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import permutations

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import endpoints
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis
from jaxdoodle.gradcheck.diagnosis.gradient_mistakes import _number, factor, factor_words, penalty_words

_MOST_EDGES = 400


def hypotheses(evidence: Evidence) -> Iterator[Hypothesis]:
    yield from wrong_orders(evidence)
    yield from scaled_edges(evidence)
    yield from repeated_edges(evidence)
    yield from bias_sums(evidence)
    yield from substitutions(evidence)
    yield from other_cotangents(evidence)


def _live(evidence: Evidence) -> list[int]:
    """Nodes whose step reaches a wrong leaf, nearest the output first."""
    return [
        i for i in range(len(evidence.tape.nodes) - 1, -1, -1)
        if evidence.cotangents[i] is not None and evidence.tape.nodes[i].parents
    ][: 3 * _MOST_EDGES]  # fmt: skip


def _edges(evidence: Evidence) -> Iterator[tuple[int, int, np.ndarray]]:
    """(node, parent, what the node passes to it)."""
    for index in _live(evidence):
        for parent, d in evidence.tape.step(index, evidence.cotangents[index]):
            if np.any(d):
                yield index, parent, d


def scaled_edges(evidence: Evidence) -> Iterator[Hypothesis]:
    """One contribution times c. Whatever c is, the leaves it does not reach must be right."""
    for count, (index, parent, d) in enumerate(_edges(evidence)):
        if count >= _MOST_EDGES:
            return
        effect = evidence.effect(index, parent, d)
        if any(effect[n].any() and np.linalg.norm(effect[n]) > 10 * evidence.floor for n in evidence.right):
            continue
        if not any(effect[n].any() for n in evidence.wrong):
            continue
        yield Hypothesis(
            "", "", 30, direction=effect, node=index,
            words=partial(edge_words, evidence, index, parent, d),
        )  # fmt: skip


def edge_words(evidence: Evidence, index: int, parent: int, d: np.ndarray, c: float) -> tuple[str, str, int]:
    """Name, sentence and rank of "this contribution times c"."""
    node, above = evidence.tape.nodes[index], evidence.tape.nodes[parent]
    text = f"`{node.where.text}` ({node.where})" if node.where else node.kind
    leaf = next((n for n, i in evidence.tape.leaves.items() if i == parent), None)
    part = next((p for p in evidence.found if p.x <= parent < p.y and index <= p.y), None)
    penalty = _penalty(above.value, d) if leaf is not None and _elsewhere(evidence, index, parent) else None
    if penalty is not None:
        direction = above.value if penalty == "w" else np.sign(above.value)
        right = float(np.vdot(direction, d) / np.vdot(direction, direction))
        return penalty_words(evidence.batch, leaf or "", penalty, c, right)
    if leaf is not None and node.kind in ("add", "subtract") and node.value.size > above.value.size:
        count = node.value.size // above.value.size
        if abs(c * count - 1) < 1e-6:
            return (
                "bias mean instead of sum",
                f"the gradient of {leaf} is the mean over what it was added to; right is the sum ({count} times that)",
                18,
            )
    constant = _constant_factor(evidence, index, parent)
    if abs(c) < 1e-7:
        if part is not None and part.kind == "norm":
            return "normalization path missing", f"the gradient through {text} inside {part.name} is missing", 25
        several = len(evidence.children.get(parent, [])) > 1
        if leaf is not None and not several:
            return "gradient not written (zeros)", f"nothing arrives at {leaf} from {text}", 28
        why = "the value is used more than once, and this use" if several else "what flows back through this line"
        return "gradient path missing", f"{why} is left out in backward: {text}", 26 if several else 36
    named = factor_words(c, evidence.batch)
    if named[0] in ("missing 1/m", "double 1/m") and part is None:
        return named[0], f"what flows back through {text} is {named[1]}", 22
    if constant is not None and abs(c * constant - 1) < 1e-6 and abs(constant + 1) > 1e-9:
        return (
            "factor of the forward forgotten",
            f"forward multiplies by {_number(constant)} at {text}; backward does not",
            24,
        )
    if constant is not None and abs(c - constant) < 1e-6 and abs(constant + 1) > 1e-9:
        return "factor of the forward applied twice", f"the factor {_number(constant)} of {text} is applied twice", 25
    name, told = named
    if name == "extra factor" and part is None:
        told = f"{_number(c)} times what it should be"
    elif name == "sign flipped":
        told = "of the wrong sign"
    return name, f"what flows back through {text} is {told}", 32


def _elsewhere(evidence: Evidence, index: int, parent: int) -> bool:
    """Is the leaf used by another operation too, as a penalized weight is?"""
    return any(child != index for child in evidence.children.get(parent, []))


def _penalty(w: np.ndarray, d: np.ndarray) -> str | None:
    for kind, direction in (("w", w), ("sign(w)", np.sign(w))):
        size = float(np.vdot(direction, direction))
        if size and np.count_nonzero(w) > 1:
            c = float(np.vdot(direction, d)) / size
            if np.linalg.norm(d - c * direction) <= 1e-9 * np.linalg.norm(d):
                return kind
    return None


def _constant_factor(evidence: Evidence, index: int, parent: int) -> float | None:
    """The number that the node multiplies the parent by, if that is what it does."""
    node = evidence.tape.nodes[index]
    if node.kind not in ("multiply", "divide", "true_divide", "mean"):
        return None
    if node.kind == "mean":
        return 1 / node.about["count"]
    if sum(p is not None for p in node.parents) != 1 or node.parents[0 if node.parents[0] is not None else 1] != parent:
        return None
    other = node.inputs[1 if node.parents[0] is not None else 0]
    if np.size(other) == 0 or np.ptp(other) > 1e-12 or np.ravel(other)[0] == 0:
        return None
    k = float(np.ravel(other)[0])
    if node.kind != "multiply":
        if node.parents[0] is None:
            return None
        k = 1 / k
    return None if k == 1 else k


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
    numbers = [0.0, -1.0, 2.0, 0.5, *([float(evidence.batch), 1 / evidence.batch] if evidence.batch else [])]
    done: set[tuple] = set()
    for indices in groups.values():
        if len(indices) < 2 or tuple(indices) in done or len(indices) > 400:
            continue
        done.add(tuple(indices))
        where = {str(evidence.line(i)) for i in indices}
        place = ", ".join(sorted(where)[:4])
        slots = {k for i in indices for k, p in enumerate(evidence.tape.nodes[i].parents) if p is not None}
        for slot in [None, *sorted(slots)]:
            for c in numbers:
                steps = {i: _scaled(evidence, i, slot, c) for i in indices}
                name, told = factor_words(c, evidence.batch) if c else ("gradient path missing", "left out")
                kind = evidence.tape.nodes[indices[0]].kind
                yield Hypothesis(
                    name, f"what flows back through every {kind} of {place} is {told}", 33, steps, node=max(indices)
                )


def _scaled(evidence: Evidence, index: int, slot: int | None, c: float) -> Step:
    target = None if slot is None or slot >= len(evidence.tape.nodes[index].parents) else slot
    node = evidence.tape.nodes[index]
    parent = None if target is None else node.parents[target]

    def step(dy):
        return [(p, d * c if parent is None or p == parent else d) for p, d in evidence.tape.step(index, dy)]

    return step


def wrong_orders(evidence: Evidence) -> Iterator[Hypothesis]:
    """A reshape or a transpose undone as if the axes had come in another order."""
    kinds = ("reshape", "ravel", "flatten", "transpose", "swapaxes", "moveaxis")
    moved = [i for i in endpoints(evidence.tape) if evidence.tape.nodes[i].kind in kinds]
    for index in [*(p.y for p in evidence.found if p.kind in ("conv", "pool")), *sorted(moved, reverse=True)][:12]:
        node, dy = evidence.tape.nodes[index], evidence.cotangents[index]
        if dy is None or dy.ndim > 4:
            continue
        text = f"`{node.where.text}` ({node.where})" if node.where else node.kind
        sentence = f"the reshape or transpose at {text} is undone with the axes in another order"
        inside = next((x for x in node.inputs if x.size == dy.size), dy)
        for shape in {dy.shape, inside.shape}:
            for order in list(permutations(range(len(shape))))[1:24]:
                back = np.argsort(order)
                for d in (dy.reshape([shape[k] for k in order]).transpose(back), dy.reshape(shape).transpose(order)):
                    yield Hypothesis(
                        "reshape undone in the wrong order", sentence, 21,
                        {index: partial(_step_with, evidence, index, d.reshape(dy.shape))}, node=index,
                    )  # fmt: skip


def _step_with(evidence: Evidence, index: int, d: np.ndarray, dy: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """The step of a node as if ``d`` had come in."""
    return evidence.tape.step(index, d)


def bias_sums(evidence: Evidence) -> Iterator[Hypothesis]:
    """Instead of the sum over what the bias was added to: another axis, one row, everything."""
    for name in evidence.wrong:
        for index in evidence.bias_uses(name):
            dy, shape = evidence.cotangents[index], evidence.value(name).shape
            size = evidence.value(name).size
            if dy is None or dy.ndim < 1 or dy.size == size:
                continue
            options: list[tuple[str, str, np.ndarray]] = []
            for axis in range(dy.ndim):
                rest = tuple(k for k in range(dy.ndim) if k != axis)
                total = dy.sum(axis=rest)
                if total.size == size and not evidence.agrees_with(total.reshape(shape), evidence.want[name]):
                    options.append(("bias summed over the wrong axis", f"keeps axis {axis}", total))
                    options.append(
                        ("bias summed over the wrong axis", f"is the mean and keeps axis {axis}", dy.mean(axis=rest))
                    )
                for k, word in ((0, "first"), (-1, "last")):
                    row = np.take(dy, k, axis=axis)
                    if row.size == size:
                        options.append(
                            ("bias not summed over the batch", f"is the {word} entry along axis {axis}", row)
                        )
                partial = dy.sum(axis=axis)
                if partial.size == size:
                    options.append(("bias summed over the wrong axis", f"sums axis {axis} alone", partial))
                biggest = dy.max(axis=rest)
                if biggest.size == size:
                    options.append(("bias gradient is a maximum", f"takes the maximum, keeping axis {axis}", biggest))
            options.append(
                ("bias summed over everything", "is one number, the sum over all axes", np.full(shape, dy.sum()))
            )
            options.append(
                ("bias summed over everything", "is one number, the mean over all", np.full(shape, dy.mean()))
            )
            node = evidence.tape.nodes[index]
            for title, told, value in options:
                c = factor(evidence.got[name], value.reshape(shape)) if title == "bias gradient is a maximum" else 1.0
                if c is None:
                    continue
                value = c * value
                sentence = (
                    f"the gradient of {name} {told}; right is the sum over all that it was added to ({node.where})"
                )
                yield Hypothesis(title, sentence, 19, leaves={name: value.reshape(shape)}, node=index)


def _arrays_like(evidence: Evidence, shape: tuple[int, ...], near: int) -> list[int]:
    """Values of one shape on the tape, nearest first; loops' repeats left out."""
    found = [
        i
        for i in [*endpoints(evidence.tape), *evidence.tape.leaves.values()]
        if evidence.tape.nodes[i].value.shape == shape
    ]
    return sorted(dict.fromkeys(found), key=lambda i: abs(i - near))[:14]


def _variants(value: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """A wrong residual: (class, words, array)."""
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        yield "transposed weight", "transposed", value.T
    for axis in range(value.ndim):
        if value.shape[axis] > 1:
            for shift in (1, -1):
                yield "batch rolled", f"rolled by one along axis {axis}", np.roll(value, shift, axis)
            yield "values flipped", f"flipped along axis {axis}", np.flip(value, axis)
    yield "residual left out", "left out (taken for ones)", np.ones(value.shape)
    yield "sign flipped", "with its sign flipped", -value
    yield "absolute value used", "without its sign", np.abs(value)


def substitutions(evidence: Evidence) -> Iterator[Hypothesis]:
    """The other operand of a product (or the input of a function) replaced by another array of its shape."""
    relevant = [i for i in _live(evidence) if evidence.tape.nodes[i].kind in _WITH_RESIDUALS]
    for index in relevant[:60]:
        node = evidence.tape.nodes[index]
        if node.value.size < 2 and node.inputs[0].size < 2:
            continue
        for slot, value in enumerate(node.inputs):
            if value.size < 2:
                continue
            options = list(_variants(value))
            for other in _arrays_like(evidence, value.shape, index):
                array = evidence.tape.nodes[other].value
                if array is not value and not np.array_equal(array, value):
                    options.append((*_wrong_array(evidence, node.parents[slot], other, value), array))
            if value.ndim == 2:
                for other in _arrays_like(evidence, value.shape[::-1], index):
                    if other != node.parents[slot] and value.shape[0] != value.shape[1]:
                        array = evidence.tape.nodes[other].value.T
                        options.append(("wrong array in a product", "another array, transposed", array))
            text = f"`{node.where.text}` ({node.where})" if node.where else node.kind
            for title, told, array in options:
                operand = _operand(evidence, node.parents[slot])
                live = [p for p in dict.fromkeys(node.parents) if p is not None]
                for only in [None, *live] if len(live) > 1 else [None]:
                    yield Hypothesis(
                        title, f"in the derivative of {text}, {operand} is {told}",
                        40 if title != "transposed weight" else 12,
                        {index: _with_input(evidence, index, slot, array, only)}, node=index,
                    )  # fmt: skip


_WITH_RESIDUALS = {"matmul", "multiply", "divide", "true_divide", "log", "sqrt", "square", "power", "exp", "absolute",
                   "reciprocal", "tanh", "logistic"}  # fmt: skip


def _operand(evidence: Evidence, node: int | None) -> str:
    name = next((n for n, i in evidence.tape.leaves.items() if i == node), None)
    where = evidence.line(node)
    return name or (f"the result of {where}" if where else "the constant operand")


def _wrong_array(evidence: Evidence, right: int | None, other: int, value: np.ndarray) -> tuple[str, str]:
    """What it is called when ``other`` stands for ``right``."""
    for part in evidence.found:
        if part.kind == "activation" and right is not None:
            if _same_value(evidence, part.y, right) and _same_value(evidence, part.x, other):
                return (
                    "pre-activation used for the activation",
                    f"replaced by the pre-activation {_operand(evidence, other)}",
                )
            if _same_value(evidence, part.x, right) and _same_value(evidence, part.y, other):
                return (
                    "activation used for the pre-activation",
                    f"replaced by the activation {_operand(evidence, other)}",
                )
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
        parts = node.backward(dy, *inputs)
        new = [(p, d) for p, d in zip(node.parents, parts, strict=True) if p is not None and d is not None]
        if only is None:
            return new
        return [(p, d) for p, d in new if p == only] + [(p, d) for p, d in evidence.tape.step(index, dy) if p != only]

    return step


def other_cotangents(evidence: Evidence) -> Iterator[Hypothesis]:
    """A leaf's gradient made from the cotangent of another value: before the activation's derivative, say."""
    for name in evidence.wrong:
        for index in evidence.children.get(evidence.tape.leaves[name], []) + evidence.bias_uses(name):
            node, dy = evidence.tape.nodes[index], evidence.cotangents[index]
            if node.pull is None or dy is None or dy.size < 2:
                continue
            if evidence.tape.leaves[name] not in node.parents:
                continue
            slot = node.parents.index(evidence.tape.leaves[name])
            text = f"`{node.where.text}` ({node.where})" if node.where else node.kind
            for other in _arrays_like(evidence, dy.shape, index):
                d = evidence.cotangents[other]
                if d is None or np.array_equal(d, dy):
                    continue
                yield Hypothesis(
                    "wrong incoming gradient",
                    f"the gradient of {name} is made from the gradient of {_operand(evidence, other)}; "
                    f"right is that of {text}",
                    38, {index: _leaf_from(evidence, index, slot, d)}, node=index,
                )  # fmt: skip
            for title, told, d in _variants(dy):
                yield Hypothesis(
                    title, f"the incoming gradient that makes the gradient of {name} is {told}", 41,
                    {index: _leaf_from(evidence, index, slot, d)}, node=index,
                )  # fmt: skip


def _leaf_from(evidence: Evidence, index: int, slot: int, d: np.ndarray) -> Step:
    node = evidence.tape.nodes[index]

    def step(dy):
        parts = list(evidence.tape.step(index, dy))
        own = node.backward(d, *node.inputs)[slot]
        return [(p, own if p == node.parents[slot] else v) for p, v in parts]

    return step
