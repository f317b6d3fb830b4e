"""Optimizers and learning-rate schedules by name; optax does the work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, Protocol

import jax
import optax

from jaxdoodle.core.types import PyTree
from jaxdoodle.training.config import LEARNING_RATE, OptimizerConfig

__all__ = ["OPTIMIZERS", "SCHEDULES", "Optimizer", "Schedule", "as_optax_runs", "make_optimizer", "make_schedule"]

#: The step, an int32 scalar -> the learning rate.
Schedule = Callable[[Any], Any]


class Optimizer(Protocol):
    """Turns gradients into updates, which are added to the parameters; any ``optax.GradientTransformation`` is one."""

    def init(self, params: PyTree, /) -> PyTree:
        """The state before the first step."""

    def update(self, grads: PyTree, state: PyTree, params: PyTree, /) -> tuple[PyTree, PyTree]:
        """Updates, in the shape of the gradients, and the next state."""


def _is_weight(params: PyTree) -> PyTree:
    """Weight decay is for weights ``w``: biases, scales and running statistics are left alone."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key.rpartition(".")[2] == "w", params)


#: Name -> ``make(schedule)``.
OPTIMIZERS: dict[str, Callable[[Schedule], Optimizer]] = {
    "sgd": optax.sgd,
    "momentum": partial(optax.sgd, momentum=0.9),
    "nesterov": partial(optax.sgd, momentum=0.9, nesterov=True),
    "adam": optax.adam,
    "adamw": partial(optax.adamw, weight_decay=1e-2, mask=_is_weight),
    "nadam": optax.nadam,
    "adagrad": optax.adagrad,
    "rmsprop": optax.rmsprop,
    "lion": partial(optax.lion, weight_decay=1e-2, mask=_is_weight),
}


#: Fraction of the steps in which ``warmup_cosine`` rises to its peak.
WARMUP = 0.05


def _warmup_cosine(peak: float, steps: int, **_: Any) -> Schedule:
    schedule: Schedule = optax.warmup_cosine_decay_schedule(0.0, peak, max(1, round(WARMUP * steps)), max(2, steps))
    return schedule


#: Name -> ``make(peak, decay=..., steps_per_epoch=..., steps=...)``.
SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": lambda peak, **_: optax.constant_schedule(peak),
    "cosine": lambda peak, steps, **_: optax.cosine_decay_schedule(peak, steps),
    "warmup_cosine": _warmup_cosine,
    "one_cycle": lambda peak, steps, **_: optax.cosine_onecycle_schedule(steps, peak),
    "exponential": lambda peak, decay, steps_per_epoch, **_: optax.exponential_decay(peak, steps_per_epoch, decay),
    "inverse_time": lambda peak, decay, **_: lambda step: peak / (1 + decay * step),
}


def make_schedule(config: OptimizerConfig, *, steps: int, steps_per_epoch: int) -> Schedule:
    """The learning rate at each step.

    Args:
      config: Of which ``schedule``, ``learning_rate`` and ``schedule_decay`` are used.
      steps: Number of steps of the run.
      steps_per_epoch: Number of steps of an epoch.

    Returns:
      ``schedule(step) -> learning rate``, the step counted from 0.
    """
    make, decay = SCHEDULES[config.schedule], config.schedule_decay
    return make(config.learning_rate or LEARNING_RATE, decay=decay, steps_per_epoch=steps_per_epoch, steps=steps)


def make_optimizer(
    config: OptimizerConfig, *, steps: int, steps_per_epoch: int, schedule: Schedule | None = None
) -> Optimizer:
    """The optimizer of the config, after clipping gradients to a global norm of ``clip_norm``, if given.

    Args:
      config: Of which ``optimizer`` and ``clip_norm`` are used, and without ``schedule`` what ``make_schedule`` uses.
      steps: Number of steps of the run.
      steps_per_epoch: Number of steps of an epoch.
      schedule: In place of that of the config.
    """
    schedule = schedule or make_schedule(config, steps=steps, steps_per_epoch=steps_per_epoch)
    optimizer = OPTIMIZERS[config.optimizer](schedule)
    return (
        optimizer if config.clip_norm is None else optax.chain(optax.clip_by_global_norm(config.clip_norm), optimizer)
    )


def as_optax_runs() -> AbstractContextManager[Any]:
    """Implicit promotion of dtypes and ranks, which optax counts on, whatever the process asks of its own code."""
    settings = ExitStack()
    settings.enter_context(jax.numpy_dtype_promotion("standard"))
    settings.enter_context(jax.numpy_rank_promotion("allow"))
    return settings
