"""Work is equal where its results are: the loss of every round, and the number of correct test images at the end.

No two libraries draw the same weights, orders and dropout masks. So they may differ as far as jaxdoodle does between
seeds, and no further.
"""

from __future__ import annotations

import math
from typing import Any

#: Standard deviation of ln(loss) between seeds of jaxdoodle, in the first round and in later ones. Measured with
#: ``python -m experiments.speed.noise`` in whole rounds on MNIST, and true of these alone: sample deviations over 6 to
#: 8 seeds, five rounds; W1: eight seeds, nine rounds; W4: seven seeds, three rounds.
NOISE = {
    "W1": (0.026, 0.039),
    "W2-32": (0.041, 0.061),
    "W2-128": (0.045, 0.062),
    "W3": (0.037, 0.106),
    "W4": (0.009, 0.009),
}
#: A difference of two losses may be so many of its own standard deviations, sqrt(2) times ``NOISE``.
DEVIATIONS = 3.0
#: A difference of two counts of correct images may be so many of its standard errors, were these drawn independently.
#: Seeds of jaxdoodle scatter up to twice as much, so that these are two and a half of their deviations, or more.
STANDARD_ERRORS = 5.0


def judge(
    workload: str, found: dict[str, dict[str, Any]], reference: str, *, measured: bool
) -> dict[str, dict[str, Any]]:
    """Judge for each runtime whether its work is ``equal`` to that of the ``reference``, and by how much it differs.

    ``measured`` says whether ``NOISE`` holds for this work. Where it does not, nothing is judged: ``equal`` is None.
    ``loss_apart`` has the natural logarithm of the quotient of the losses, and what is allowed, for each round;
    ``correct_apart`` the difference of correct test images in standard errors, and what is allowed.
    """
    apart = {one: _compare(workload, heard, found[reference]) for one, heard in found.items()}
    return apart if measured else {one: heard | {"equal": None} for one, heard in apart.items()}


def _compare(workload: str, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    first, later = NOISE[workload]
    losses = [
        (_apart(loss, wanted), DEVIATIONS * math.sqrt(2) * (later if number else first))
        for number, (loss, wanted) in enumerate(zip(one["loss"], other["loss"], strict=True))
    ]
    share = (one["correct"] + other["correct"]) / (one["total"] + other["total"])
    error = math.sqrt(share * (1 - share) * one["total"] * 2)
    correct = abs(one["correct"] - other["correct"]) / error if error else 0.0, STANDARD_ERRORS
    return {
        "equal": all(apart <= allowed for apart, allowed in (*losses, correct)),
        "loss_apart": [[round(number, 3) for number in pair] for pair in losses],
        "correct_apart": [round(number, 2) for number in correct],
    }


def _apart(loss: float, wanted: float) -> float:
    sane = all(math.isfinite(one) and one > 0 for one in (loss, wanted))
    return abs(math.log(loss) - math.log(wanted)) if sane else math.inf


def describe(heard: dict[str, Any]) -> str:
    """The verdict, and the differences of losses (worst round) and counts as a share of what is allowed."""
    loss = max(apart / allowed for apart, allowed in heard["loss_apart"])
    apart, allowed = heard["correct_apart"]
    verdict = {True: "yes", False: "NO", None: "not judged"}[heard["equal"]]
    return f"{verdict} ({loss:.0%}, {apart / allowed:.0%})"
