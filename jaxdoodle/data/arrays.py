"""Images and labels that a program holds, in the form that a dataset keeps them in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.config import FLAT_AXES
from jaxdoodle.preprocessing.inputs.values import from_flat

#: What a dataset calls full ink.
WHITE = 255


def as_array(images: Any, name: str) -> NDArray[Any]:
    """Images as one array. Raises ``InputError`` where they differ in shape."""
    try:
        return np.asarray(images)
    except ValueError:
        raise InputError(f"{name}: images differ in shape; expected one shape.") from None


def as_images(images: NDArray[Any], white: float | None, name: str, flat_axes: str | None = None) -> NDArray[Any]:
    """uint8 or float32 ``(n, height, width, channels)`` on a scale where full ink is 255.

    Args:
      images: As for ``in_axes``; numbers or bools.
      white: The value of full ink. ``None``: 255 for bytes; of other numbers 1 where none is larger, 255 where the
        largest is from 128 to 255, else the largest.
      name: Of the dataset, for messages.
      flat_axes: As for ``in_axes``.

    Raises:
      InputError: The shape is another one, or a value is negative, above ``white`` or not finite.
    """
    array = in_axes(images, name, flat_axes)
    if array.dtype.kind not in "buif":
        raise InputError(f"{name}: images are {array.dtype}; expected numbers.")
    if array.dtype == np.uint8 and white in (None, WHITE):
        return array
    least, most = (float(array.min()), float(array.max())) if array.size else (0.0, 1.0)
    if white is None:
        white = 1 if most <= 1 else WHITE if 128 <= most <= WHITE else most
    if not (math.isfinite(most) and 0 <= least <= most <= white):
        hint = "" if least >= 0 or not math.isfinite(most) else "; of standardized pixels, give images * std + mean"
        raise InputError(f"{name}: pixels are {least:g} to {most:g}; expected 0 to {white:g}, which is full ink{hint}.")
    scaled = array.astype(np.float64) * (WHITE / white)
    whole = array.dtype.kind != "f" and np.array_equal(scaled, np.rint(scaled))
    whole = whole or (white == WHITE and np.array_equal(array, np.rint(array)))
    return scaled.astype(np.uint8 if whole else np.float32)


def in_axes(array: NDArray[Any], source: str, flat_axes: str | None = None) -> NDArray[Any]:
    """An array of images as (n, h, w, c): with or without channels, channels first, or flat.

    ``flat_axes``: of flat ones, as in ``Preprocessing``; ``None``: as ``flat_axes_of`` says.

    Raises ``InputError`` where no images have this shape.
    """
    if array.ndim == 3:
        return array[..., None]
    if array.ndim == 4:
        if array.shape[3] not in (1, 3, 4) and array.shape[1] in (1, 3):
            return np.moveaxis(array, 1, 3)
        if array.shape[3] in (1, 3, 4):
            return array
    if array.ndim == 2 and (shape := _square(array.shape[1])):
        return from_flat(array, shape, flat_axes or flat_axes_of(array) or FLAT_AXES[0])
    expected = "(n, height, width), (n, height, width, 1 or 3), or flat and square"
    raise InputError(f"{source}: holds {array.dtype} {array.shape}; expected images {expected}.")


def flat_axes_of(array: NDArray[Any], column_major: bool = False) -> str | None:
    """The axes of flat images, as in ``Preprocessing``: of those in colors the order in which they are smoother.

    ``column_major``: whether gray ones go column by column. ``None`` for images that are not flat.
    """
    shape = _square(array.shape[1]) if array.ndim == 2 else None
    if not shape:
        return None
    if shape[2] == 1:
        return "whc" if column_major else "hwc"
    some = array[:100].astype(np.float32)
    rough = {axes: float(np.abs(np.diff(from_flat(some, shape, axes), axis=2)).mean()) for axes in ("chw", "hwc")}
    return min(rough, key=rough.__getitem__)


def _square(size: int) -> tuple[int, int, int] | None:
    """The shape of a square image of so many numbers."""
    sides = ((math.isqrt(size // channels), channels) for channels in (1, 3))
    return next(((side, side, n) for side, n in sides if side * side * n == size and side > 1), None)


def as_labels(labels: Any, classes: Sequence[str] | None, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Labels int32 ``(n,)`` and the names of the classes.

    Args:
      labels: Integers ``(n,)`` or ``(n, 1)``, one-hot rows ``(n, classes)``, or class names.
      classes: The class names in the order of the labels; ``None``: of names, all that occur, sorted; of integers, the
        numbers as text.
      name: Of the dataset, for messages.

    Raises:
      InputError: They are none of these, or a name is not among the classes.
    """
    array = np.asarray(labels)
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and all(isinstance(one, str) for one in array.ravel())):
        given = array.astype(str).ravel().tolist()
        classes = tuple(sorted(set(given))) if classes is None else tuple(classes)
        if unknown := sorted(set(given) - set(classes)):
            raise InputError(f"{name}: label {unknown[0]!r} is not among the classes {', '.join(classes)}.")
        number = {one: index for index, one in enumerate(classes)}
        return np.array([number[one] for one in given], np.int32), classes
    if array.dtype.kind not in "buif" or array.ndim not in (1, 2) or (array != np.rint(array)).any():
        expected = "integers (n,), one-hot rows (n, classes), or class names"
        raise InputError(f"{name}: labels are {array.dtype} of shape {array.shape}; expected {expected}.")
    count = len(classes or ())
    if array.ndim == 2 and array.shape[1] > 1:
        if ((array != 0) & (array != 1)).any() or (array.sum(axis=1) != 1).any():
            raise InputError(f"{name}: a row of the labels is not one-hot; expected one 1, the rest 0.")
        count, array = max(count, array.shape[1]), array.argmax(axis=1)
    array = array.astype(np.int32).ravel()
    count = count or int(array.max(initial=0)) + 1
    return array, tuple(map(str, range(count))) if classes is None else tuple(classes)
