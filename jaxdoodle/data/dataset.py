"""Labelled drawings, and the sides they are split into."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.bitmaps import IMAGE_SHAPE, Bitmaps, digests_of
from jaxdoodle.preprocessing.config import Preprocessing

SIDES = ("train", "validation", "test")
#: Drawings that stand for a set on disk where all would be too many; a score on them is known to 0.5 points.
SAMPLE = 2**15


@dataclass(frozen=True, eq=False)
class Dataset:
    """Drawings with their classes.

    ``images`` is uint8 ``(n, 28, 28, 1)``, white ink (255) on black: an array, or ``Bitmaps`` on disk, of which one
    reads what it indexes. ``labels`` is int32 ``(n,)``, places in ``classes``. Raises ``InputError`` where these do
    not fit together. No drawings at all (n = 0) is a dataset.
    """

    name: str
    images: Any
    labels: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self):
        object.__setattr__(self, "classes", tuple(self.classes))
        for what, array, dtype, shape in (
            ("images", self.images, np.uint8, (len(self.images), *IMAGE_SHAPE)),
            ("labels", self.labels, np.int32, (len(self.images),)),
        ):
            if array.dtype != dtype or array.shape != shape:
                expected = f"{np.dtype(dtype)} {shape}"
                raise InputError(f"{self.name}: {what} are {array.dtype} {array.shape}; expected {expected}.")
        if not self.classes or len(set(self.classes)) != len(self.classes) or not all(self.classes):
            raise InputError(f"{self.name}: classes are one or more names that differ; found {self.classes}.")
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= len(self.classes)))
        if wrong.size:
            raise InputError(
                f"{self.name}: labels[{wrong[0]}] is {self.labels[wrong[0]]}; "
                f"expected 0 to {len(self.classes) - 1} for {len(self.classes)} classes."
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> np.ndarray:
        """Drawings of each class, integers in the order of ``classes``."""
        return np.bincount(self.labels, minlength=len(self.classes))

    @property
    def places(self) -> np.ndarray:
        """For each drawing, how many of its class come before it: ``places < n`` are the first n of each class."""
        order = np.argsort(self.labels, kind="stable")
        starts = np.cumsum(self.counts) - self.counts
        places = np.empty(len(self), np.int64)
        places[order] = np.arange(len(self)) - starts[self.labels[order]]
        return places

    @property
    def digests(self) -> np.ndarray:
        """A 64-bit hash of each drawing's bytes, uint64 ``(n,)``: equal for equal drawings, the same everywhere."""
        return self.images.digests() if isinstance(self.images, Bitmaps) else self._digests

    @cached_property
    def _digests(self) -> np.ndarray:
        return digests_of(self.images)

    def take(self, rows: np.ndarray) -> Dataset:
        """The drawings at ``rows``, which are integers or a mask. What is on disk stays there."""
        images = self.images.take(rows) if isinstance(self.images, Bitmaps) else self.images[rows]
        return Dataset(self.name, images, self.labels[rows], self.classes)

    def in_memory(self, most: int = SAMPLE) -> Dataset:
        """Itself; of what is on disk, at most ``most`` drawings, evenly spread."""
        if not isinstance(self.images, Bitmaps):
            return self
        rows = np.unique(np.linspace(0, len(self) - 1, min(most, len(self))).astype(np.int64))
        return Dataset(self.name, self.images[rows], self.labels[rows], self.classes)

    def select(self, classes: Sequence[str]) -> Dataset:
        """The drawings of ``classes`` alone, labelled by their place there."""
        if tuple(classes) == self.classes:
            return self
        labels = np.full(len(self.classes), -1, np.int32)
        for place, name in enumerate(classes):
            labels[self.classes.index(name)] = place
        relabelled = labels[self.labels]
        kept = self.take(relabelled >= 0)
        return Dataset(self.name, kept.images, labels[kept.labels], tuple(classes))


