"""What the library knows of a layer: four pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jax import Array

Params = dict[str, Array]


def no_params(layer, key, input_shape) -> Params:
    """There is nothing to learn."""
    return {}


def nothing_observed(layer, params, residuals) -> Mapping[str, Array]:
    """Every parameter is learnt by descent."""
    return {}


class Rule(NamedTuple):
    """How a layer starts, computes, propagates errors back and, where it keeps statistics, observes.

    ``init(layer, key, input_shape) -> params``; the shape leaves out the batch.
    ``forward(layer, params, x, *, key=None) -> (y, residuals)``; a ``key`` means training, ``None`` evaluation.
    ``backward(layer, residuals, dy) -> (dparams, dx)``; the cotangents of ``params`` and ``x``.
    ``observe(layer, params, residuals) -> {name: value}``; the next value of each running statistic. To
    the optimizer a statistic is a parameter whose gradient is zero.

    With the layer bound, ``forward`` and ``backward`` are what ``jax.custom_vjp`` takes; residuals hold arrays only.
    """

    forward: Callable[..., tuple[Array, Any]]
    backward: Callable[..., tuple[Params, Array]]
    init: Callable[..., Params] = no_params
    observe: Callable[..., Mapping[str, Array]] = nothing_observed
