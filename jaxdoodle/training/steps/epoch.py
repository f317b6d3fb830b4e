"""An epoch as one compiled call: a scan of the step over the batches, which are gathered on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdoodle.core.types import Array
from jaxdoodle.training.hardware.layout import Layout, place
from jaxdoodle.training.steps.state import Constants, TrainState
from jaxdoodle.training.steps.step import Step

__all__ = ["compile_epoch", "make_epoch"]

#: ``epoch(state, images, labels, order, constants) -> (state, (losses, correct))``, one of each per step.
EpochFunction = Callable[[TrainState, Array, Array, Any, Constants], tuple[TrainState, tuple[Array, Array]]]


def make_epoch(step: Step, batch_size: int) -> EpochFunction:
    """A function that takes each image of an order once.

    Args:
      step: As ``make_step`` gives it.
      batch_size: Number of images of a step. The last step takes what is left over; it does not move running
        statistics, unless it is the only one: few images have another variance, one has none.

    Returns:
      ``epoch(state, images, labels, order, constants) -> (state, (losses, correct))``: ``order`` is int32 ``(n,)``,
      indices of the images; ``losses`` and ``correct`` are ``(steps,)``.
    """

    def epoch(
        state: TrainState, images: Array, labels: Array, order: Array, constants: Constants
    ) -> tuple[TrainState, tuple[Array, Array]]:
        def take(state: TrainState, batch: Array) -> tuple[TrainState, tuple[Array, Array]]:
            return step(state, images[batch], labels[batch], constants)

        whole = len(order) // batch_size * batch_size
        state, scores = lax.scan(take, state, order[:whole].reshape(-1, batch_size))
        if whole < len(order):
            batch = order[whole:]
            state, last = step(state, images[batch], labels[batch], constants, statistics=not whole)
            scores = jax.tree.map(lambda all, one: jnp.append(all, one), scores, last)
        return state, scores

    return epoch


def compile_epoch(
    step: Step,
    batch_size: int,
    count: int,
    arguments: tuple[TrainState, Any, Any],
    layout: Layout,
    constants: Constants = Constants(),  # noqa: B008 - immutable
) -> tuple[Callable[..., Any], tuple[TrainState, Array, Array]]:
    """An epoch of ``count`` images as one compiled call, which donates its state.

    Args:
      step: As ``make_step`` gives it.
      batch_size: Number of images of a step, on all devices together.
      count: Number of images of an epoch.
      arguments: The state, the images (uint8) and their labels (int32), of which ``order`` chooses.
      layout: What devices share of a step.
      constants: What the step reads besides.

    Returns:
      The compiled ``epoch(state, images, labels, order)``, and ``arguments`` on the devices.
    """
    epoch = layout.run(make_epoch(step, batch_size // layout.batch_shares))
    state, images, labels = arguments
    shardings = layout.state(state)
    arguments = place(state, shardings), *place((images, labels), layout.images)
    order = jax.ShapeDtypeStruct((count,), np.int32, sharding=layout.order)
    constants = place(constants, layout.whole)
    lowered = jax.jit(epoch, donate_argnums=0, out_shardings=(shardings, layout.whole)).lower(
        *arguments, order, constants
    )
    compiled = lowered.compile()
    return lambda *arguments: compiled(*arguments, constants), arguments
