"""Training: a chunk of steps is one compiled call; between epochs the host evaluates, and keeps the best weights.

Images stay on the device as they are stored; a set that is too large for it is read chunk by chunk (see ``batches``).
Each step gathers its batch on the device.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.bitmaps import Bitmaps
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.inference.model import Model
from jaxdoodle.inference.network import products_per_image
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training.batches import DataLoader, prefetch
from jaxdoodle.training.checkpoints import Checkpoints, describe
from jaxdoodle.training.config import LEARNING_RATE, TrainConfig, refuse_both
from jaxdoodle.training.evaluation import evaluate
from jaxdoodle.training.fit_state import Epoch, FitState
from jaxdoodle.training.hardware.layout import Layout, choose_layout, place
from jaxdoodle.training.hardware.settings import pinned
from jaxdoodle.training.losses import LossGiven, as_loss, class_weights
from jaxdoodle.training.plan import Plan, choose, make_plan
from jaxdoodle.training.result import TrainResult
from jaxdoodle.training.steps.epoch import compile_epoch
from jaxdoodle.training.steps.optimizers import Optimizer, Schedule, make_optimizer
from jaxdoodle.training.steps.outliers import collect, join
from jaxdoodle.training.steps.state import Constants, TrainState, init_state
from jaxdoodle.training.steps.step import make_step
from jaxdoodle.training.teacher import answers, parameters, refuse_unfit

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
    _refuse_mismatch(spec, train, validation, config)
    refuse_both(config, optimizer=optimizer, schedule=schedule, loss=loss)
    config = choose(config, train, loss)
    config = replace(config, loss=as_loss(config.loss if loss is None else loss, config.gradients))
    plan, weights = make_plan(config, train, products_per_image(spec)), class_weights(config.class_weights, train)
    length = {"steps": plan.steps, "steps_per_epoch": plan.steps_per_epoch}
    optimizer = optimizer or make_optimizer(config, **length, schedule=schedule)
    on_disk = isinstance(train.images, Bitmaps)
    layout = choose_layout(spec, plan.batch_size, config.devices, on_disk=on_disk, freeze=config.freeze)
    _refuse_outliers(outliers, spec, config)
    refuse_unfit(teacher, train)
    constants = Constants(
        collect(train, config.seed, outliers) if config.outliers else None, parameters(teacher) if teacher else None
    )
    step = make_step(
        spec,
        optimizer,
        config,
        divisor=train.preprocessing.divisor,
        weights=weights,
        join=join(train, config.outliers) if config.outliers else None,
        teach=answers(teacher, config.teacher_temperature) if teacher else None,
        layout=layout,
    )
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
                _refuse_divergence(run, len(losses), plan, config.learning_rate or LEARNING_RATE)
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
    compiled, arguments = {}, (run.state, *first[:2])
    for size in dict.fromkeys(size for epoch in (run.epoch, plan.epochs - 1) for size in plan.sizes(epoch)):
        compiled[size], arguments = compile_epoch(step, plan.batch_size, size, arguments, layout, constants)
    return compiled, arguments[0], chain([first], chunks)


def _refuse_mismatch(spec: ModelSpec, train: Dataset, validation: Dataset | None, config: TrainConfig) -> None:
    """Raise ``InputError`` where the network takes other images or gives other classes than there are."""
    if not len(train):
        raise InputError(f"{train.name}: there is no drawing to train on.")
    if spec.input_shape != train.images.shape[1:]:
        raise InputError(f"{train.name}: images are {train.images.shape[1:]}; the network takes {spec.input_shape}.")
    if spec.output_shape != (len(train.classes),):
        raise InputError(
            f"{train.name}: has {len(train.classes)} classes; the network gives outputs of shape {spec.output_shape}."
        )
    if spec.classes not in ((), train.classes):
        raise InputError(f"{train.name}: classes are {train.classes}; those of the network are {spec.classes}.")
    if validation and validation.preprocessing.divisor != train.preprocessing.divisor:
        found = f"{validation.preprocessing.divisor:g} in validation and {train.preprocessing.divisor:g} in training"
        raise InputError(f"{train.name}: the divisor of pixels is {found}; expected one.")
    if config.patience and not validation:
        raise InputError("patience counts epochs without a better one on validation; there is no validation drawing.")
    if config.freeze and not any(spec.param_shapes[config.freeze :]):
        raise InputError(f"freeze is {config.freeze} of {len(spec.layers)} layers: no parameter is left to train.")


def _refuse_outliers(outliers: NDArray[np.uint8] | None, spec: ModelSpec, config: TrainConfig) -> None:
    """Raise ``InputError`` where outliers are given that are no such images, or that the config does not show."""
    if outliers is None:
        return
    if outliers.dtype != np.uint8 or outliers.shape[1:] != spec.input_shape:
        expected = f"uint8 (m, {', '.join(map(str, spec.input_shape))})"
        raise InputError(f"outliers are {outliers.dtype} {outliers.shape}; expected {expected}.")
    if not config.outliers:
        raise InputError("outliers are given, and the config shows none; give its outliers, too, as 0.5.")


def _refuse_divergence(run: FitState, new: int, plan: Plan, learning_rate: float) -> None:
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
