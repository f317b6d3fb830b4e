"""A whole network from its spec: its first parameters, its outputs, its loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from jaxdoodle.core.types import Array, Params
from jaxdoodle.nn.base import LossLike
from jaxdoodle.nn.fused import FusedBlock, unfused
from jaxdoodle.nn.losses import refuse_mismatch
from jaxdoodle.nn.penalties import Penalty
from jaxdoodle.nn.spec import ModelSpec


class Aux(NamedTuple):
    """What a training step needs beside the loss.

    Args:
      logits: The outputs, ``(batch, classes)``.
      params_update: For each layer the next value of each running statistic, to be merged into ``params``.
    """

    logits: Array
    params_update: list[Params]


def init(spec: ModelSpec, key: Array) -> list[Params]:
    """The parameters to start from.

    Args:
      spec: The network.
      key: A key of ``jax.random``; that of one seed gives the same parameters whatever ``jax_default_prng_impl`` is.

    Returns:
      One dict of float32 arrays per layer, ``{}`` where there is nothing to learn.
    """
    key = jax.random.wrap_key_data(_key_data(key)[:2], impl="threefry2x32")  # what a key of rbg holds twice
    return [
        layer.init(jax.random.fold_in(key, index), shape)
        for index, (layer, shape) in enumerate(zip(spec.layers, spec.shapes[:-1], strict=True))
    ]


def _key_data(key: Array) -> Array:
    typed = jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    data: Array = jax.random.key_data(key) if typed else key  # of the older ``PRNGKey``
    return data


def forward(
    spec: ModelSpec,
    params: Sequence[Params],
    x: Array,
    *,
    key: Array | None = None,
    blocks: Sequence[FusedBlock] | None = None,
) -> tuple[Array, list[Any]]:
    """Outputs, and the residuals of each block. Without ``blocks``, each layer is one. A key means training mode."""
    if x.shape[1:] != spec.input_shape or not jax.numpy.issubdtype(x.dtype, jax.numpy.floating):
        sizes = ", ".join(map(str, spec.input_shape))
        raise ValueError(f"the network takes floating-point inputs (batch, {sizes}); got {x.dtype} {x.shape}.")
    if len(params) != len(spec.layers):
        raise ValueError(f"the network has {len(spec.layers)} layers; got the parameters of {len(params)}.")
    residuals = []
    for start, layer, _ in unfused(spec) if blocks is None else blocks:
        block_key = None if key is None else jax.random.fold_in(key, start)
        x, kept = layer.forward(params[start], x, key=block_key)
        residuals.append(kept)
    return x, residuals


def apply(
    spec: ModelSpec, params: Sequence[Params], x: Array, *, training: bool = False, key: Array | None = None
) -> Array:
    """The outputs of a network.

    Args:
      spec: The network.
      params: As from ``init``.
      x: ``(batch, *spec.input_shape)``, float32 or float64.
      training: Whether dropout drops and batch normalization takes the statistics of the batch.
      key: A key of ``jax.random``, needed in training mode.

    Returns:
      ``(batch, *spec.output_shape)``.

    Raises:
      ValueError: Inputs are not floats of that shape, parameters are of other layers, or the key does not fit the mode.
    """
    return forward(spec, params, x, key=mode_key(training, key))[0]


def mode_key(training: bool, key: Array | None) -> Array | None:
    """The key, ``None`` in evaluation mode. Raises ``ValueError`` where mode and key contradict each other."""
    if training and key is None:
        raise ValueError("training mode needs key=jax.random.key(...); in evaluation mode say training=False.")
    if key is not None and not training:
        raise ValueError("a key is for training mode; say training=True, or leave the key out.")
    return key


def updates(blocks: Sequence[FusedBlock], params: Sequence[Params], residuals: Sequence[Any]) -> list[Params]:
    """For each layer, the next value of its running statistics."""
    found: list[Params] = [{} for _ in params]
    for (start, layer, _), kept in zip(blocks, residuals, strict=True):
        found[start] = layer.update_statistics(params[start], kept)
    return found


def loss_fn(spec: ModelSpec, loss: LossLike, penalties: Sequence[Penalty] = ()) -> Callable[..., tuple[Array, Aux]]:
    """The loss of a network as a function of its parameters: what autodiff differentiates.

    It goes through ``forward`` alone, and no ``backward`` is reachable from it.

    Args:
      spec: The network.
      loss: Of its outputs.
      penalties: Added to the loss.

    Returns:
      ``objective(params, x, labels, *, training=True, key=None) -> (value, Aux)``.

    Raises:
      SpecError: The network ends in what the loss applies itself.
    """
    refuse_mismatch(loss, spec)

    def objective(
        params: Sequence[Params], x: Array, labels: Array, *, training: bool = True, key: Array | None = None
    ) -> tuple[Array, Aux]:
        logits, residuals = forward(spec, params, x, key=mode_key(training, key))
        value, _ = loss.forward(logits, labels)
        for penalty in penalties:
            value += penalty.forward(params)
        return value, Aux(logits, updates(unfused(spec), params, residuals))

    return objective
