"""What a diagnosis looks at: the recorded forward, the right gradients and the returned ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part, recognize
from jaxdoodle.gradcheck.autograd.tape import Step, Tape, Where
from jaxdoodle.gradcheck.compare import close


@dataclass(frozen=True)
class Hypothesis:
    """A way of being wrong that can be recomputed.

    ``name`` is the class of the bug, ``sentence`` what was done and what is right. ``changes`` replaces steps of the
    reverse pass; ``leaves`` gives the gradients of some leaves outright. A ``fit`` hypothesis leaves one number open:
    gradients are ``base + (c - 1) * direction``, and ``words(c)`` gives name and sentence.
    ``rank``: where two explain the same, the lower is told. ``place`` is the node where it happens, ``factor`` the
    number by which gradients are off, where it is one.
    """

    name: str
    sentence: str
    rank: int
    changes: Mapping[int, Step] = field(default_factory=dict)
    leaves: Mapping[str, np.ndarray] = field(default_factory=dict)
    direction: Mapping[str, np.ndarray] | None = None
    words: Callable[[float], tuple[str, str, int] | None] | None = None
    place: int | None = None
    factor: float | None = None


class Altered(Tape):
    """A tape some of whose steps are replaced: the network as the suspect differentiates it."""

    def __init__(self, tape: Tape, changes: Mapping[int, Step]):
        self.nodes, self.leaves, self.moving, self.locate = tape.nodes, tape.leaves, tape.moving, tape.locate
        self.below, self.changes = tape, changes

    def alive(self, index: int | None) -> bool:
        return self.below.alive(index)

    def step(self, index: int, dy: np.ndarray) -> list[tuple[int, np.ndarray]]:
        return list(self.changes[index](dy)) if index in self.changes else self.below.step(index, dy)


@dataclass
class Scene:
    """One point. ``got`` has only leaves that came back in the right shape; ``solved`` leaves are explained already."""

    tape: Tape
    seeds: dict[int, np.ndarray]
    got: dict[str, np.ndarray]
    tolerance: float
    batch: int | None = None
    parts: list[Part] | None = None
    solved: frozenset[str] = frozenset()
    given: dict[str, np.ndarray] | None = None  # the right gradients, where the forward could not be recorded

    @functools.cached_property
    def cotangents(self) -> list[Any]:
        return self.tape.reverse(self.seeds)

    @functools.cached_property
    def all_want(self) -> dict[str, np.ndarray]:
        return self.tape.leaf_values(self.cotangents)

    @functools.cached_property
    def want(self) -> dict[str, np.ndarray]:
        if self.given is not None:
            return {name: self.given[name] for name in self.got}
        return {name: self.all_want[name] for name in self.got}

    @functools.cached_property
    def found(self) -> list[Part]:
        return recognize(self.tape) if self.parts is None else self.parts

    @functools.cached_property
    def floor(self) -> float:
        size = np.sqrt(sum(float(np.vdot(w, w)) for w in self.want.values()))
        return 1e-4 * float(size)

    def agrees(self, name: str, value: np.ndarray) -> bool:
        return close(self.got[name], value, self.floor, self.tolerance)

    def agrees_with(self, a: np.ndarray, b: np.ndarray) -> bool:
        return close(a, b, self.floor, self.tolerance)

    @functools.cached_property
    def wrong(self) -> list[str]:
        """Unexplained wrong leaves, the one nearest the output first."""
        bad = [n for n in self.got if n not in self.solved and not self.agrees(n, self.want[n])]
        return sorted(bad, key=lambda n: -self.first_use(n))

    @functools.cached_property
    def right(self) -> list[str]:
        return [n for n in self.got if n not in self.solved and n not in self.wrong]

    @functools.cached_property
    def children(self) -> dict[int, list[int]]:
        table: dict[int, list[int]] = {}
        for index, node in enumerate(self.tape.nodes):
            for parent in set(node.parents):
                if parent is not None:
                    table.setdefault(parent, []).append(index)
        return table

    def first_use(self, name: str) -> int:
        """Where in the forward the leaf comes in; where that is not recorded, its place among the arguments."""
        return min(self.children.get(self.tape.leaves[name], [self.tape.leaves[name]]))

    def value(self, name: str) -> np.ndarray:
        return self.tape.nodes[self.tape.leaves[name]].value

    def is_bias(self, name: str) -> bool:
        """Added to something larger, and used nowhere else."""
        uses = self.bias_uses(name)
        return bool(uses) and self.value(name).ndim <= 2

    def bias_uses(self, name: str) -> list[int]:
        """The additions that repeat the leaf (looking through reshapes)."""
        todo, found, value = [self.tape.leaves[name]], [], self.value(name)
        while todo:
            for child in self.children.get(todo.pop(), []):
                node = self.tape.nodes[child]
                if node.kind in ("add", "subtract") and node.value.size > value.size:
                    found.append(child)
                elif len(node.parents) == 1 and node.value.size == value.size:
                    todo.append(child)
                elif node.kind in ("broadcast_in_dim", "broadcast_to", "getitem"):
                    todo.append(child)
                elif node.kind in ("add", "subtract"):
                    found.append(child)
                else:
                    return []
        return found

    def line(self, index: int | None) -> Where | None:
        return None if index is None else self.tape.nodes[index].where

    def predict(self, h: Hypothesis) -> dict[str, np.ndarray]:
        """The gradients if the hypothesis holds."""
        pred = dict(self.want)
        if h.changes:
            deltas = self.tape.leaf_values(self.tape.changed(self.cotangents, h.changes))
            pred = {name: w + deltas[name] for name, w in pred.items()}
        return pred | {name: v for name, v in h.leaves.items() if name in pred}

    def effect(self, node: int, parent: int, d: np.ndarray) -> dict[str, np.ndarray]:
        """What one contribution adds to the gradients of the leaves."""
        deltas = self.tape.leaf_values(self.tape.changed(self.cotangents, {}, {parent: d}))
        return {name: deltas[name] for name in self.got}
