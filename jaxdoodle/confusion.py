"""Which class is taken for which, as integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def class_counts(labels: ArrayLike, class_count: int) -> np.ndarray:
    """How many images each class has: ``(n,)`` integers below ``class_count`` -> ``(class_count,)`` int64."""
    return np.bincount(_class_indices("labels", labels, class_count), minlength=class_count)


def confusion_counts(labels: ArrayLike, predicted: ArrayLike, class_count: int) -> np.ndarray:
    """``[i, j]`` counts the images of class i that were taken for class j; ``(class_count, class_count)`` int64.

    ``labels`` and ``predicted`` are ``(n,)`` integers below ``class_count``; ``ValueError`` otherwise.
    """
    labels = _class_indices("labels", labels, class_count)
    predicted = _class_indices("predicted", predicted, class_count)
    if labels.shape != predicted.shape:
        raise ValueError(f"one prediction per label; got {len(labels)} labels and {len(predicted)} predictions.")
    return np.bincount(labels * class_count + predicted, minlength=class_count**2).reshape(class_count, class_count)


def most_confused(matrix: np.ndarray, limit: int) -> list[tuple[int, int, int]]:
    """The ``limit`` most frequent mistakes as ``(class, taken for, count)``, most frequent first."""
    mistakes = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:limit]
    pairs = zip(*np.unravel_index(order, matrix.shape), strict=True)
    return [(int(i), int(j), int(mistakes[i, j])) for i, j in pairs if mistakes[i, j]]


def _class_indices(name: str, values: ArrayLike, class_count: int) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} is one integer per image; got {values.dtype} of shape {values.shape}.")
    if values.size and not 0 <= values.min() <= values.max() < class_count:
        raise ValueError(f"{name} are below the {class_count} classes; got {values.min()} to {values.max()}.")
    return values.astype(np.int64)
