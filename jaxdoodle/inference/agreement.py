"""Whether ``Model.predict`` on raw images is as accurate as the network on them: a check of preprocessing."""

from __future__ import annotations

from collections import Counter

import numpy as np

from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.rows import spread
from jaxdoodle.core.types import NDArray
from jaxdoodle.inference.model import Model, Prediction

#: Images of a set that are compared, evenly spread: each takes about a millisecond.
COMPARED = 500
#: Largest difference of the two accuracies, as a fraction.
TOLERANCE = 0.005


@frozen
class Agreement:
    """How many of the same images are classified correctly in two ways.

    Attributes:
      by_logits: From the images as they are.
      by_predict: By ``Model.predict``, whether it abstains or not.
      total: The number of images.
      stage: The preprocessing step that changes most of the images which only the first way has right; "" for none.
    """

    by_logits: int
    by_predict: int
    total: int
    stage: str

    @property
    def agrees(self) -> bool:
        """Whether the two accuracies differ by no more than ``TOLERANCE``, or by a single image."""
        return abs(self.by_logits - self.by_predict) <= max(TOLERANCE * self.total, 1)

    def __str__(self) -> str:
        counts = f"{self.by_predict:,} of {self.total:,} right by Model.predict, {self.by_logits:,} by the logits"
        return counts + (f"; what differs most is the {self.stage}" if self.stage else "")


def compare(model: Model, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> Agreement:
    """Compare predictions of raw images with those of the network alone.

    Args:
      model: The model.
      images: uint8 ``(n, height, width, channels)``, as it was trained on, n at least 1.
      labels: ``(n,)``, indices into the model's classes.

    Returns:
      The counts, of ``COMPARED`` images at most.
    """
    rows = spread(len(images), COMPARED)
    images, labels = np.asarray(images[rows]), np.asarray(labels)[rows]
    direct = model.logits(images).argmax(axis=1) == labels
    found = model.predict_all(list(images))
    names = [model.classes[label] for label in labels]
    predicted = np.array([one.label == name for one, name in zip(found, names, strict=True)])
    stages = Counter(_stage(images[row], found[row]) for row in np.flatnonzero(direct & ~predicted))
    stage = stages.most_common(1)[0][0] if stages else ""
    return Agreement(int(direct.sum()), int(predicted.sum()), len(rows), stage)


def _stage(image: NDArray[np.uint8], found: Prediction) -> str:
    """The step that made the bitmap differ from the image."""
    made = found.preprocessed
    if made is None:
        return f"rejection ({found.reason})"
    before, after = image.astype(np.float32).ravel(), made.bitmap.astype(np.float32).ravel()
    before, after = before - before.mean(), after - after.mean()
    if float(before @ after) < 0:
        return "separation of ink and background"
    if made.widened:
        return "stroke width"
    return "size or place of the ink" if abs(made.scale - 1) > 0.01 else "scale of the pixels, or their place"
