"""One training step: scale, augment, differentiate, update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import optax

from jaxdoodle.core.types import Array, PyTree
from jaxdoodle.nn import ModelSpec, backprop, model
from jaxdoodle.nn.fused import fuse
from jaxdoodle.nn.penalties import Penalty
from jaxdoodle.training.config import MATMUL_PRECISIONS, TrainConfig
from jaxdoodle.training.hardware.layout import Layout
from jaxdoodle.training.hardware.parts import in_parts, most_images
from jaxdoodle.training.steps.losses import weighted, with_outliers, with_teacher
from jaxdoodle.training.steps.optimizers import Optimizer, as_optax_runs
from jaxdoodle.training.steps.state import Constants, TrainState, update_ema

__all__ = ["Step", "make_step", "scale"]

#: ``step(state, images, labels, constants, *, statistics=True) -> (state, (loss, correct))``: float32, int32 scalars.
Step = Callable[..., tuple[TrainState, tuple[Array, Array]]]


def make_step(
    spec: ModelSpec,
    optimizer: Optimizer,
    config: TrainConfig,
    *,
    divisor: float,
    weights: tuple[float, ...] | None = None,
    join: Callable[[Array, Array, Array], Array] | None = None,
    augment: Callable[[Array, Array], Array] | None = None,
    teach: Callable[[PyTree, Array], Array] | None = None,
    layout: Layout = Layout(),  # noqa: B008 - frozen
) -> Step:
    """A pure function that makes one update of the weights.

    Args:
      spec: The network.
      optimizer: Turns gradients into updates.
      config: Of which loss, penalties, gradients, frozen layers, moving average and precision are used.
      divisor: Pixels are divided by it.
      weights: Of the classes in the loss; ``None``: all alike.
      join: Puts outliers behind the images, by a key: as ``outliers.join`` gives it. ``None``: there are none.
      augment: Changes the images by a key: as ``augmentation.apply`` does. ``None``: they stay as they are.
      teach: Gives a teacher's targets of images: as ``teacher.answers`` gives it. ``None``: there is no teacher.
      layout: What devices share of a step.

    Returns:
      ``step(state, images, labels, constants, *, statistics=True) -> (state, (loss, correct))``, with images
      ``(batch, *spec.input_shape)``, labels int32 ``(batch,)``, the loss with penalties, teacher and outliers, and the
      number of correct answers, with dropout on; running statistics move where ``statistics`` is true.
    """
    count = config.freeze
    frozen = ModelSpec(spec.layers[:count], spec.input_shape)
    trained = ModelSpec(spec.layers[count:], frozen.output_shape, spec.classes)
    penalties = [one for penalty in config.penalties for one in _after(count, penalty)]
    loss, fixed = weighted(config.loss, weights), fuse(frozen, jax.default_backend())
    loss = with_teacher(loss, config.teacher_weight, config.teacher_temperature) if teach else loss
    loss = with_outliers(loss, config.outliers or 1.0) if join else loss
    value_and_grad = backprop.GRADIENTS[config.gradients](trained, loss, penalties)
    value_and_grad = in_parts(value_and_grad, most_images(trained, config.loss, jax.default_backend()))
    value_and_grad = layout.differentiate(value_and_grad)
    update = optax.with_extra_args_support(optimizer).update  # some want the loss, too

    def step(
        state: TrainState,
        images: Array,
        labels: Array,
        constants: Constants = Constants(),  # noqa: B008 - immutable
        *,
        statistics: bool = True,
    ) -> tuple[TrainState, tuple[Array, Array]]:
        key = jax.random.fold_in(state.key, state.step)
        x = images
        if join:
            key, outlier_key = jax.random.split(key)
            x = join(outlier_key, x, constants.outliers)
        x = scale(x, divisor)
        if augment:
            key, augment_key = jax.random.split(key)
            x = augment(augment_key, x)
        still, params = state.params[:count], state.params[count:]
        with jax.default_matmul_precision(MATMUL_PRECISIONS[config.matmul_precision]):
            taught = (labels, teach(constants.teacher, x[: len(labels)])) if teach else labels
            if count:
                x, _ = model.forward(frozen, still, x, blocks=fixed)
            (loss, aux), grads = value_and_grad(params, x, taught, key=key)
        with as_optax_runs():
            updates, opt_state = update(grads, state.opt_state, params, value=loss)
            params = optax.apply_updates(params, updates)
        moved = aux.params_update
        if not statistics:
            before = state.params[count:]
            moved = [{name: old[name] for name in new} for old, new in zip(before, moved, strict=True)]
        params = [{**p, **new} for p, new in zip(params, moved, strict=True)]
        correct = jnp.sum(aux.logits[: len(labels)].argmax(axis=-1) == labels, dtype=jnp.int32)
        average = update_ema(config.ema_decay, (state.ema_params or [])[count:], params, state.step)
        ema_params = None if average is None else [*still, *average]
        return TrainState([*still, *params], opt_state, ema_params, state.step + 1, state.key), (loss, correct)

    return step


def _after(count: int, penalty: Penalty) -> list[Penalty]:
    """The penalty on the network without its first ``count`` layers; none where it covers these alone."""
    if penalty.layers is None or not count:
        return [penalty]
    layers = tuple(index - count for index in penalty.layers if index >= count)
    return [replace(penalty, layers=layers)] if layers else []


def scale(images: Array, divisor: float) -> Array:
    """Pixels as the network takes them: float32, divided by ``divisor``."""
    return images.astype(jnp.float32) / divisor
