"""Wrong derivatives of activations that leave no trace in what is written: forgotten, taken elsewhere, or another's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import ACTIVATIONS, Part
from jaxdoodle.gradcheck.diagnosis.catalogue import GIVEN_Z, TAKEN_AT_A, tell
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence
from jaxdoodle.gradcheck.diagnosis.mistakes.mistake import Mistake, times


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
