"""Predictions and scores of a network in evaluation mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdoodle.core.types import Array, NDArray
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.metrics import format_accuracy
from jaxdoodle.nn import LossLike, ModelSpec, SoftmaxCrossEntropy, model
from jaxdoodle.nn.fused import fuse
from jaxdoodle.training.hardware.settings import pinned
from jaxdoodle.training.steps.step import scale

__all__ = ["Evaluation", "evaluate", "predict", "score"]

#: Numbers of images that a program takes, filled up with blank ones: each more takes a second to compile.
SIZES = (64, 256, 1024)
#: Images whose logits are in memory together.
SCORED = 2**15


class Evaluation(NamedTuple):
    """How well a network does on a set of images. It prints as counts with a 95 % interval.

    Args:
      loss: The mean over the images; of ``evaluate`` and ``score`` without penalties.
      correct: Number of images that are classified correctly.
      total: Number of images.
    """

    loss: float
    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """The fraction of the images that the network classifies correctly; NaN without any image."""
        return self.correct / self.total if self.total else float("nan")

    def __str__(self) -> str:
        return format_accuracy(self.correct, self.total) if self.total else "no images"


@pinned
def evaluate(
    spec: ModelSpec,
    params: Sequence[Mapping[str, Any]],
    dataset: Dataset,
    loss: LossLike = SoftmaxCrossEntropy(),  # noqa: B008 - frozen
) -> Evaluation:
    """Score a network on a dataset, however large.

    Args:
      spec: The network.
      params: Its parameters, a dict per layer.
      dataset: Images and labels, in memory or on disk, with the divisor of their pixels.
      loss: What is averaged over the images.

    Returns:
      The mean loss, and the counts of correct answers and of all images.
    """
    total, correct = 0.0, 0
    for start in range(0, len(dataset), SCORED):
        part = slice(start, start + SCORED)
        outputs = logits_of(spec, params, dataset.images[part], dataset.preprocessing.divisor)
        found = score(outputs, dataset.labels[part], loss)
        total, correct = total + found.loss * (found.total / len(dataset)), correct + found.correct
    return Evaluation(total, correct, len(dataset))


def predict(spec: ModelSpec, params: Sequence[Mapping[str, Any]], dataset: Dataset) -> NDArray[np.float32]:
    """The logits of a network in evaluation mode.

    Args:
      spec: The network.
      params: Its parameters, a dict per layer.
      dataset: In memory, with the divisor of its pixels.

    Returns:
      float32 ``(n, classes)``.
    """
    return logits_of(spec, params, dataset.images, dataset.preprocessing.divisor)


@pinned
def logits_of(
    spec: ModelSpec, params: Sequence[Mapping[str, Any]], images: NDArray[Any], divisor: float
) -> NDArray[np.float32]:
    """The same for images ``(n, *spec.input_shape)`` as they are stored, whose pixels are divided by ``divisor``."""
    size = next((size for size in SIZES if len(images) <= size), SIZES[-1])
    padding = np.zeros((-len(images) % size, *images.shape[1:]), images.dtype)
    padded = np.concatenate([images, padding]) if len(padding) else images
    logits = [_apply(spec, params, padded[i : i + size], divisor) for i in range(0, len(padded), size)]
    return np.concatenate([np.asarray(chunk) for chunk in logits])[: len(images)]


@pinned
def score(logits: NDArray[np.float32], labels: NDArray[np.integer], loss: LossLike) -> Evaluation:
    """Score logits.

    Args:
      logits: float32 ``(n, classes)``.
      labels: Integers ``(n,)``.
      loss: What is averaged over the images.

    Returns:
      The mean loss, and the counts of correct answers and of all images.
    """
    value = _loss(loss, logits, np.asarray(labels, np.int32))
    return Evaluation(float(value), int((logits.argmax(axis=1) == labels).sum()), len(logits))


@jax.jit(static_argnums=(0, 3))
def _apply(spec: ModelSpec, params: Any, images: Array, divisor: float) -> Array:
    return model.forward(spec, params, scale(images, divisor), blocks=fuse(spec, jax.default_backend()))[0]


@jax.jit(static_argnums=0)
def _loss(loss: LossLike, logits: Array, labels: Array) -> Array:
    return loss.forward(logits, labels)[0]
