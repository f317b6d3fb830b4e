"""Penalties on the size of the parameters, and their gradients: of exactly what the loss lists.

By default the weights ``w`` of every layer; biases are free. ``leaves`` and ``layers`` choose otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from jaxdoodle.nn.spec import SpecError


@dataclass(frozen=True)
class Penalty:
    """``rate`` times a sum over the parameters named in ``leaves`` of the layers at the indices ``layers`` (all)."""

    rate: float
    leaves: tuple[str, ...] = ("w",)
    layers: tuple[int, ...] | None = None

    def __post_init__(self):
        if not (math.isfinite(self.rate) and self.rate >= 0):
            raise SpecError(f"the rate of {type(self).__name__} is at least 0; got {self.rate}.")

    def covers(self, layer: int, leaf: str) -> bool:
        return leaf in self.leaves and (self.layers is None or layer in self.layers)


@dataclass(frozen=True)
class L1(Penalty):
    """``rate * sum |w|``."""


@dataclass(frozen=True)
class L2(Penalty):
    """``rate * sum w^2``, without the factor 1/2 that others put there."""


#: For each penalty the value and the gradient of one parameter array, both still without the rate.
RULES = {
    L1: (lambda w: (w * jnp.sign(w)).sum(), jnp.sign),  # |w| as w sign(w): autodiff, too, gives 0 at 0
    L2: (lambda w: jnp.square(w).sum(), lambda w: 2 * w),
}


def forward(penalty: Penalty, params: Sequence[dict[str, Array]]) -> Array:
    """The penalty of all parameters, a scalar. Raises ``SpecError`` where it covers none of them."""
    value, _ = RULES[type(penalty)]
    terms = [
        value(leaf) for index, layer in enumerate(params) for name, leaf in layer.items() if penalty.covers(index, name)
    ]
    if not terms:
        raise SpecError(f"{penalty} covers no parameter of this network.")
    return penalty.rate * sum(terms[1:], start=terms[0])


def backward(penalty: Penalty, params: Sequence[dict[str, Array]]) -> list[dict[str, Array]]:
    """The gradient, in the shape of ``params``: zero for what the penalty leaves out."""
    _, gradient = RULES[type(penalty)]
    return [
        {
            name: penalty.rate * gradient(leaf) if penalty.covers(index, name) else jnp.zeros_like(leaf)
            for name, leaf in layer.items()
        }
        for index, layer in enumerate(params)
    ]
