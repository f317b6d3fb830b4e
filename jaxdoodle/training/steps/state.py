"""All that a training step changes, and where it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdoodle.core.types import Array, Params, PyTree
from jaxdoodle.nn import ModelSpec, model
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.steps.optimizers import Optimizer

__all__ = ["TrainState", "init_state", "update_ema"]


class TrainState(NamedTuple):
    """All that a step changes.

    Args:
      params: The weights, a dict per layer.
      opt_state: Of the optimizer.
      ema_params: The moving average of ``params``; ``None``: there is none.
      step: Number of steps so far, an int32 scalar.
      key: Of ``jax.random``; it stays, and each step folds its number in.
    """

    params: list[Params]
    opt_state: PyTree
    ema_params: list[Params] | None
    step: Array
    key: Array


def init_state(
    spec: ModelSpec,
    optimizer: Optimizer,
    config: TrainConfig,
    params: Sequence[Mapping[str, Any]] | None = None,
) -> TrainState:
    """The state before the first step.

    Args:
      spec: The network.
      optimizer: Its state starts at these weights.
      config: Of which ``seed`` and ``ema_decay`` are used.
      params: The weights; ``None``: they come from the seed. They are copied.

    Returns:
      The state, whose random numbers come from the seed.
    """
    given = model.init(spec, jax.random.key(config.seed)) if params is None else params
    weights = [{name: jnp.array(value, jnp.float32) for name, value in layer.items()} for layer in given]
    return TrainState(
        params=weights,
        opt_state=optimizer.init(weights),
        ema_params=None if config.ema_decay is None else jax.tree.map(jnp.copy, weights),
        step=jnp.zeros((), jnp.int32),
        key=jax.random.key(config.seed, impl="unsafe_rbg"),  # cheap bits, for dropout and augmentation alone
    )


def update_ema(decay: float | None, ema_params: PyTree, params: PyTree, step: Array) -> PyTree:
    """``keep * ema_params + (1 - keep) * params`` with ``keep = min(decay, (1 + step) / (10 + step))``.

    So the weights of the first steps are forgotten faster.

    Args:
      decay: At least 0 and below 1, or ``None``.
      ema_params: The average so far.
      params: The weights after the step, in the same tree.
      step: int32 scalar, counted from 0.

    Returns:
      The next average; ``None`` where ``decay`` is.
    """
    if decay is None:
        return None
    step = step.astype(jnp.float32)
    keep = jnp.minimum(decay, (1 + step) / (10 + step))
    return jax.tree.map(lambda a, p: keep * a + (1 - keep) * p, ema_params, params)
