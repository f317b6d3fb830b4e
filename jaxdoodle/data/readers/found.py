"""What a reader finds in a file or folder: labeled bitmaps, pictures or drawings in strokes, by split."""

from __future__ import annotations

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
    items are drawings in strokes. ``left_out``: what was not read, a line each. ``flat_axes``: of flat arrays, as in
    ``Preprocessing``; ``None`` of others.
    """

    kind: str
    parts: Mapping[str, Part]
    classes: tuple[str, ...] | None = None
    strokes: bool = False
    left_out: list[str] = field(default_factory=list)
    flat_axes: str | None = None


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
