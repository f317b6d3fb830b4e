"""Doodles generated from a seed, in the style of Quick, Draw!: training data without a download.

``generators`` composes a drawing from a few strokes, in one of the ways in which people draw its class in twenty
seconds; ``stroke_noise`` has the strokes, and distorts them as people do when they draw quickly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.dataset import Dataset, choose_classes
from jaxdoodle.data.synthetic.generators import GENERATORS
from jaxdoodle.data.synthetic.stroke_noise import SimplifiedStrokes, add_stroke_noise
from jaxdoodle.strokes.raster import rasterize

__all__ = ["CLASSES", "generate", "generate_doodles", "generate_drawing"]

#: The five classes of "Doodle Classifier" (Bilal Ahmad), then others; all are Quick, Draw! categories.
CLASSES = tuple(GENERATORS)
#: Drawings of each class in a generated dataset, unless another number is asked for.
PER_CLASS = 1_000


def generate(name: str, count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Generate bitmaps of a class.

    Args:
      name: One of ``CLASSES``.
      count: Number of bitmaps.
      rng: Source of randomness.

    Returns:
      Bitmaps, uint8 ``(count, 28, 28)``, white ink (255) on black.

    Raises:
      InputError: The class is unknown.
    """
    return rasterize(_generate_strokes(name, count, rng))


def generate_drawing(name: str, rng: np.random.Generator) -> list[tuple[list[int], list[int]]]:
    """Generate one drawing of a class.

    Args:
      name: One of ``CLASSES``.
      rng: Source of randomness.

    Returns:
      Simplified strokes: x and y of the points of each, integers from 0 to 255.

    Raises:
      InputError: The class is unknown.
    """
    return [(x.astype(int).tolist(), y.astype(int).tolist()) for x, y in _generate_strokes(name, 1, rng)[0]]


def generate_doodles(classes: Sequence[str] | None = None, per_class: int = PER_CLASS, seed: int = 0) -> Dataset:
    """Generate a dataset. The drawings of a class depend on its name and ``seed``, not on the other classes.

    Args:
      classes: Some of ``CLASSES``, in the order of the labels; ``None`` for all.
      per_class: Number of drawings of each class.
      seed: Seed of the drawings.

    Returns:
      The dataset ``doodles`` of ``len(classes) * per_class`` drawings, class by class.

    Raises:
      InputError: A class is unknown, or named twice.
    """
    classes = choose_classes(classes, CLASSES, lambda name: f"doodles: no class {name!r}")
    images = [generate(name, per_class, np.random.default_rng([seed, *name.encode()])) for name in classes]
    labels = np.repeat(np.arange(len(classes), dtype=np.int32), per_class)
    return Dataset("doodles", np.concatenate(images)[..., None], labels, classes)


def _generate_strokes(name: str, count: int, rng: np.random.Generator) -> list[SimplifiedStrokes]:
    if name not in GENERATORS:
        raise InputError(f"there are no embedded doodles of {name!r}, only of {', '.join(CLASSES)}.")
    return add_stroke_noise([GENERATORS[name](rng) for _ in range(count)], rng)
