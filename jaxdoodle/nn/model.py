"""A whole network from its spec: where it starts, what it computes, how wrong it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax import Array

from jaxdoodle.nn import losses, penalties
from jaxdoodle.nn.fused import Block, reference
from jaxdoodle.nn.layers import RULES, Params
from jaxdoodle.nn.spec import ModelSpec


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
    spec: ModelSpec,
    params: Sequence[Params],
    x: Array,
    *,
    key: Array | None = None,
    blocks: Sequence[Block] | None = None,
) -> tuple[Array, list[Any]]:
    """Outputs, and what each block keeps for its backward pass. Without ``blocks``, each layer is one.

    ``x`` is ``(batch, *spec.input_shape)``. A ``key`` means training: dropout drops, batch norm uses the batch.
    """
    if x.shape[1:] != spec.input_shape:
        raise ValueError(f"the network takes inputs of shape (batch, *{spec.input_shape}); got {x.shape}.")
    residuals = []
    for start, (layer, *_), rule in reference(spec) if blocks is None else blocks:
        block_key = None if key is None else jax.random.fold_in(key, start)
        x, kept = rule.forward(layer, params[start], x, key=block_key)
        residuals.append(kept)
    return x, residuals


def apply(spec: ModelSpec, params: Sequence[Params], x: Array, *, key: Array | None = None) -> Array:
    """Outputs alone: ``(batch, *spec.input_shape) -> (batch, *spec.output_shape)``."""
    return forward(spec, params, x, key=key)[0]


def observe(blocks: Sequence[Block], params: Sequence[Params], residuals: Sequence[Any]) -> list[Params]:
    """For each layer, the next value of its running statistics."""
    statistics: list[Params] = [{} for _ in params]
    for (start, (layer, *_), rule), kept in zip(blocks, residuals, strict=True):
        statistics[start] = dict(rule.observe(layer, params[start], kept))
    return statistics


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
        return value, Aux(outputs, observe(reference(spec), params, residuals))

    return objective