@dataclass(frozen=True, eq=False)
class Splits:
    """One dataset on three sides: learn from ``train``, choose by ``validation``, touch ``test`` once.

    ``contract`` says how the images were prepared; ``extra_tests`` are further test sets by name.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    preprocessing: Preprocessing
    extra_tests: Mapping[str, Dataset] = field(default_factory=dict)

    def __post_init__(self):
        for side in (self.validation, self.test, *self.extra_tests.values()):
            if side.classes != self.train.classes:
                raise InputError(f"{self.name}: all sides have the same classes; {self.train.classes}, {side.classes}.")

    @property
    def sets(self) -> dict[str, Dataset]:
        """Every set by name: the three sides, then the further test sets."""
        return {side: getattr(self, side) for side in SIDES} | dict(self.extra_tests)

    def in_memory(self) -> Splits:
        """The same sides, of what is on disk a sample: to be scored, examined and shown."""
        if not any(isinstance(data.images, Bitmaps) for data in self.sets.values()):
            return self
        sets = {name: data.in_memory() for name, data in self.sets.items()}
        extra = {name: sets[name] for name in self.extra_tests}
        return Splits(sets["train"], sets["validation"], sets["test"], self.preprocessing, extra)

    @property
    def name(self) -> str:
        return self.train.name

    @property
    def classes(self) -> tuple[str, ...]:
        return self.train.classes

    @cached_property
    def overlaps(self) -> dict[tuple[str, str], int]:
        """Exact duplicates: ``(a, b)`` counts drawings of b that are also in a, ``(a, a)`` repeats within a."""
        within, across = {}, {}
        for place, a in enumerate(SIDES):
            known = np.sort(self.sets[a].digests)
            within[a, a] = int((known[1:] == known[:-1]).sum())
            for b in SIDES[place + 1 :]:
                across[a, b] = _count_known(self.sets[b].digests, known)
        return within | across

    @property
    def overlap_text(self) -> str:
        """One line on the duplicates."""
        found = [
            f"{count:,} of {len(self.sets[b]):,} {b} drawings " + (f"are also in {a}" if a != b else "are repeats")
            for (a, b), count in self.overlaps.items()
            if count
        ]
        return "; ".join(found) or "no drawing occurs twice"

    @property
    def summary(self) -> str:
        """One line: sizes, classes, duplicates, and classes that a side lacks."""
        sizes = ", ".join(f"{len(self.sets[side]):,} {side}" for side in SIDES)
        text = f"{self.name}: {sizes} drawings in {len(self.classes)} classes; {self.overlap_text}"
        for side in ("train", "test"):
            counts = self.sets[side].counts
            if lacking := [name for name, count in zip(self.classes, counts, strict=True) if not count]:
                text += f"; no {side} drawing of {', '.join(lacking)}"
        return text


def choose_classes(
    wanted: Sequence[str] | None, available: Sequence[str], absent: Callable[[str], str]
) -> tuple[str, ...]:
    """``wanted`` in the caller's order; ``None``: all that are ``available``.

    Raises ``InputError`` at a name that is not there: ``absent(name)`` says what was looked for, the rest of the
    line what comes near.
    """
    if wanted is None:
        return tuple(available)
    for place, name in enumerate(wanted):
        if name not in available:
            near = difflib.get_close_matches(name, available)
            known = f"did you mean {' or '.join(near)}?" if near else f"expected one of {_listing(available)}."
            raise InputError(f"{absent(name)}; {known}")
        if name in wanted[:place]:
            raise InputError(f"class {name!r} is asked for twice; expected each class once.")
    return tuple(wanted)


def read_names(path: Path) -> tuple[str, ...]:
    """The lines of a list of class names. Raises ``InputError`` where one is blank or occurs twice."""
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise InputError(f"{path}: cannot be read; {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text; expected a class name a line.") from None
    if not names:
        raise InputError(f"{path}: is empty; expected a class name a line.")
    for number, name in enumerate(names, start=1):
        if not name or name in names[: number - 1]:
            fault = f"{name!r} for the second time" if name else "a blank line"
            raise InputError(f"{path}: line {number}: {fault}; expected a class name a line, each once.")
    return tuple(names)


def _count_known(digests: np.ndarray, known: np.ndarray) -> int:
    """How many are among those ``known``, which are sorted. Unlike ``np.isin``, without a copy of both."""
    if not len(known):
        return 0
    places = np.searchsorted(known, digests)
    return int((known[np.minimum(places, len(known) - 1)] == digests).sum())


def _listing(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")
