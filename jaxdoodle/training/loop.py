"""Training: a chunk of steps is one compiled call; between epochs the host evaluates, and keeps the best weights.

Images stay on the device as they are stored; a set that is too large for it is read chunk by chunk (see ``batches``).
Each step gathers its batch on the device.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.core.errors import FailedError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.inference.model import Model
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training.batches import DataLoader, prefetch
from jaxdoodle.training.checkpoints import Checkpoints, describe
from jaxdoodle.training.config import LEARNING_RATE, TrainConfig
from jaxdoodle.training.evaluation import evaluate
from jaxdoodle.training.fit_state import Epoch, FitState, TrainResult
from jaxdoodle.training.hardware.layout import Layout, place
from jaxdoodle.training.hardware.settings import pinned
from jaxdoodle.training.plan import Plan
from jaxdoodle.training.setup import set_up
from jaxdoodle.training.steps.epoch import compile_epoch, place_arguments
from jaxdoodle.training.steps.losses import LossGiven
from jaxdoodle.training.steps.optimizers import Optimizer, Schedule
from jaxdoodle.training.steps.state import Constants, TrainState, init_state

__all__ = ["Callback", "DivergedError", "fit"]

#: ``callback(epoch, state, metrics)`` after each epoch, counted from 1; where it returns ``True``, training ends.
Callback = Callable[[int, TrainState, Epoch], object]


class DivergedError(FailedError):
    """A loss or a weight is NaN or infinite; the message names the step."""


@pinned
def fit(
    spec: ModelSpec,
    train: Dataset,
    validation: Dataset | None,
    config: TrainConfig,
    *,
    params: Sequence[Mapping[str, Any]] | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    loss: LossGiven | None = None,
    outliers: NDArray[np.uint8] | None = None,
    teacher: Sequence[Model] = (),
    callbacks: Sequence[Callback] = (),
    checkpoints: Checkpoints | None = None,
) -> TrainResult:
    """Train a network; the same seed on the same machine gives the same result. Ctrl-C ends it after a whole epoch.

    Args:
      spec: The network.
      train: The images to train on; their preprocessing holds the divisor of pixels. Those that do not divide evenly
        among the devices, or among the chunks of a set on disk, are left out of the epoch: others in every epoch.
      validation: The images that choose the best epoch; ``None`` keeps the last.
      config: How to train.
      params: Of another network, a dict per layer: every layer whose shapes fit starts from them, the others are drawn
        from the seed. ``None``: all are.
      optimizer: Any ``optax.GradientTransformation``, with its own learning rate, in place of the config's optimizer,
        learning rate, schedule and clipping.
      schedule: ``schedule(step) -> learning rate``, in place of the config's learning rate and schedule.
      loss: In place of the config's: a loss, a hand-written pair ``(forward, backward)`` as ``nn.Loss`` describes them,
        or a JAX function ``(outputs, labels) -> value``, a mean or one value per image, with ``gradients="autodiff"``.
      outliers: Drawings of other classes, uint8 ``(m, *spec.input_shape)``, shown among the outliers of the config.
      teacher: Models whose answers on each augmented image are learnt beside its label, of the same classes and images;
        of several, the mean.
      callbacks: Each is called after every epoch as ``callback(epoch, state, metrics)``: the epoch's number counted
        from 1, the ``TrainState`` (with ``params``, ``ema_params``, ``opt_state`` and ``step``), and the ``Epoch``.
        Where one returns ``True``, training ends.
      checkpoints: Where to keep checkpoints, and go on from; a run that was stopped gives the result of one that was
        not, to the bit. SIGTERM ends it as Ctrl-C does, both after a chunk of steps.

    Returns:
      The parameters of the best epoch, and the scores of all.

    Raises:
      InputError: The network does not fit the images or their classes, two arguments contradict each other, or a
        checkpoint is damaged or of another run.
      DivergedError: A loss or a weight is not finite.
      Interrupted: As told by ``checkpoints``, before the first epoch was complete.
    """
    given: dict[str, Any] = {
        "optimizer": optimizer,
        "schedule": schedule,
        "loss": loss,
        "outliers": outliers,
        "teacher": teacher,
    }
    config, plan, optimizer, layout, step, constants = set_up(spec, train, validation, config, **given)
    run = FitState(init_state(spec, optimizer, config, params))
    if checkpoints:
        run = checkpoints.restore(run, describe(spec, config, plan, train, validation, constants))

    put, shares = partial(place, shardings=layout.images), layout.devices if layout.shares_images else 1
    loader = DataLoader(train, config, plan.chunks, put, layout.read, shares)
    chunks = prefetch(loader, plan.places(run.epoch, run.chunk))
    compiling = time.perf_counter()
    run_chunk, run.state, chunks = _compile(step, plan, run, chunks, layout, constants)
    compile_seconds, stopped, interrupted = time.perf_counter() - compiling, False, False
    keeping = ExitStack()
    after_chunk = keeping.enter_context(checkpoints.keeping()) if checkpoints else lambda run: None
    try:
        for epoch in range(run.epoch, plan.epochs):
            if stopped := epoch - run.best_epoch >= (config.patience or math.inf):
                break
            for size in plan.sizes(epoch)[run.chunk :]:
                started, (images, labels, order) = time.perf_counter(), next(chunks)
                run.state, scores = run_chunk[size](
                    run.state, images, labels, layout.take(order, size, plan.batch_size)
                )
                losses, correct = map(np.asarray, scores)  # waits for the device
                run.end_chunk(losses, correct, size, plan.batch_size, time.perf_counter() - started)
                refuse_divergence(run, len(losses), plan, config.learning_rate or LEARNING_RATE)
                after_chunk(run)
            validated = evaluate(spec, run.params, validation, config.loss) if validation else None
            metrics = run.end_epoch(validated, config.keep)
            seen = jax.tree.map(jnp.copy, run.state) if callbacks else run.state  # the next chunk takes the buffers
            if stopped := any([callback(epoch + 1, seen, metrics) for callback in callbacks]):
                break
    except KeyboardInterrupt:
        if not run.history:
            raise
        interrupted = True
    finally:
        keeping.close()
    seconds = sum(epoch.seconds for epoch in run.history)
    best = run.best_params, run.best_epoch
    return TrainResult(*best, run.history, run.step_losses, compile_seconds, seconds, interrupted, stopped)


def _compile(
    step: Any, plan: Plan, run: FitState, chunks: Any, layout: Layout, constants: Constants
) -> tuple[dict[int, Any], TrainState, Any]:
    """For each size of a chunk its compiled steps; the state on the devices; the chunks, of which one was looked at."""
    first = next(chunks, None)
    if first is None:
        return {}, run.state, chunks
    arguments = place_arguments((run.state, *first[:2], constants), layout)
    sizes = plan.all_sizes(run.epoch)
    compiled = {size: compile_epoch(step, plan.batch_size, size, arguments, layout) for size in sizes}
    return compiled, arguments[0], chain([first], chunks)


def refuse_divergence(run: FitState, new: int, plan: Plan, learning_rate: float) -> None:
    """Raise ``DivergedError`` where one of the ``new`` last losses, or a weight, is NaN or infinite."""
    losses = run.step_losses
    broken = [index for index in range(len(losses) - new, len(losses)) if not math.isfinite(losses[index])]
    if broken:
        what, step = f"the loss became {losses[broken[0]]}", broken[0]
    elif not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run.params)):
        what, step = "a weight became nan or inf", len(losses) - 1
    else:
        return
    per_epoch = plan.steps_per_epoch
    raise DivergedError(
        f"{what} at step {step} (counted from 0), in epoch step {step % per_epoch + 1} of {per_epoch}; "
        f"the learning rate {learning_rate:g} may be too high."
    )
