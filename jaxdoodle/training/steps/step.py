"""One training step: scale, augment, differentiate, update."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from jaxdoodle.core.types import Array
from jaxdoodle.nn import ModelSpec, backprop
from jaxdoodle.training.config import MATMUL_PRECISIONS, TrainConfig
from jaxdoodle.training.hardware.layout import Layout
from jaxdoodle.training.steps.augmentation import Augment, apply
from jaxdoodle.training.steps.optimizers import Optimizer
from jaxdoodle.training.steps.state import TrainState, update_ema

__all__ = ["Step", "make_step", "scale"]

#: ``step(state, images, labels) -> (state, (loss, correct))``: float32 and int32 scalars.
Step = Callable[[TrainState, Array, Array], tuple[TrainState, tuple[Array, Array]]]


def make_step(
    spec: ModelSpec,
    optimizer: Optimizer,
    config: TrainConfig,
    *,
    divisor: float,
    augment: Augment | None = None,
    layout: Layout = Layout(),  # noqa: B008 - frozen
) -> Step:
    """A pure function that makes one update of the weights.

    Args:
      spec: The network.
      optimizer: Turns gradients into updates.
      config: Of which loss, penalties, gradients, moving average and precision are used.
      divisor: Pixels are divided by it.
      augment: How far training images are changed; ``None``: not at all.
      layout: What devices share of a step.

    Returns:
      ``step(state, images, labels) -> (state, (loss, correct))``, with images uint8 ``(batch, *spec.input_shape)``,
      labels int32 ``(batch,)``, the loss with penalties, and the number of correct answers, with dropout on.
    """
    value_and_grad = layout.differentiate(backprop.GRADIENTS[config.gradients](spec, config.loss, config.penalties))

    def step(state: TrainState, images: Array, labels: Array) -> tuple[TrainState, tuple[Array, Array]]:
        key = jax.random.fold_in(state.key, state.step)
        x = scale(images, divisor)
        if augment is not None:
            key, augment_key = jax.random.split(key)
            x = apply(augment, augment_key, x)
        with jax.default_matmul_precision(MATMUL_PRECISIONS[config.matmul_precision]):
            (loss, aux), grads = value_and_grad(state.params, x, labels, key=key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        params = [{**p, **statistics} for p, statistics in zip(params, aux.params_update, strict=True)]
        correct = jnp.sum(aux.logits.argmax(axis=-1) == labels, dtype=jnp.int32)
        ema_params = update_ema(config.ema_decay, state.ema_params, params, state.step)
        return TrainState(params, opt_state, ema_params, state.step + 1, state.key), (loss, correct)

    return step


def scale(images: Array, divisor: float) -> Array:
    """uint8 pixels as the network takes them: float32, divided by ``divisor``."""
    return images.astype(jnp.float32) / divisor
