"""A whole network from its spec: where it starts, what it computes, how wrong it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax import Array

from jaxdoodle import losses, penalties
from jaxdoodle.inference.spec import ModelSpec
from jaxdoodle.layers import RULES, Params


class Aux(NamedTuple):
    """What a step wants to know beside the loss: the outputs, and the next value of each running statistic."""

    outputs: Array
    statistics: list[Params]


def init(spec: ModelSpec, key: Array) -> list[Params]:
    """One dict of float32 parameters per layer, ``{}`` where there is nothing to learn."""
    return [
        RULES[type(layer)].init(layer, jax.random.fold_in(key, index), shape)
        for index, (layer, shape) in enumerate(zip(spec.layers, spec.shapes[:-1], strict=True))
    ]


def forward(
    spec: ModelSpec, params: Sequence[Params], x: Array, *, key: Array | None = None
) -> tuple[Array, list[Any]]:
    """Outputs, and what each layer keeps for its backward pass.

    ``x`` is ``(batch, *spec.input_shape)``. A ``key`` means training: dropout drops, batch norm uses the batch.
    """
    if x.shape[1:] != spec.input_shape:
        raise ValueError(f"the network takes inputs of shape (batch, *{spec.input_shape}); got {x.shape}.")
    residuals = []
    for index, (layer, p) in enumerate(zip(spec.layers, params, strict=True)):
        layer_key = None if key is None else jax.random.fold_in(key, index)
        x, kept = RULES[type(layer)].forward(layer, p, x, key=layer_key)
        residuals.append(kept)
    return x, residuals


def apply(spec: ModelSpec, params: Sequence[Params], x: Array, *, key: Array | None = None) -> Array:
    """Outputs alone: ``(batch, *spec.input_shape) -> (batch, *spec.output_shape)``."""
    return forward(spec, params, x, key=key)[0]


def observe(spec: ModelSpec, params: Sequence[Params], residuals: Sequence[Any]) -> list[Params]:
    """For each layer, the next value of its running statistics."""
    return [
        dict(RULES[type(layer)].observe(layer, p, kept))
        for layer, p, kept in zip(spec.layers, params, residuals, strict=True)
    ]


def loss_fn(
    spec: ModelSpec, loss: losses.Loss, listed: Sequence[penalties.Penalty] = ()
) -> Callable[..., tuple[Array, Aux]]:
    """``objective(params, x, labels, *, key=None) -> (value, Aux)``: the loss plus the listed penalties.

    This is what autodiff differentiates, so it goes through ``forward`` alone and no rule of ours for a derivative.
    """
    losses.refuse_mismatch(loss, spec)

    def objective(params, x, labels, *, key=None):
        outputs, residuals = forward(spec, params, x, key=key)
        value, _ = losses.forward(loss, outputs, labels)
        for penalty in listed:
            value += penalties.forward(penalty, params)
        return value, Aux(outputs, observe(spec, params, residuals))

    return objective
