"""Wrong steps that need no name of a part: a contribution scaled or dropped, a wrong array used in a product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import islice, permutations

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import endpoints
from jaxdoodle.gradcheck.autograd.tape import Node, Step
from jaxdoodle.gradcheck.diagnosis.catalogue import DOUBLE_MEAN, EXTRA_FACTOR, MISSING_MEAN, factor_words, number, tell
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis, Rank

_MOST_EDGES = 400
#: A factor that no mistake is likely to have: what hangs on a step changes with it.
_ANY_FACTOR = 1.37
#: Values to which a later one's gradient may be passed on, and how many later ones are tried for each.
_MOST_VALUES, _MOST_LATER = 60, 4


def hypotheses(evidence: Evidence) -> Iterator[Hypothesis]:
    for mistakes in (cut_borders, wrong_orders, scaled_edges, repeated_edges, steps_left_out):
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
        if evidence.steps.ran_out:
            return
        effect = evidence.effect(index, parent, d)
        if any(effect[n].any() and np.linalg.norm(effect[n]) > 10 * evidence.floor for n in evidence.right):
            continue
        if not any(effect[n].any() for n in evidence.wrong):
            continue
        words = partial(edge_words, evidence, index, parent)
        yield Hypothesis("", "", Rank.NUMBER, direction=effect, node=index, words=words, passed={parent: d})


def edge_words(evidence: Evidence, index: int, parent: int, c: float) -> tuple[str, str, Rank]:
    """Name, sentence and rank of "this contribution times c"."""
    node, above = evidence.tape.nodes[index], evidence.tape.nodes[parent]
    text = _told(node)
    leaf = next((n for n, i in evidence.tape.leaves.items() if i == parent), None)
    part = next((p for p in evidence.found if p.x <= parent < p.y and index <= p.y), None)
    uses = evidence.children.get(parent, [])
    if leaf is not None and node.kind in ("add", "subtract") and node.value.size > above.value.size:
        count = node.value.size // above.value.size
        if abs(c * count - 1) < 1e-6:
            return *tell("bias mean instead of sum", which=f"the gradient of {leaf}", n=count), Rank.SUM
    if abs(c) < 1e-7:
        several = len(uses) > 1
        if leaf is not None and not several:
            return *tell("gradient not written (zeros)", names=leaf), Rank.PATH
        why = "the value is used more than once, and this use" if several else "what flows back through this line"
        return *tell("gradient path missing", why=why, line=text), Rank.PATH if several else Rank.ANYTHING
    name, told = factor_words(c, evidence.batch)
    constant = _constant_factor(evidence, index, parent)
    forgotten = constant is not None and abs(constant + 1) > 1e-9 and abs(c * constant - 1) < 1e-6
    inside = any(evidence.first_use(n) > index for n in evidence.right)  # not the mean of a loss: it reaches all
    if name in (MISSING_MEAN, DOUBLE_MEAN) and part is None and not (forgotten and inside):
        return name, f"what flows back through {text} is {told}", Rank.COUNT
    if constant is not None and abs(constant + 1) > 1e-9:
        if forgotten:
            told = f"forward multiplies by {number(constant)} at {text}; backward does not"
            return "factor of the forward forgotten", told, Rank.SUM if inside else Rank.COUNT
        if abs(c - constant) < 1e-6:
            twice = f"the factor {number(constant)} of {text} is applied twice"
            return "factor of the forward applied twice", twice, Rank.COUNT
    if name == EXTRA_FACTOR and part is None:
        told = f"{number(c)} times what it should be"
    elif name == "sign flipped":
        told = "of the wrong sign"
    return name, f"what flows back through {text} is {told}", Rank.NUMBER


def _told(node: Node) -> str:
    return f"`{node.where.text}` ({node.where})" if node.where else node.kind


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
    leaves = {*evidence.tape.leaves.values()}
    for i in _live(evidence):
        node = evidence.tape.nodes[i]
        groups["line", node.where, node.kind].append(i)
        of = tuple(p if p in leaves else None for p in node.parents)  # h @ w at every step but that of the first h
        groups["line", node.where, node.kind, of].append(i)
        if node.kind in ("matmul", "add"):
            groups["kind", node.kind].append(i)
    for part in evidence.found:
        groups["part", part.kind, part.name].append(part.y)
    done: set[tuple] = set()
    inputs = {i: sum(p is not None for p in node.parents) for i, node in enumerate(evidence.tape.nodes)}

    def only_passed(i: int) -> bool:  # to a function of it alone, as within a sigmoid: a factor is there as well
        return inputs[i] == 1 and [inputs[child] for child in evidence.children.get(i, ())] == [1]

    for indices in groups.values():
        few = len(indices) < 2 or len(indices) > _MOST_EDGES
        if few or tuple(indices) in done or all(map(only_passed, indices)) or evidence.steps.ran_out:
            continue
        done.add(tuple(indices))
        place = ", ".join(sorted({str(evidence.line(i)) for i in indices})[:4])
        kind = evidence.tape.nodes[indices[0]].kind
        slots = {k for i in indices for k, p in enumerate(evidence.tape.nodes[i].parents) if p is not None}
        for slot in [None, *sorted(slots)][len(slots) == 1 :]:
            for c in _factors(evidence, indices, slot):
                name, told = factor_words(c, evidence.batch) if c else ("gradient path missing", "left out")
                sentence = f"what flows back through every {kind} of {place} is {told}"
                steps = {i: _scaled(evidence, i, slot, c) for i in indices}
                yield Hypothesis(name, sentence, Rank.NUMBER, steps, node=max(indices))


def _factors(evidence: Evidence, indices: list[int], slot: int | None) -> list[float]:
    """The factors of all these steps that may make every wrong leaf right: none where one of them stays as it is."""
    steps = {i: _scaled(evidence, i, slot, _ANY_FACTOR) for i in indices}
    moved = evidence.predict(Hypothesis("", "", Rank.NUMBER, steps))
    if any(np.array_equal(moved[n], evidence.want[n]) for n in evidence.wrong):
        return []
    # a right leaf stays right only where it hangs on an even number of them, and the sign of each is flipped
    return evidence.plain_factors if all(evidence.agrees(n, moved[n]) for n in evidence.right) else [-1.0]


def _scaled(evidence: Evidence, index: int, slot: int | None, c: float) -> Step:
    """The step times c: in what it passes to the parent in a slot, or to all where there is none."""
    parents = evidence.tape.nodes[index].parents
    parent = None if slot is None or slot >= len(parents) else parents[slot]
    return lambda dy: [(p, d * c if parent in (None, p) else d) for p, d in evidence.tape.step(index, dy)]


def wrong_orders(evidence: Evidence) -> Iterator[Hypothesis]:
    """A reshape or a transpose undone as if the axes had come in another order."""
    kinds = ("reshape", "ravel", "flatten", "transpose", "swapaxes", "moveaxis")
    moved = [i for i in endpoints(evidence.tape) if evidence.tape.nodes[i].kind in kinds]
    for index in sorted(moved, reverse=True)[:12]:
        node, dy = evidence.tape.nodes[index], evidence.cotangents[index]
        if dy is None or dy.ndim > 4:
            continue
        told = tell("reshape undone in the wrong order", line=_told(node))
        inside = next((x for x in node.inputs if x.size == dy.size), dy)
        for shape in {dy.shape, inside.shape}:
            for order in list(permutations(range(len(shape))))[1:24]:
                back = np.argsort(order)
                for d in (dy.reshape([shape[k] for k in order]).transpose(back), dy.reshape(shape).transpose(order)):
                    changes = {index: evidence.step_given(index, d.reshape(dy.shape))}
                    yield Hypothesis(*told, Rank.SUM, changes, node=index)


def cut_borders(evidence: Evidence) -> Iterator[Hypothesis]:
    """A padding that repeats what is at the border, undone by cropping alone."""
    for index in _live(evidence):
        node, dy = evidence.tape.nodes[index], evidence.cotangents[index]
        if node.kind == "pad":
            inside = tuple(slice(low, dy.shape[k] - high) for k, (low, high) in enumerate(node.about["widths"]))
            passed = [(p, dy[inside]) for p in node.parents if p is not None]
            changes = {index: lambda _, passed=passed: passed}
            yield Hypothesis(*tell("share of the border cut off", line=_told(node)), Rank.SUM, changes, node=index)


def steps_left_out(evidence: Evidence) -> Iterator[Hypothesis]:
    """What flows back to one value is passed on to an earlier one as it is."""
    nodes = [i for i in sorted(endpoints(evidence.tape), reverse=True) if evidence.cotangents[i] is not None]
    names = {node: name for name, node in evidence.tape.leaves.items()}
    for k, index in enumerate(nodes[:_MOST_VALUES]):
        shape = evidence.cotangents[index].shape
        later = [j for j in reversed(nodes[:k]) if evidence.cotangents[j].shape == shape][:_MOST_LATER]
        for other in later:
            dy, there = evidence.cotangents[other], evidence.tape.nodes[other]
            value = names.get(index) or _told(evidence.tape.nodes[index])
            told = tell("derivative left out", line=_told(there), value=value)
            leaves = {names[index]: dy} if index in names else {}
            changes = {} if leaves else {index: evidence.step_given(index, dy)}
            yield Hypothesis(*told, Rank.ANYTHING, changes, leaves, node=other)
