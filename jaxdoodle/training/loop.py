"""Training: one epoch is one compiled call; between epochs the host evaluates, and keeps the best weights.

Images stay on the device as uint8; a set that is too large for it comes in chunks (see ``batches``), and an epoch is a
call for each. Each step gathers its batch there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import NamedTuple

import jax
import numpy as np

from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.core.types import Params, PyTree
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training.batches import data_loader
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.devices import replicated
from jaxdoodle.training.epoch import compile_epoch
from jaxdoodle.training.evaluation import Evaluation, evaluate
from jaxdoodle.training.optimizers import make_optimizer
from jaxdoodle.training.state import init_state
from jaxdoodle.training.step import make_step

__all__ = ["DivergedError", "Epoch", "TrainResult", "fit"]


class DivergedError(FailedError):
    """A loss or a weight is NaN or infinite; the message names the step."""


class Epoch(NamedTuple):
    """The scores of one epoch.

    Args:
      number: Counted from 1.
      training: Taken while the weights change, with dropout on and penalties in the loss: no measure of the network.
      validation: Taken after the epoch, in evaluation mode; ``None`` without a validation set.
      seconds: How long training took, without evaluation.
    """

    number: int
    training: Evaluation
    validation: Evaluation | None
    seconds: float


@dataclass(repr=False)
class TrainResult:
    """What training gives.

    Args:
      params: The parameters after ``best_epoch``, a dict per layer; the moving average, if there is one.
      best_epoch: The one with most correct answers on validation (on a tie, the smaller loss), counted from 1; the last
        where there is no validation set.
      history: The scores of each epoch.
      step_losses: The loss of each step.
      compile_seconds: How long compiling took.
      train_seconds: How long the epochs took, without evaluation.
      interrupted: Whether Ctrl-C ended training.
    """

    params: list[Params]
    best_epoch: int
    history: list[Epoch] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    compile_seconds: float = 0.0
    train_seconds: float = 0.0
    interrupted: bool = False

    def __repr__(self) -> str:
        best = next((epoch for epoch in self.history if epoch.number == self.best_epoch), None)
        scores = f", validation {best.validation}" if best and best.validation else ""
        return f"TrainResult(epoch {self.best_epoch} of {len(self.history)}{scores}, {self.train_seconds:.1f} s)"

    def _repr_html_(self) -> str:
        head = ("epoch", "training loss", "training accuracy", "validation loss", "validation accuracy", "seconds")
        rows = [head, *map(self._row, self.history)]
        return "<table>" + "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in rows) + "</table>"

    def _row(self, epoch: Epoch) -> tuple[str, ...]:
        number = f"{epoch.number}{' (kept)' * (epoch.number == self.best_epoch)}"
        scores = [(f"{one.loss:.4f}", f"{one.accuracy:.2%}") if one else ("", "") for one in epoch[1:3]]
        return number, *scores[0], *scores[1], f"{epoch.seconds:.2f}"


def fit(
    spec: ModelSpec,
    train: Dataset,
    validation: Dataset | None,
    config: TrainConfig,
    *,
    divisor: float = 255.0,
    on_epoch: Callable[[Epoch], object] = lambda epoch: None,
) -> TrainResult:
    """Train a network; the same seed on the same machine gives the same result. Ctrl-C ends it after a whole epoch.

    Args:
      spec: The network.
      train: The images to train on. Those that do not divide evenly among the devices, or among the chunks of a set on
        disk, are left out of the epoch: others in every epoch.
      validation: The images that choose the best epoch; ``None`` keeps the last.
      config: How to train.
      divisor: Pixels are divided by it.
      on_epoch: Called after every epoch.

    Returns:
      The parameters of the best epoch, and the scores of all.

    Raises:
      InputError: The network does not fit the images or their classes.
      DivergedError: A loss or a weight is not finite.
    """
    _refuse_mismatch(spec, train)
    loader = data_loader(train, config, config.devices, partial(jax.device_put, device=replicated(config.devices)))
    batch_size = min(config.batch_size, loader.chunk_size)
    steps = loader.chunks_per_epoch * math.ceil(loader.chunk_size / batch_size)
    optimizer = make_optimizer(config, steps)
    first = next(loader.chunks)
    chunks = chain([first], loader.chunks)

    started = time.perf_counter()
    step = make_step(spec, optimizer, config, divisor)
    start = init_state(spec, optimizer, config), *first[:2]
    run_epoch, (state, *_) = compile_epoch(step, batch_size, loader.chunk_size, start, config.devices)
    result = TrainResult(params=state.params, best_epoch=0, compile_seconds=time.perf_counter() - started)
    best = (-1, 0.0)
    del first, start
    try:
        for number in range(1, config.epochs + 1):
            started, scores = time.perf_counter(), []
            for images, labels, order in islice(chunks, loader.chunks_per_epoch):
                state, step_scores = run_epoch(state, images, labels, order)
                scores.append(jax.tree.map(np.asarray, step_scores))  # waits for the device
            step_losses, correct = (np.concatenate(part) for part in zip(*scores, strict=True))
            seconds = time.perf_counter() - started
            params = state.params if state.ema_params is None else state.ema_params
            result.step_losses += step_losses.tolist()
            _refuse_divergence(result.step_losses, len(step_losses), params, config.learning_rate)

            scored = evaluate(spec, params, validation, config.loss, divisor=divisor) if validation else None
            total = loader.chunks_per_epoch * loader.chunk_size
            epoch = Epoch(number, Evaluation(float(step_losses.mean()), int(correct.sum()), total), scored, seconds)
            rank = (scored.correct, -scored.loss) if scored else (number, 0.0)
            if rank > best:
                best = rank
                result.params, result.best_epoch = jax.tree.map(np.array, params), number
            result.history.append(epoch)
            result.train_seconds += seconds
            on_epoch(epoch)
    except KeyboardInterrupt:
        if not result.history:
            raise
        result.interrupted = True
    return result


def _refuse_mismatch(spec: ModelSpec, train: Dataset) -> None:
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


def _refuse_divergence(losses: list[float], new: int, params: PyTree, learning_rate: float) -> None:
    """Raise ``DivergedError`` where one of the ``new`` last losses, or a weight, is NaN or infinite."""
    broken = [index for index in range(len(losses) - new, len(losses)) if not math.isfinite(losses[index])]
    if broken:
        what, step = f"the loss became {losses[broken[0]]}", broken[0]
    elif not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
        what, step = "a weight became nan or inf", len(losses) - 1
    else:
        return
    raise DivergedError(
        f"{what} at step {step} (counted from 0), in epoch step {step - (len(losses) - new) + 1} of {new}; "
        f"the learning rate {learning_rate:g} may be too high."
    )
