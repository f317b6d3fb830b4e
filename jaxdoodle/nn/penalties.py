"""Penalties on the size of the parameters, and their gradients: of exactly what the loss lists.

By default the weights ``w`` of every layer; biases are free. ``leaves`` and ``layers`` choose otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.lazy import jax, jnp
from jaxdoodle.core.types import Array, Params
from jaxdoodle.nn.base import SpecError, require_number

__all__ = ["L1", "L2"]


@frozen
class Penalty:
    """``rate`` times the sum of ``term(p)`` over all entries p of the parameters that it covers.

    Args:
      rate: Factor of the sum, at least 0.
      leaves: Names of the parameters that are covered; of a block that holds layers the last part (``"0.w"``: ``"w"``).
      layers: Indices of the layers that are covered, or ``None`` for all.

    Raises:
      SpecError: ``rate`` is negative or no finite number, or ``leaves`` no tuple.
    """

    rate: float
    leaves: tuple[str, ...] = ("w",)
    layers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        require_number(self, "rate")
        if self.rate < 0:
            raise SpecError(f"the rate of {type(self).__name__} is at least 0; got {self.rate}.")
        if not isinstance(self.leaves, tuple):  # a text holds others: "w" is in "weights"
            raise SpecError(f"leaves of {type(self).__name__} is a tuple of names; got {self.leaves!r}.")

    def term(self, p: Array) -> Array:
        """The penalty of each entry, still without the rate."""
        raise NotImplementedError

    def derivative(self, p: Array) -> Array:
        """The derivative of ``term``, entry by entry."""
        raise NotImplementedError

    def forward(self, params: Sequence[Params]) -> Array:
        """The penalty of a network's parameters, one dict a layer: a scalar.

        Raises:
          SpecError: It covers none of them.
        """
        terms = [self.term(leaf).sum() for covered, leaf in self._leaves(params) if covered]
        if not terms:
            raise SpecError(f"{self} covers no parameter of this network.")
        return self.rate * sum(terms[1:], start=terms[0])

    def backward(self, params: Sequence[Params]) -> list[Params]:
        """The gradient, in the structure of ``params``: zero for what is not covered."""
        leaves = self._leaves(params)
        grads = [self.rate * self.derivative(leaf) if covered else jnp.zeros_like(leaf) for covered, leaf in leaves]
        return jax.tree.unflatten(jax.tree.structure(list(params)), grads)

    def _leaves(self, params: Sequence[Params]) -> Iterator[tuple[bool, Array]]:
        """Every parameter in the order of ``jax.tree``, and whether it is covered."""
        for index, layer in enumerate(params):
            here = self.layers is None or index in self.layers
            for name in sorted(layer):
                yield here and name.rpartition(".")[2] in self.leaves, layer[name]


@frozen
class L1(Penalty):
    """``rate * sum |w|``; the derivative at 0 is 0.

    Args:
      rate: Factor of the sum, at least 0.
      leaves: Names of the parameters that are covered; by default the weights alone.
      layers: Indices of the layers that are covered, or ``None`` for all.

    Raises:
      SpecError: ``rate`` is negative or no finite number, or ``leaves`` no tuple.
    """

    def term(self, p: Array) -> Array:
        return p * jnp.sign(p)  # not |p|: autodiff, too, gives 0 at 0

    def derivative(self, p: Array) -> Array:
        return jnp.sign(p)


@frozen
class L2(Penalty):
    """``rate * sum w^2``, without a factor of 1/2.

    Args:
      rate: Factor of the sum, at least 0.
      leaves: Names of the parameters that are covered; by default the weights alone.
      layers: Indices of the layers that are covered, or ``None`` for all.

    Raises:
      SpecError: ``rate`` is negative or no finite number, or ``leaves`` no tuple.
    """

    def term(self, p: Array) -> Array:
        return jnp.square(p)

    def derivative(self, p: Array) -> Array:
        return 2 * p
