"""What a reader finds in a file or folder: labeled bitmaps, pictures or drawings in strokes, by split."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray

#: Broken items up to which a dataset is read, as a fraction, and how many of them are named.
MOST_BROKEN, NAMED = 0.05, 5
#: Words are classes where they have at most this power of their number of values: 10 of 100.
MOST_CLASSES = 0.5
#: Sides of bitmaps that networks take as they are; larger images are reduced like pictures.
SIDES = (8, 64)


class Broken:
    """The items of a dataset that cannot be read: left out, counted and named, or raised where that is not wanted."""

    def __init__(self, skip: bool = True) -> None:
        self.skip, self.texts = skip, list[str]()

    def __call__(self, error: InputError) -> None:
        if not self.skip:
            raise error
        self.texts.append(str(error))

    def settle(self, read: int) -> str:
        """One line on what was left out; "" for nothing. Raises ``InputError`` where that is more than 5 %."""
        if not self.texts:
            return ""
        first = "; ".join(text.rstrip(".") for text in self.texts[:NAMED])
        more = "; ..." * (len(self.texts) > NAMED)
        counts = f"{len(self.texts):,} of {read + len(self.texts):,}"
        if len(self.texts) > MOST_BROKEN * (read + len(self.texts)):
            share = f"{100 * MOST_BROKEN:.0f} %"
            raise InputError(f"{counts} drawings cannot be read, more than {share} (the first: {first}{more}).")
        return f"left out {counts} drawings that cannot be read: {first}{more}"


@dataclass(frozen=True)
class Wanted:
    """What is to be read: the options of ``load_dataset`` that readers need, and where they report what is broken."""

    classes: tuple[str, ...] | None = None
    per_class: int | None = None
    recognized_only: bool = False
    broken: Broken = field(default_factory=Broken)

    def takes(self, name: str, counts: dict[str, int], most: int | None) -> bool:
        """Whether one more drawing of a class is wanted; it is then counted."""
        if (self.classes is not None and name not in self.classes) or (most and counts.get(name, 0) >= most):
            return False
        counts[name] = counts.get(name, 0) + 1
        return True

    def of(self, part: Part, most: int | None) -> Part:
        """The items of the wanted classes, the first of each; before pictures are opened."""
        counts: dict[str, int] = {}
        rows = [row for row, name in enumerate(part.labels) if self.takes(name, counts, most)]
        if len(rows) == len(part.labels):
            return part
        items = part.items[rows] if isinstance(part.items, np.ndarray) else [part.items[row] for row in rows]
        return Part(items, [part.labels[row] for row in rows])


@dataclass
class Part:
    """The items of one split, with the class name of each: an array of images, pictures, or drawings in strokes."""

    items: Any
    labels: Sequence[str]


@dataclass
class Found:
    """All of a dataset. ``parts`` has "train" and may have "validation" and "test".

    ``kind``: what it is, in words. ``classes``: their order; ``None`` for the sorted names. ``strokes``: whether the
    items are drawings in strokes. ``left_out``: what was not read, a line each.
    """

    kind: str
    parts: Mapping[str, Part]
    classes: tuple[str, ...] | None = None
    strokes: bool = False
    left_out: list[str] = field(default_factory=list)


def as_images(array: NDArray[Any], source: str, column_major: bool = False) -> NDArray[Any]:
    """An array of images as (n, h, w, c): with or without channels, channels first, or flat.

    Raises ``InputError`` where no images have this shape.
    """
    if array.ndim == 3:
        return array[..., None]
    if array.ndim == 4:
        if array.shape[3] not in (1, 3, 4) and array.shape[1] in (1, 3):
            return np.moveaxis(array, 1, 3)
        if array.shape[3] in (1, 3, 4):
            return array
    if array.ndim == 2:
        for channels in (1, 3):
            side = math.isqrt(array.shape[1] // channels)
            if side * side * channels == array.shape[1] and side > 1:
                if channels == 3:
                    return _colors(array, side)
                images = array.reshape(-1, side, side)
                return (images.swapaxes(1, 2) if column_major else images)[..., None]
    expected = "(n, height, width), (n, height, width, 1 or 3), or flat and square"
    raise InputError(f"{source}: holds {array.dtype} {array.shape}; expected images {expected}.")


def _colors(array: NDArray[Any], side: int) -> NDArray[Any]:
    """Flat RGB images: plane by plane or pixel by pixel, whichever is smoother."""
    planes = np.moveaxis(array.reshape(-1, 3, side, side), 1, 3)
    pixels = array.reshape(-1, side, side, 3)
    rough = [float(np.abs(np.diff(x[:100].astype(np.float32), axis=2)).mean()) for x in (planes, pixels)]
    return planes if rough[0] <= rough[1] else pixels


def as_bytes(arrays: Sequence[NDArray[Any]], source: str) -> tuple[list[NDArray[np.uint8]], str]:
    """Pixels of any range as uint8 from 0 to 255, all arrays alike, and the range that they had ("" for 0 to 255)."""
    if any(array.dtype.kind not in "biuf" for array in arrays):
        raise InputError(f"{source}: holds {arrays[0].dtype}; expected the numbers of images.")
    if not min((array.size for array in arrays), default=0):
        raise InputError(f"{source}: holds no images, or none in a split.")
    _of_one_range(arrays, source)
    low, high = min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError(f"{source}: holds pixels that are no numbers (NaN or infinite).")
    floats = any(array.dtype.kind == "f" for array in arrays)
    if low >= 0 and all(array.dtype == np.uint8 for array in arrays) and high > 16:
        return [np.asarray(array) for array in arrays], ""
    if low >= 0 and high > 1:
        low, high = 0.0, float(next((top for top in (16, 255, 1023, 4095, 16383, 65535) if high <= top), high))
    elif floats and -0.5 <= low and high <= 1.5:  # resampled beyond its range here and there
        low, high = 0.0, 1.0
    elif floats and -1 <= low and high <= 1:
        low, high = -1.0, 1.0
    elif low >= 0:
        low, high = 0.0, 1.0
    scaled = [np.rint(np.clip((a.astype(np.float32) - low) * (255 / (high - low)), 0, 255)) for a in arrays]
    return [a.astype(np.uint8) for a in scaled], "" if (low, high) == (0, 255) else f"{low:g} to {high:g}"


def _of_one_range(arrays: Sequence[NDArray[Any]], source: str) -> None:
    """Raises ``InputError`` where some arrays hold fractions and others numbers above 1; blank ones are either."""
    tops = [(a.dtype.kind, a.max(initial=0)) for a in arrays if a.dtype.kind in "biuf"]
    if len({bool(kind in "fb" and top <= 1) for kind, top in tops if top > 0}) > 1:
        raise InputError(f"{source}: holds pixels up to 1 in some arrays and up to 255 in others; expected one range.")


def some_of(names: Iterable[Any]) -> str:
    """The first names, as a message shows them: ``a, b, c, d, e, ...``."""
    listed = list(map(str, names))
    return ", ".join(listed[:NAMED]) + ", ..." * (len(listed) > NAMED)


def column_of(values: Sequence[Any]) -> NDArray[Any]:
    """Values as an array of numbers where they are, of any axes, else as one of objects.

    Raises ``ValueError`` at lists of numbers that differ in length.
    """
    if values and isinstance(values[0], int | float | bool | list | tuple | np.ndarray | np.generic):
        with suppress(ValueError) if isinstance(values[0], np.ndarray) else nullcontext():
            array = np.array(values)
            if array.dtype.kind in "biuf":
                return array
    column = np.empty(len(values), object)
    for row, value in enumerate(values):
        column[row] = value
    return column


def bytes_of_each(rows: Iterable[Any], source: str) -> list[NDArray[np.uint8]]:
    """Images of numbers in any range as bytes: all at once where their shapes are alike, else each by itself."""
    try:
        arrays = [np.array(row) for row in rows]
    except ValueError:
        raise InputError(
            f"{source}: holds rows of several lengths in one image; expected the numbers of images."
        ) from None
    _of_one_range(arrays, source)
    blocks = [np.stack(arrays)] if len({array.shape for array in arrays}) == 1 else [array[None] for array in arrays]
    images, _ = as_bytes([as_images(block, source) for block in blocks], source)
    return [image for block in images for image in block]


def found_arrays(
    kind: str,
    pairs: Mapping[str, tuple[NDArray[Any], Sequence[str]]],
    source: str,
    wanted: Wanted,
    column_major: bool = False,
) -> Found:
    """Arrays of images with the class names of each, by split; those with a pixel that is no number are left out."""
    images = {split: as_images(array, source, column_major) for split, (array, _) in pairs.items()}
    kept = {}
    for split, (_, labels) in pairs.items():
        if len(labels) != len(array := images[split]):
            raise InputError(f"{source}: {len(labels):,} labels for {len(array):,} {split} images.")
        if min(array.shape[1:3]) < SIDES[0]:
            found = f"{array.shape[1]} x {array.shape[2]}"
            raise InputError(f"{source}: images of {found}; expected {SIDES[0]} pixels a side or more.")
        numbers = np.ones(len(array), bool)
        if array.dtype.kind == "f":
            numbers = np.isfinite(array).all(axis=(1, 2, 3))
            for row in np.flatnonzero(~numbers):
                wanted.broken(InputError(f"{source}: {split} image {row}: a pixel is NaN or infinite."))
        kept[split] = [label for label, good in zip(labels, numbers, strict=True) if good]
        images[split] = array if numbers.all() else array[numbers]
    pixels, scale = as_bytes(list(images.values()), source)
    kind += f", pixels from {scale}" if scale else ""
    return Found(kind, {split: Part(array, kept[split]) for split, array in zip(images, pixels, strict=True)})
