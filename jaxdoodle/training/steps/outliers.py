"""Outliers: what is shown beside the drawings of a step as of no class, drawn anew at every step, on the device.

They come from generated drawings and, where there are some, from drawings of other classes, each turned or mirrored.
Half of them are shown so, the others mixed: laid over a drawing of the step, or half of one and half of another.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from jaxdoodle.core.lazy import jax, jnp
from jaxdoodle.core.types import Array, NDArray
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.data.synthetic.outliers import generate_outliers
from jaxdoodle.preprocessing.config import POLARITIES, Preprocessing

__all__ = ["GENERATED", "are_rings", "collect", "join"]

#: Number of generated drawings: they take two seconds and 3.2 MB, and each is shown in eight ways.
GENERATED = 4_096
#: Classes that are one round line, which is no outlier beside them.
RINGS = {"0", "O", "o", "zero", "circle"}
#: Directions in which the line of a ring is looked for; most that its distance differs between and within them.
DIRECTIONS, UNEVEN, WIDE = 24, 0.1, 0.25
#: Which fraction is laid over a drawing, and which is halves of two.
OVER, HALVES = 0.25, 0.25
#: Pixels by which the line between two halves may pass the middle.
OFF_CENTER = 4.0


def collect(train: Dataset, seed: int, others: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """What outliers are made of.

    Args:
      train: The training set: its preprocessing, and its classes, which are not among them.
      seed: Of the generated ones.
      others: uint8 ``(m, *image_shape)``, drawings of other classes.

    Returns:
      uint8 ``(n, *image_shape)``.
    """
    rng = np.random.default_rng((seed, 1))  # another one than that of the order of the images
    found = generate_outliers(train.preprocessing, GENERATED, rng, classes=train.classes)
    if others is not None:
        found = np.concatenate([found, others])
    return found[~are_rings(found, train.preprocessing)] if RINGS & set(train.classes) else found


def are_rings(images: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.bool_]:
    """Of each image ``(n, height, width, channels)``, whether it shows one closed line about as round as an ellipse.

    Brought to a mean of 0 and a covariance of 1, its ink is as far from the middle in all directions.
    """
    light_ink = preprocessing.polarity == POLARITIES[0]
    found = np.zeros(len(images), bool)
    for index, image in enumerate(images):
        ink = (image.mean(axis=2) > 127.5) == light_ink
        y, x = np.nonzero(ink)
        if len(x) < DIRECTIONS or ink[round(y.mean()), round(x.mean())]:
            continue
        points = np.stack([x - x.mean(), y - y.mean()])
        values, vectors = np.linalg.eigh(points @ points.T / len(x))
        across, along = (vectors.T @ points) / np.sqrt(np.maximum(values, 0.1))[:, None]
        distance = np.hypot(across, along)
        direction = ((np.arctan2(across, along) / (2 * np.pi) % 1) * DIRECTIONS).astype(int) % DIRECTIONS
        counts = np.bincount(direction, minlength=DIRECTIONS)
        mean = np.bincount(direction, distance, DIRECTIONS) / np.maximum(counts, 1)
        spread = np.sqrt(np.mean((distance - mean[direction]) ** 2))
        found[index] = counts.all() and mean.std() < UNEVEN * mean.mean() and spread < WIDE * mean.mean()
    return found


def join(train: Dataset, share: float) -> Any:
    """A function that puts outliers behind the images of a step.

    Args:
      train: The training set: the polarity of its images.
      share: How many outliers there are for each image.

    Returns:
      ``join(key, images, outliers) -> images``: ``(batch, *image_shape)``, and outliers as ``collect`` gives them, to
      ``(batch + ceil(share * batch), *image_shape)``.
    """
    over = "maximum" if train.preprocessing.polarity == POLARITIES[0] else "minimum"

    def joined(key: Array, images: Array, outliers: Array) -> Array:
        count = math.ceil(share * len(images))
        rows_key, turn_key, mix_key = jax.random.split(key, 3)
        rows = jax.random.randint(rows_key, (2, count), 0, len(outliers))
        a, b = _turn(turn_key, outliers[rows].astype(images.dtype), train.preprocessing)
        own = jnp.resize(images, a.shape)
        kind, angle, place = jax.random.uniform(mix_key, (3, count, 1, 1, 1), jnp.float32)
        y, x = (jnp.arange(size, dtype=jnp.float32) - (size - 1) / 2 for size in images.shape[1:3])
        direction = 2 * math.pi * angle
        across = jnp.cos(direction) * x[None, None, :, None] + jnp.sin(direction) * y[None, :, None, None]
        first = across > OFF_CENTER * (2 * place - 1)
        halves = jnp.where((kind > 1 - HALVES) & first, b, a)
        return jnp.concatenate([images, jnp.where(kind < OVER, getattr(jnp, over)(a, own), halves)])

    return joined


def _turn(key: Array, images: Array, preprocessing: Preprocessing) -> Array:
    """Each of the images ``(..., height, width, channels)`` mirrored or not, in one of its eight symmetries.

    Its center stays where drawings have it: else its place would tell that it is an outlier.
    """
    size = images.shape[-3:-1]
    choice = jax.random.bernoulli(key, shape=(3, *images.shape[:-3], 1, 1, 1))
    for axis, center, chosen in zip((-3, -2), preprocessing.center, choice[:2], strict=True):
        shift = round(2 * center) - (images.shape[axis] - 1)
        images = jnp.where(chosen, jnp.roll(jnp.flip(images, axis), shift, axis), images)
    return jnp.where(choice[2], images.swapaxes(-3, -2), images) if size[0] == size[1] else images
