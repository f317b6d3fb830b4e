"""A traced forward pass in NumPy, and the reverse pass over it, with any step of it replaced on purpose.

The diagnosis rests on it: a hypothesis ("tanh' was written with tan") is a replaced step, and what that step
would do to every gradient is computed and compared with what the candidate returned.
"""

from __future__ import annotations

import copy
import linecache
import os
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

#: ``pull(dy, y, *inputs)``: one cotangent, or None, for each input.
Pull = Callable[..., tuple]
#: What a replaced step passes to its parents: (node, cotangent) pairs, from the cotangent of its output.
Step = Callable[[np.ndarray], Iterable[tuple[int, np.ndarray]]]
#: Operations that are flat but for their steps; ``round`` is JAX's.
_STEPS = {"sign", "floor", "ceil", "rint", "trunc", "round"}
CHECKER = str(Path(__file__).absolute().parents[1])
_FINDERS = str(Path(CHECKER).parent / "submissions")  # of what is to be checked in a file
#: Where the code is that is not the user's: Python, installed packages, the checker itself.
LIBRARIES = (*(os.path.abspath(p) + os.sep for p in {*sysconfig.get_paths().values(), CHECKER, _FINDERS}), "<frozen")


@dataclass(frozen=True)
class Where:
    """A line of the user's program."""

    file: str
    line: int
    text: str

    @classmethod
    def at(cls, file: str, line: int) -> Where:
        return cls(file, line, linecache.getline(file, line).strip())

    def __str__(self):
        return f"{self.file.rsplit('/', 1)[-1]}:{self.line}"


@dataclass(eq=False)
class Node:
    kind: str
    value: np.ndarray
    parents: tuple[int | None, ...]
    inputs: tuple[np.ndarray, ...]
    pull: Pull | None
    where: Where | None
    about: dict[str, Any] = field(default_factory=dict)


def _passed_to(parent: int, dy: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(parent, dy)]


class Untraceable(Exception):
    """The forward uses something that the trace cannot follow."""


class Tape:
    """Nodes in the order they were computed. ``leaves`` maps the name of an argument to its node.

    ``locate`` tells the line of the user's program that is being run.
    """

    def __init__(self, locate: Callable[[], Where | None]):
        self.locate = locate
        self.nodes: list[Node] = []
        self.leaves: dict[str, int] = {}
        self.moving: set[int] = set()  # the leaves whose gradient is asked for
        self.casts: set[str] = set()  # lower precisions that values were cast to
        self.rules: dict[str, None] = {}  # functions of the user's whose hand-written rule was left out
        self.detached = False  # stop_gradient occurs, or steps are passed, which central differences cannot know of
        self.changes: Mapping[int, Step] = {}  # steps that are replaced
        #: Comparisons of a value with a constant: its node, the constant, what came out, the line.
        self.comparisons: list[tuple[int, np.ndarray, np.ndarray, Where | None]] = []

    def add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def leaf(self, name: str, value: np.ndarray) -> int:
        self.leaves[name] = self.add(Node("leaf", np.asarray(value), (), (), None, None))
        return self.leaves[name]

    def alive(self, index: int | None) -> bool:
        """Does the value depend on an argument?"""
        return index is not None and (self.nodes[index].kind == "leaf" or bool(self.nodes[index].parents))

    def step(self, index: int, dy: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """What the node passes to its parents."""
        if index in self.changes:
            return list(self.changes[index](dy))
        node = self.nodes[index]
        if node.pull is None:
            return []
        parts = node.pull(dy, node.value, *node.inputs)
        return [(p, d) for p, d in zip(node.parents, parts, strict=True) if p is not None and d is not None]

    def reverse(self, seeds: Mapping[int, np.ndarray]) -> list[Any]:
        """The cotangent of every node, given those of the outputs; None where nothing arrives."""
        found = self.changed([None] * len(self.nodes), {}, seeds)
        return [found.get(index) for index in range(len(self.nodes))]

    def altered(self, changes: Mapping[int, Step]) -> Tape:
        """The same tape with steps of it replaced: the network as the candidate differentiates it."""
        tape = copy.copy(self)
        tape.changes = {**self.changes, **changes}
        return tape

    def straight(self) -> Tape:
        """The same tape whose steps (rounding, a sign) pass on what comes in, where their derivative is 0."""
        steps = {i: n.parents[0] for i, n in enumerate(self.nodes) if n.kind in _STEPS and n.parents}
        tape = self.altered({i: partial(_passed_to, to) for i, to in steps.items() if to is not None})
        tape.detached = self.detached or bool(steps)
        return tape

    def changed(
        self, cotangents: list[Any], changes: Mapping[int, Step], extra: Mapping[int, np.ndarray] = {}
    ) -> dict[int, np.ndarray]:
        """How every cotangent differs when the steps in ``changes`` are replaced (and ``extra`` is added).

        The reverse pass is linear in the cotangents, so only the difference has to be carried down.
        """
        deltas: dict[int, np.ndarray] = dict(extra)
        for index in range(max([*changes, *extra], default=-1), -1, -1):
            true, delta = cotangents[index], deltas.get(index)
            if index in changes and true is not None:
                new = changes[index](true if delta is None else true + delta)
                parts = [*new, *((parent, -dx) for parent, dx in self.step(index, true))]
            elif delta is not None:
                parts = self.step(index, delta)
            else:
                continue
            for parent, dx in parts:
                deltas[parent] = deltas[parent] + dx if parent in deltas else dx
        return deltas

    def leaf_values(self, table: Mapping[int, np.ndarray] | list) -> dict[str, np.ndarray]:
        """The entries of a table of cotangents that belong to arguments; zeros where there is none."""
        get = table.get if isinstance(table, Mapping) else table.__getitem__
        found = {name: (get(index), self.nodes[index].value) for name, index in self.leaves.items()}
        return {name: np.zeros(x.shape) if d is None else d for name, (d, x) in found.items()}

    def ancestors(self, index: int, stop: frozenset[int] | set[int] = frozenset()) -> set[int]:
        """All nodes that the value was computed from, not looking past those in ``stop``."""
        seen: set[int] = set()
        todo = [index]
        while todo:
            here = todo.pop()
            for parent in self.nodes[here].parents:
                if parent is not None and parent not in seen:
                    seen.add(parent)
                    if parent not in stop:
                        todo.append(parent)
        return seen
