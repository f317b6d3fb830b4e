"""All that a training step changes, and where it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdoodle.core.types import Array, Params, PyTree
from jaxdoodle.nn import ModelSpec, model
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.steps.optimizers import Optimizer, as_optax_runs
from jaxdoodle.training.steps.warm_start import start_from

__all__ = ["Constants", "TrainState", "init_state", "update_ema"]


class TrainState(NamedTuple):
    """All that a step changes.

    Args:
      params: The weights, a dict per layer.
      opt_state: Of the optimizer, for the layers that are not frozen.
      ema_params: The moving average of ``params``; ``None``: there is none.
      step: Number of steps so far, an int32 scalar.
      key: Of ``jax.random``; it stays, and each step folds its number in.
    """

    params: list[Params]
    opt_state: PyTree
    ema_params: list[Params] | None
    step: Array
    key: Array


class Constants(NamedTuple):
    """What steps read and none changes; it is handed in, as XLA would compile what is closed over into the program.

    Args:
      outliers: uint8 ``(m, *image_shape)``; ``None``: none are shown.
      teacher: The parameters of each of its networks; ``None``: there is no teacher.
    """

    outliers: Any = None
    teacher: PyTree = None


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
      config: Of which ``seed``, ``ema_decay`` and ``freeze`` are used.
      params: Of another network: layers whose shapes fit are taken, the others come from the seed. ``None``: all do.

    Returns:
      The state, whose random numbers come from the seed.
    """
    drawn = model.init(spec, jax.random.key(config.seed))
    given = drawn if params is None else start_from(spec, params, drawn)
    weights = [{name: jnp.array(value, jnp.float32) for name, value in layer.items()} for layer in given]
    with as_optax_runs():
        opt_state = optimizer.init(weights[config.freeze :])
    return TrainState(
        params=weights,
        opt_state=opt_state,
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

    Reference: Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging"; the bound is that of
    ``num_updates`` in TensorFlow's ``ExponentialMovingAverage``.
    """
    if decay is None:
        return None
    step = step.astype(jnp.float32)
    keep = jnp.minimum(decay, (1 + step) / (10 + step))
    return jax.tree.map(lambda a, p: keep * a + (1 - keep) * p, ema_params, params)
