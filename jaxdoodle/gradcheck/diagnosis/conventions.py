"""Points without a derivative: which of the admissible choices does the suspect make?

``relu'(0)`` may be anything from 0 to 1, and a tie of maxima may go to any winner or be shared. Each choice is a
convention, told and accepted (unless one is demanded); anything else at such a point is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part, windows
from jaxdoodle.gradcheck.autograd.tape import Node, Step
from jaxdoodle.gradcheck.diagnosis.evidence import Hypothesis, Scene
from jaxdoodle.gradcheck.diagnosis.part_mistakes.pooling import pool_mask, spread
from jaxdoodle.gradcheck.setup.problem import CheckError

#: What a caller may demand: ``{"relu": 0, "max": "first"}``.
CHOICES: dict[str, tuple] = {"relu": (0.0, 1.0, 0.5), "abs": (0.0, 1.0, -1.0), "max": ("first", "last", "even")}


def validate(demand: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in demand.items():
        if key not in CHOICES or value not in CHOICES[key]:
            known = "; ".join(f"{k}: {', '.join(map(str, v))}" for k, v in CHOICES.items())
            raise CheckError(f"demand takes {known}; got {key}: {value}")
    return dict(demand)


def told(choice: Mapping[str, Any]) -> list[str]:
    words = {"relu": "relu'(0) = {:g}", "abs": "abs'(0) = {:g}"}
    ties = {"first": "a tie of maxima goes to the first", "last": "a tie of maxima goes to the last",
            "even": "a tie of maxima is shared evenly"}  # fmt: skip
    return [ties[v] if k == "max" else words[k].format(v) for k, v in choice.items()]


def kinks(scene: Scene) -> dict[str, list[tuple[int, Callable[[Any], Step]]]]:
    """For each kind of kink that this point touches: the nodes, and their step under a choice."""
    found: dict[str, list[tuple[int, Callable[[Any], Step]]]] = {}
    for part in scene.found:
        x = scene.tape.nodes[part.x].value
        if part.kind == "activation" and part.name in ("relu", "leaky relu", "absolute value") and (x == 0).any():
            kind = "abs" if part.name == "absolute value" else "relu"
            found.setdefault(kind, []).append((part.y, _at_zero(part, x, kind)))
        elif part.kind == "pool" and part.name == "max pool":
            tiles = windows(x, part.about["rows"], part.about["size"], part.about["stride"])
            if (pool_mask(tiles, "all").sum(axis=(-1, -2)) > 1).any():
                found.setdefault("max", []).append((part.y, _pool_tie(part, x, tiles)))
    inside = {i for p in scene.found if p.kind == "pool" for i in range(p.x + 1, p.y + 1)}
    for index, node in enumerate(scene.tape.nodes):
        if node.kind == "max" and index not in inside and scene.tape.alive(index):
            hit = tied_hits(node)
            if (hit.sum(axis=node.about["axis"]) > 1).any():
                found.setdefault("max", []).append((index, partial(max_step, scene, index, node)))
    return found


def _at_zero(part: Part, x: np.ndarray, kind: str) -> Callable[[Any], Step]:
    slope = part.about["act"].slope
    low = float(slope(np.array([-1.0]))[0]) if kind == "relu" else 0.0

    def choose(choice):
        at_zero = low + (1 - low) * choice if kind == "relu" else choice
        table = np.where(x == 0, at_zero, slope(x))
        return lambda dy: [(part.x, dy * table)]

    return choose


def _pool_tie(part: Part, x: np.ndarray, tiles: np.ndarray) -> Callable[[Any], Step]:
    def choose(rule):
        mask = pool_mask(tiles, rule)
        return lambda dy: [(part.x, spread(dy[..., None, None] * mask, x.shape, part.about))]

    return choose


def tied_hits(node: Node) -> np.ndarray:
    x = node.inputs[0]
    return x == x.max(axis=node.about["axis"], keepdims=True)


def max_step(scene: Scene, index: int, node: Node, rule: str) -> Step:
    """The reverse of a maximum over axes under a rule for ties."""
    axis, x = node.about["axis"], node.inputs[0]
    hit = tied_hits(node)
    axes = tuple(range(x.ndim)) if axis is None else tuple(a % x.ndim for a in np.atleast_1d(axis))
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(hit, axes, last)
    flat = moved.reshape(*moved.shape[: x.ndim - len(axes)], 1, -1)
    share = pool_mask(flat.astype(float), rule).reshape(moved.shape)
    share = np.moveaxis(share, last, axes)

    def step(dy):
        shape = [1 if k in axes else n for k, n in enumerate(x.shape)]
        return [(node.parents[0], share * dy.reshape(shape))]

    return step


def match(scene: Scene) -> dict[str, Any] | None:
    """The choices under which the returned gradients are right; ``None`` where no admissible choice gives them.

    A kind of kink whose choice makes no difference is left out.
    """
    table = kinks(scene)
    fitting = [choice for choice, pred in _outcomes(scene, table) if _all_agree(scene, pred)]
    if not fitting:
        return None
    return {kind: fitting[0][kind] for kind in table if len({c[kind] for c in fitting}) < len(CHOICES[kind])}


def _outcomes(scene: Scene, table: dict) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    kinds = list(table)
    for values in product(*(CHOICES[k] for k in kinds)):
        choice = dict(zip(kinds, values, strict=True))
        changes = {node: step(choice[k]) for k in kinds for node, step in table[k]}
        yield choice, scene.predict(Hypothesis("", "", 0, changes))


def _all_agree(scene: Scene, pred: dict[str, np.ndarray]) -> bool:
    return all(scene.agrees(n, v) for n, v in pred.items())


def hypotheses(scene: Scene) -> Iterator[Hypothesis]:
    """Inadmissible choices at the kinks of this point."""
    table = kinks(scene)
    for others in product(*(CHOICES[k] for k in table if k != "max")):
        names = [k for k in table if k != "max"]
        changes = {n: s(v) for k, v in zip(names, others, strict=True) for n, s in table[k]}
        if "max" in table:
            changes |= {n: s("all") for n, s in table["max"]}
            yield Hypothesis(
                "max-pool gradient to every tied cell",
                "every cell that equals the maximum gets the whole gradient; on a tie only one may (or each a share)",
                5, changes, place=table["max"][0][0],
            )  # fmt: skip
