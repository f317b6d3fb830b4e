"""What a config leaves open, decided for a training set before the run: its length, its batches, its chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.training.batches import chunk_sizes
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.steps.augmentation import Augment

__all__ = ["Plan", "make_plan"]

#: Where neither epochs nor steps are given.
EPOCHS = 10
#: Where no batch size is given.
BATCH_SIZE = 128


@dataclass(frozen=True)
class Plan:
    """How long a run is, and how an epoch is cut; fixed before its first step.

    Args:
      epochs: Number of epochs; of the last one, only the first steps may be taken.
      steps: Number of steps in all.
      batch_size: Number of images of a step, on all devices together; a chunk's last step takes what is left over.
      chunks: Number of images of each chunk of an epoch.
      augment: How far training images are changed; ``None``: not at all.
    """

    epochs: int
    steps: int
    batch_size: int
    chunks: tuple[int, ...]
    augment: Augment | None

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

    def places(self, epoch: int = 0, chunk: int = 0) -> Iterator[tuple[int, int]]:
        """The epoch and the number of each chunk from here to the end, both counted from 0."""
        for number in range(epoch, self.epochs):
            for index in range(chunk if number == epoch else 0, len(self.sizes(number))):
                yield number, index

    def _steps_of(self, size: int) -> int:
        return math.ceil(size / self.batch_size)


def make_plan(config: TrainConfig, train: Dataset) -> Plan:
    """Decide what the config leaves open.

    Args:
      config: How to train.
      train: The training set.

    Returns:
      The plan: the same for the same config and as many drawings.

    Raises:
      InputError: There are fewer drawings than devices.
    """
    if len(train) < config.devices:
        raise InputError(f"{train.name}: has {len(train):,} drawings; devices is at most that, got {config.devices:,}.")
    batch_size = config.batch_size or math.ceil(BATCH_SIZE / config.devices) * config.devices
    chunks = chunk_sizes(train, config.sampling, batch_size, config.devices)
    batch_size = min(batch_size, chunks[0])
    steps_per_epoch = sum(math.ceil(size / batch_size) for size in chunks)
    steps = config.steps or steps_per_epoch * (config.epochs or EPOCHS)
    return Plan(math.ceil(steps / steps_per_epoch), steps, batch_size, chunks, config.augment)
