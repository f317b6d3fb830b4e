"""Training: one epoch is one compiled call; between epochs the host looks, remembers and decides.

Images stay on the device as uint8; of a set that is too large for that, one chunk after the other (see ``data.feed``),
and an epoch is a call for each. Each step gathers its batch there, scales it (and augments it, if asked),
and hands it to the function that differentiates: by hand or by autodiff, the step does not know which.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from jax.sharding import NamedSharding, PartitionSpec

from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.nn import backprop, losses, model, penalties
from jaxdoodle.nn.fused import plan
from jaxdoodle.nn.layers import Params
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training import augmentation as augment
from jaxdoodle.training import devices as parallel
from jaxdoodle.training import optimizers
from jaxdoodle.training.batches import SAMPLING, feed

#: Drawings that are scored together.
SCORED = 2**15
#: Name -> what JAX calls such a matrix product; ``None``: its own choice.
PRECISIONS = {"float32": None, "bfloat16": "BF16_BF16_F32"}


@dataclass(frozen=True)
class TrainConfig:
    """How to train: everything but the network and the data.

    ``average`` is the decay per step of a moving average of the weights, which is then what is evaluated and kept.
    ``decay`` belongs to the schedules that have one (see ``optim``); ``clip_norm`` bounds the gradient's global norm.
    ``sampling`` is ``natural``, every drawing once an epoch, or ``balanced``, every class equally often.
    ``precision`` is of the matrix products: with ``bfloat16`` their operands are rounded, their sums stay float32; for
    GPUs and TPUs, as XLA computes in float32 on processors.
    With several ``devices``, each computes an equal share of every batch.
    """

    epochs: int = 10
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    schedule_decay: float = 0.0
    loss: losses.Loss = losses.SoftmaxCrossEntropy()
    penalties: tuple[penalties.Penalty, ...] = ()
    augment: augment.Augment | None = None
    clip_norm: float | None = None
    ema_decay: float | None = None
    sampling: str = "natural"
    matmul_precision: str = "float32"
    gradients: str = "hand"
    devices: int = 1
    seed: int = 0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "devices"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is at least 1; got {getattr(self, name)}.")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"learning_rate is above 0; got {self.learning_rate}.")
        if self.ema_decay is not None and not 0 <= self.ema_decay < 1:
            raise InputError(f"ema_decay is at least 0 and below 1; got {self.ema_decay}.")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise InputError(f"clip_norm is above 0; got {self.clip_norm}.")
        if self.batch_size % self.devices:
            raise InputError(f"batch_size is a multiple of devices; got {self.batch_size} and {self.devices}.")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed is at least 0 and below 2^32; got {self.seed}.")
        for table, name in (
            (optimizers.OPTIMIZERS, self.optimizer),
            (optimizers.SCHEDULES, self.schedule),
            (SAMPLING, self.sampling),
            (PRECISIONS, self.matmul_precision),
            (backprop.GRADIENTS, self.gradients),
        ):
            optimizers.look_up(table, name)


class DivergedError(FailedError):
    """The loss is no longer a number; the message says at which step."""


class TrainState(NamedTuple):
    """All that a step changes. ``average`` is the moving average of ``params``, or ``None``."""

    params: list[Params]
    opt_state: optax.OptState
    ema_params: list[Params] | None
    step: Array
    key: Array


class Evaluation(NamedTuple):
    """How good a network is on a set, in evaluation mode: mean loss without penalties, and counts."""

    loss: float
    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        return self.correct / self.total


class Epoch(NamedTuple):
    """One epoch. ``running`` is scored during training, by changing weights and with dropout; it is no accuracy."""

    number: int
    training: Evaluation
    validation: Evaluation | None
    seconds: float


@dataclass
class TrainResult:
    """What training gives. ``params`` are those of ``best_epoch``: most right on validation (on a tie, the smaller
    loss), or the last where there is no validation set."""

    params: list[Params]
    best_epoch: int
    history: list[Epoch] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    compile_seconds: float = 0.0
    train_seconds: float = 0.0
    interrupted: bool = False


def fit(
    spec: ModelSpec,
    train: Dataset,
    validation: Dataset | None,
    config: TrainConfig,
    *,
    divisor: float = 255.0,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> TrainResult:
    """Train ``spec`` from ``config.seed``; the same seed on the same machine gives the same result.

    ``divisor`` scales pixels into what the network sees. ``on_epoch`` is called after every epoch. Ctrl-C ends
    training after the epochs that are complete. Raises ``DivergedError`` as soon as a loss or a weight is not finite,
    and ``InputError`` where the network does not fit the images or their classes. Images
    that cannot be shared out evenly among the devices, or among the chunks of a set on disk, sit out the epoch: others
    in every epoch.
    """
    _refuse_mismatch(spec, train)
    place = partial(jax.device_put, device=_replicated(config.devices))
    source = feed(train, config.sampling, config.devices, np.random.default_rng(config.seed), place)
    batch_size = min(config.batch_size, source.size)
    steps = source.chunks * math.ceil(source.size / batch_size)
    schedule = optimizers.make_schedule(
        config.schedule,
        config.learning_rate,
        decay=config.schedule_decay,
        steps_per_epoch=steps,
        steps=steps * config.epochs,
    )
    optimizer = optimizers.make_optimizer(config.optimizer, schedule, clip_norm=config.clip_norm)
    first = next(source.draws)
    draws = chain([first], source.draws)

    started = time.perf_counter()
    step = make_step(spec, optimizer, config, divisor)
    start = init_state(spec, optimizer, config), *first[:2]
    run_epoch, (state, *_) = compile_epoch(step, batch_size, config.devices, start, source.size)
    result = TrainResult(params=state.params, best_epoch=0, compile_seconds=time.perf_counter() - started)
    best = (-1, 0.0)
    del first, start
    try:
        for number in range(1, config.epochs + 1):
            started, scores = time.perf_counter(), []
            for images, labels, order in islice(draws, source.chunks):
                state, step_scores = run_epoch(state, images, labels, order)
                scores.append(jax.tree.map(np.asarray, step_scores))  # waits for the device
            step_loss, correct = (np.concatenate(part) for part in zip(*scores, strict=True))
            seconds = time.perf_counter() - started
            kept = state.params if state.ema_params is None else state.ema_params
            result.step_losses += step_loss.tolist()
            _refuse_divergence(result.step_losses, len(step_loss), kept, config.learning_rate)

            scored = evaluate(spec, kept, validation, config.loss, divisor=divisor) if validation else None
            training = Evaluation(float(step_loss.mean()), int(correct.sum()), source.chunks * source.size)
            epoch = Epoch(number, training, scored, seconds)
            rank = (scored.correct, -scored.loss) if scored else (number, 0.0)
            if rank > best:
                best = rank
                result.params, result.best_epoch = jax.tree.map(np.array, kept), number
            result.history.append(epoch)
            result.train_seconds += seconds
            on_epoch(epoch)
    except KeyboardInterrupt:
        if not result.history:
            raise
        result.interrupted = True
    return result


def init_state(spec: ModelSpec, optimizer: optax.GradientTransformation, config: TrainConfig) -> TrainState:
    """Where training starts."""
    params = model.init(spec, jax.random.key(config.seed))
    return TrainState(
        params=params,
        opt_state=optimizer.init(params),
        ema_params=None if config.ema_decay is None else jax.tree.map(jnp.copy, params),
        step=jnp.zeros((), jnp.int32),
        key=jax.random.key(config.seed, impl="unsafe_rbg"),  # cheap bits, for dropout and augmentation alone
    )


def make_step(
    spec: ModelSpec, optimizer: optax.GradientTransformation, config: TrainConfig, divisor: float
) -> Callable[[TrainState, Array, Array], tuple[TrainState, tuple[Array, Array]]]:
    """``step(state, images uint8, labels) -> (state, (loss, correct))``: pure, one optimizer update."""
    value_and_grad = backprop.GRADIENTS[config.gradients](spec, config.loss, config.penalties)
    if config.devices > 1:
        value_and_grad = parallel.mean_over_devices(value_and_grad)

    def step(state, images, labels):
        key = jax.random.fold_in(state.key, state.step)
        x = scale(images, divisor)
        if config.augment is not None:
            key, augment_key = jax.random.split(key)
            x = augment.apply(config.augment, augment_key, x)
        with jax.default_matmul_precision(PRECISIONS[config.matmul_precision]):
            (loss, aux), grads = value_and_grad(state.params, x, labels, key=key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        params = [{**p, **seen} for p, seen in zip(params, aux.statistics, strict=True)]
        correct = jnp.sum(aux.outputs.argmax(axis=-1) == labels, dtype=jnp.int32)
        average = _move_average(config.ema_decay, state.ema_params, params, state.step)
        return TrainState(params, opt_state, average, state.step + 1, state.key), (loss, correct)

    return step


def make_epoch(step: Callable, batch_size: int) -> Callable:
    """``epoch(state, images, labels, order) -> (state, (loss, correct) per step)``; every image once.

    ``order`` is a permutation, drawn by the host. The last step takes what is left over.
    """

    def epoch(state, images, labels, order):
        def take(state, batch):
            return step(state, images[batch], labels[batch])

        whole = len(order) // batch_size * batch_size
        state, scores = lax.scan(take, state, order[:whole].reshape(-1, batch_size))
        if whole < len(order):
            state, last = take(state, order[whole:])
            scores = jax.tree.map(lambda all, one: jnp.append(all, one), scores, last)
        return state, scores

    return epoch


def compile_epoch(
    step: Callable, batch_size: int, devices: int, arguments: tuple[TrainState, Any, Any], count: int
) -> tuple[Callable, tuple[TrainState, Array, Array]]:
    """An epoch of ``count`` images as one compiled call that donates its state; and ``arguments`` where it wants them.

    ``arguments`` are the state, all images (uint8) and their labels.
    """
    epoch = make_epoch(step, batch_size // devices)
    if devices > 1:
        epoch = parallel.shard(epoch, parallel.make_mesh(devices))
    arguments = jax.device_put(arguments, _replicated(devices))
    return jax.jit(epoch, donate_argnums=0).lower(*arguments, np.zeros(count, np.int32)).compile(), arguments


def scale(images: Array, divisor: float) -> Array:
    """uint8 pixels as what the network sees, float32."""
    return images.astype(jnp.float32) / divisor


def evaluate(spec: ModelSpec, params: Any, data: Dataset, loss: losses.Loss, *, divisor: float = 255.0) -> Evaluation:
    """How good the network is on a set, however large: no more than ``SCORED`` outputs are in memory."""
    total, correct = 0.0, 0
    for start in range(0, len(data), SCORED):
        part = slice(start, start + SCORED)
        found = score(predict(spec, params, data.images[part], divisor=divisor), data.labels[part], loss)
        total, correct = total + found.loss * (found.total / len(data)), correct + found.correct
    return Evaluation(total, correct, len(data))


def predict(spec: ModelSpec, params: Any, images: np.ndarray, *, divisor: float = 255.0) -> np.ndarray:
    """Outputs of the network in evaluation mode, float32 ``(n, classes)``, for uint8 images ``(n, ...)``."""
    size = max(1, min(len(images), 1024))
    padding = np.zeros((-len(images) % size, *images.shape[1:]), images.dtype)  # one shape, one compilation
    padded = np.concatenate([images, padding]) if len(padding) else images
    outputs = [_apply(spec, params, padded[i : i + size], divisor) for i in range(0, len(padded), size)]
    return np.concatenate([np.asarray(chunk) for chunk in outputs])[: len(images)]


def score(outputs: np.ndarray, labels: np.ndarray, loss: losses.Loss) -> Evaluation:
    """Outputs ``(n, classes)`` against integer labels ``(n,)``."""
    value = _loss(loss, outputs, np.asarray(labels, np.int32))
    return Evaluation(float(value), int((outputs.argmax(axis=1) == labels).sum()), len(outputs))


@jax.jit(static_argnums=(0, 3))
def _apply(spec, params, images, divisor):
    return model.forward(spec, params, scale(images, divisor), blocks=plan(spec, jax.default_backend()))[0]


@jax.jit(static_argnums=0)
def _loss(loss, outputs, labels):
    return losses.forward(loss, outputs, labels)[0]


def _replicated(devices: int) -> NamedSharding:
    """What is put there is whole on each device."""
    return NamedSharding(parallel.make_mesh(devices), PartitionSpec())


def _move_average(decay: float | None, average: Any, params: Any, step: Array) -> Any:
    """Early averages forget faster: the start is not worth remembering."""
    if decay is None:
        return None
    step = step.astype(jnp.float32)
    keep = jnp.minimum(decay, (1 + step) / (10 + step))
    return jax.tree.map(lambda a, p: keep * a + (1 - keep) * p, average, params)


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


def _refuse_divergence(losses: list[float], new: int, params: Any, learning_rate: float) -> None:
    """Of the ``new`` last losses none is NaN or infinite, and so is no weight that the last step left."""
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
