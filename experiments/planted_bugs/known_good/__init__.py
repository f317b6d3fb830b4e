"""Right code, on which the gradient checker must not raise an alarm: derivatives that other libraries compute with, and
dense networks of random sizes and activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from experiments.planted_bugs.known_good import functionals, networks, primitives, scikit
from jaxdoodle.gradcheck import Report

#: Networks of random sizes.
NETWORKS = 60
#: What of it is wrong all the same, by reading it, by how its title begins: an alarm is right there.
FAULTS = {f"autograd {what}": why for what, why in primitives.FAULTS.items()} | scikit.FAULTS


def programs() -> Iterator[tuple[str, Callable[[], Report]]]:
    """(what it is, check) of every program."""
    return chain(primitives.programs(), functionals.programs(), scikit.programs(), networks.configurations(NETWORKS))
