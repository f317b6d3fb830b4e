"""What a config leaves open, decided for a training set before the run: its length, its batches, its chunks.

A config with neither epochs nor steps leaves the choice to the size of the set: a small one is trained in small
batches, for many epochs and with augmentation. With 22 drawings a class in five classes ten epochs of batches of 128
are ten steps, which learn little; what is chosen here gives 77 % of unseen drawings (mean of ten choices of classes;
``python -m experiments few_drawings``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.nn import SoftmaxCrossEntropy
from jaxdoodle.training.batches import chunk_sizes
from jaxdoodle.training.config import LEARNING_RATE, TrainConfig
from jaxdoodle.training.steps.augmentation import Augment

__all__ = ["Plan", "choose", "make_plan", "summarize"]

#: Fewest epochs where neither epochs nor steps are given, and most.
EPOCHS, MOST_EPOCHS = 10, 300
#: Steps that a run has at least, where the epochs suffice.
STEPS = 1500
#: Where no batch size is given.
BATCH_SIZE = 128
#: Where no learning rate is given, on a small set, with an optimizer of the Adam family.
SMALL_SET_RATE = 3e-3
ADAM = ("adam", "adamw", "nadam")
#: Training images below which a set is small, and below which its validation drawings are too few to choose an epoch.
SMALL, FEW = 10_000, 1_000
#: Outliers for each image, on sets of drawings that are not few, with softmax cross-entropy.
OUTLIERS = 0.25
#: Batch size below each number of training images.
SMALL_BATCHES = ((FEW, 32), (SMALL, 64))


@dataclass(frozen=True)
class Plan:
    """How long a run is, and how an epoch is cut; fixed before its first step.

    Args:
      epochs: Number of epochs; of the last one, only the first steps may be taken.
      steps: Number of steps in all.
      batch_size: Number of images of a step, on all devices together; a chunk's last step takes what is left over.
      chunks: Number of images of each chunk of an epoch.
    """

    epochs: int
    steps: int
    batch_size: int
    chunks: tuple[int, ...]

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps of a whole epoch."""
        return sum(self._steps_of(size) for size in self.chunks)

    def sizes(self, epoch: int) -> list[int]:
        """Of each chunk of an epoch, counted from 0, the number of images used: all, but where ``steps`` ends it."""
        left, found = self.steps - epoch * self.steps_per_epoch, []
        for size in self.chunks:
            found.append(min(size, left * self.batch_size))
            left -= self._steps_of(size)
        return [size for size in found if size > 0]

    def all_sizes(self, epoch: int = 0) -> list[int]:
        """Each number of images used of a chunk from this epoch on."""
        return list(dict.fromkeys(size for one in (epoch, self.epochs - 1) for size in self.sizes(one)))

    def places(self, epoch: int = 0, chunk: int = 0) -> Iterator[tuple[int, int]]:
        """The epoch and the number of each chunk from here to the end, both counted from 0."""
        for number in range(epoch, self.epochs):
            for index in range(chunk if number == epoch else 0, len(self.sizes(number))):
                yield number, index

    def _steps_of(self, size: int) -> int:
        return math.ceil(size / self.batch_size)


def make_plan(config: TrainConfig, train: Dataset, products: int = 1) -> Plan:
    """Decide what the config leaves open.

    Args:
      config: How to train.
      train: The training set.
      products: Multiplications that the network makes of an image; they decide about the chunks alone.

    Returns:
      The plan: the same for the same config and as many drawings.

    Raises:
      InputError: There are fewer drawings than devices, or one class alone.
    """
    if len(train) < config.devices:
        raise InputError(f"{train.name}: has {len(train):,} drawings; devices is at most that, got {config.devices:,}.")
    if len(train.classes) < 2:
        raise InputError(f"{train.name}: has one class alone, {train.classes[0]}; a classifier needs two or more.")
    config = choose(config, train)
    assert config.batch_size  # chosen
    chunks = chunk_sizes(train, config.sampling, config.batch_size, config.devices, products)
    batch_size = min(config.batch_size, chunks[0])
    steps_per_epoch = sum(math.ceil(size / batch_size) for size in chunks)
    steps = config.steps or steps_per_epoch * (config.epochs or EPOCHS)
    return Plan(math.ceil(steps / steps_per_epoch), steps, batch_size, chunks)


def choose(config: TrainConfig, train: Dataset, loss: object = None) -> TrainConfig:
    """The config with length, batch size, learning rate, augmentation, outliers and epoch kept chosen where it is open.

    Args:
      config: How to train. With epochs or steps nothing but outliers is chosen by the size of the set.
      train: The training set.
      loss: In place of the config's, if any.

    Returns:
      A config that chooses the same for any set.
    """
    count = len(train)
    small = config.epochs is None and config.steps is None and count < SMALL
    chosen = next((size for below, size in SMALL_BATCHES if small and count < below), BATCH_SIZE)
    batch_size = config.batch_size or math.ceil(chosen / config.devices) * config.devices
    epochs = config.epochs
    if epochs is None and config.steps is None:
        needed = math.ceil(STEPS / math.ceil(max(1, count) / batch_size))
        epochs = max(EPOCHS, min(needed, MOST_EPOCHS))
    rate = SMALL_SET_RATE if small and config.optimizer in ADAM else LEARNING_RATE
    augment = Augment() if config.augment is None and small else config.augment
    outliers = config.outliers
    if outliers is None:
        drawings = not train.preprocessing.as_is and train.preprocessing.image_shape[2] == 1
        scored = loss is None and isinstance(config.loss, SoftmaxCrossEntropy)
        outliers = OUTLIERS if drawings and scored and count >= FEW else 0.0
    return replace(
        config,
        outliers=outliers,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=config.learning_rate or rate,
        augment=augment or None,
        keep=config.keep or ("last" if small and count < FEW and not config.patience else "best"),
    )


def summarize(config: TrainConfig, train: Dataset) -> str:
    """One line: how long a run is, in which batches, at which rate, with or without augmentation, and who chose it."""
    plan, chosen = make_plan(config, train), choose(config, train)
    if config.epochs is None and config.steps is None:
        why = f"what is not given was chosen for {len(train):,} training images"
    else:
        why = "as epochs or steps are given, nothing is chosen by the size of the set"
    augmented = f"augmentation {'on' if chosen.augment else 'off'}"
    length = f"{plan.epochs:,} epochs, {plan.steps:,} steps of {plan.batch_size} images"
    shown = f"{chosen.outliers:g} outliers for each image" if chosen.outliers else "no outliers"
    rate = f"learning rate {chosen.learning_rate:g}"
    return f"training: {length}, {rate}, {augmented}, {shown}, {chosen.keep} epoch kept; {why}"
