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
from jaxdoodle.training.hardware.settings import compiler_options
from jaxdoodle.training.steps.state import Constants, TrainState
from jaxdoodle.training.steps.step import Step

__all__ = ["compile_epoch", "make_epoch", "place_arguments"]

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


def place_arguments(
    arguments: tuple[TrainState, Any, Any, Constants], layout: Layout
) -> tuple[TrainState, Array, Array, Constants]:
    """What an epoch takes besides the order, on the devices.

    Args:
      arguments: The state, the images (uint8) and their labels (int32), and what the step reads besides.
      layout: What devices share of a step.
    """
    state, images, labels, constants = arguments
    images, labels = place((images, labels), layout.images)
    return place(state, layout.state(state)), images, labels, place(constants, layout.whole)


def compile_epoch(
    step: Step, batch_size: int, count: int, arguments: tuple[TrainState, Array, Array, Constants], layout: Layout
) -> Callable[..., Any]:
    """An epoch of ``count`` images as one compiled call, which donates its state.

    Args:
      step: As ``make_step`` gives it.
      batch_size: Number of images of a step, on all devices together.
      count: Number of images of an epoch.
      arguments: As ``place_arguments`` gives them.
      layout: What devices share of a step.

    Returns:
      The compiled ``epoch(state, images, labels, order)``.
    """
    epoch = layout.run(make_epoch(step, batch_size // layout.batch_shares))
    *read, constants = arguments
    order = jax.ShapeDtypeStruct((count,), np.int32, sharding=layout.order)
    whole = layout.state(arguments[0]), layout.whole
    lowered = jax.jit(epoch, donate_argnums=0, out_shardings=whole).lower(*read, order, constants)
    compiled = lowered.compile(compiler_options())
    return lambda *given: compiled(*given, constants)
