"""Optimizers and learning-rate schedules by name; optax does the work."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import optax

from jaxdoodle.core.errors import InputError


def _weights_only(params: Any) -> Any:
    """Weight decay is for weights: biases, scales and running statistics are left alone."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "w", params)


#: Name -> ``make(learning_rate)``, where the learning rate is a number or a schedule.
OPTIMIZERS: dict[str, Callable[[Any], optax.GradientTransformation]] = {
    "sgd": optax.sgd,
    "momentum": partial(optax.sgd, momentum=0.9),
    "nesterov": partial(optax.sgd, momentum=0.9, nesterov=True),
    "adam": optax.adam,
    "adamw": partial(optax.adamw, weight_decay=1e-2, mask=_weights_only),
    "nadam": optax.nadam,
    "adagrad": optax.adagrad,
    "rmsprop": optax.rmsprop,
    "lion": partial(optax.lion, weight_decay=1e-2, mask=_weights_only),
}


def _inverse_time(peak: float, decay: float, **_: int) -> optax.Schedule:
    """``eta0 / (1 + decay t)``, t in steps."""
    return lambda step: peak / (1 + decay * step)


#: Name -> ``make(peak, decay=..., steps_per_epoch=..., steps=...)``; a schedule maps the step to a learning rate.
SCHEDULES: dict[str, Callable[..., optax.Schedule]] = {
    "constant": lambda peak, **_: optax.constant_schedule(peak),
    "cosine": lambda peak, steps, **_: optax.cosine_decay_schedule(peak, steps),
    "one_cycle": lambda peak, steps, **_: optax.cosine_onecycle_schedule(steps, peak),
    "exponential": lambda peak, decay, steps_per_epoch, **_: optax.exponential_decay(peak, steps_per_epoch, decay),
    "inverse_time": _inverse_time,
}


def make_schedule(name: str, peak: float, *, decay: float, steps_per_epoch: int, steps: int) -> optax.Schedule:
    """The schedule of that name, from a highest learning rate ``peak`` over ``steps`` steps in all.

    ``decay`` is the factor per epoch for ``exponential``, the rate per step for ``inverse_time``; the others ignore it.
    """
    if not 0 <= decay < math.inf or (name == "exponential" and not 0 < decay <= 1):
        allowed = "above 0 and at most 1" if name == "exponential" else "at least 0"
        raise InputError(f"decay of the schedule {name} is {allowed}; got {decay}.")
    return look_up(SCHEDULES, name)(peak, decay=decay, steps_per_epoch=steps_per_epoch, steps=steps)


def make_optimizer(
    name: str, learning_rate: float | optax.Schedule, *, clip_norm: float | None = None
) -> optax.GradientTransformation:
    """The optimizer of that name, after gradients are clipped to a global norm of ``clip_norm``, if given."""
    optimizer = look_up(OPTIMIZERS, name)(learning_rate)
    return optimizer if clip_norm is None else optax.chain(optax.clip_by_global_norm(clip_norm), optimizer)


def look_up(table: dict[str, Any], name: str) -> Any:
    """The entry of that name. Raises ``InputError`` with the names that there are."""
    if name not in table:
        raise InputError(f"{name!r} is not known; there are {', '.join(table)}.")
    return table[name]
