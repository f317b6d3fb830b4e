"""Labeled drawings, and their splits: train, validation and test."""

from __future__ import annotations

import difflib
import hashlib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.core.rows import spread
from jaxdoodle.core.types import NDArray
from jaxdoodle.data import notebook
from jaxdoodle.data.arrays import as_array, as_images, as_labels, flat_axes_of
from jaxdoodle.data.bitmaps import Bitmaps, digests_of
from jaxdoodle.preprocessing.config import FLAT_AXES, Preprocessing

SPLIT_NAMES = ("train", "validation", "test")
#: Drawings in a sample of a dataset on disk. The standard error of an accuracy on them is below 0.3 points.
SAMPLE = 2**15


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Drawings with their labels.

    Args:
      name: Name of the dataset.
      images: uint8 or float32 ``(n, height, width, channels)``, 1 channel or 3, white ink (255) on black, n may be 0.
        Of a dataset larger than 256 MiB these are ``Bitmaps``, which stay on disk: index them to read some, or use
        ``in_memory`` for a sample.
      labels: int32 ``(n,)``, indices into ``classes``.
      classes: The class names; they differ.
      preprocessing: How the images were made from drawings; its divisor is what training and scores divide pixels by.

    Raises:
      InputError: A dtype, a shape, a label or a class name is not as above.
    """

    name: str
    images: NDArray[Any]
    labels: NDArray[np.int32]
    classes: tuple[str, ...]
    preprocessing: Preprocessing = Preprocessing()

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        images, labels = self.images, self.labels
        if images.dtype not in (np.uint8, np.float32) or len(images.shape) != 4 or images.shape[3] not in (1, 3):
            expected = "uint8 or float32 (n, height, width, channels) with 1 or 3 channels"
            raise InputError(f"{self.name}: images are {images.dtype} {images.shape}; expected {expected}.")
        if labels.dtype != np.int32 or labels.shape != (len(images),):
            expected = f"int32 {(len(images),)}"
            raise InputError(f"{self.name}: labels are {labels.dtype} {labels.shape}; expected {expected}.")
        if not self.classes or len(set(self.classes)) != len(self.classes) or not all(self.classes):
            raise InputError(f"{self.name}: classes are one or more names that differ; found {self.classes}.")
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= len(self.classes)))
        if wrong.size:
            raise InputError(
                f"{self.name}: labels[{wrong[0]}] is {self.labels[wrong[0]]}; "
                f"expected 0 to {len(self.classes) - 1} for {len(self.classes)} classes."
            )

    @classmethod
    def from_arrays(
        cls,
        images: Any,
        labels: Any,
        classes: Sequence[str] | None = None,
        *,
        name: str = "arrays",
        white: float | None = None,
        preprocessing: Preprocessing | None = None,
    ) -> Dataset:
        """Make a dataset of what a program holds.

        Args:
          images: Numbers ``(n, height, width)`` or with 1 or 3 channels after or before height and width, or rows of
            square images: an array or a sequence of arrays.
          labels: Integers ``(n,)``, one-hot rows ``(n, classes)``, or class names.
          classes: The class names in the order of the labels; ``None``: the names that occur, sorted, or the numbers.
          name: Of the dataset.
          white: The value of full ink. ``None``: 255 for bytes; of other numbers 1 where none is larger, 255 where the
            largest is from 128 to 255, else the largest.
          preprocessing: How the images were made, where that is known. Rows are read by its ``flat_axes``, if it is
            not the default, else in the order in which colors are smoother.

        Returns:
          The dataset, on a scale where full ink is 255: whole numbers as uint8, others as float32.

        Raises:
          InputError: Images or labels are none of these, or their numbers differ.
        """
        expected, array = preprocessing or Preprocessing(), as_array(images, name)
        flat_axes = expected.flat_axes if expected.flat_axes != FLAT_AXES[0] else flat_axes_of(array)
        array = as_images(array, white, name, flat_axes)
        numbers, names = as_labels(labels, classes, name)
        if len(array) != len(numbers):
            raise InputError(f"{name}: there are {len(array):,} images and {len(numbers):,} labels; expected as many.")
        return cls(name, array, numbers, names, replace(expected, flat_axes=flat_axes or expected.flat_axes))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        stored = " on disk" * isinstance(self.images, Bitmaps)
        return f"Dataset({self.name}: {len(self):,} drawings in {len(self.classes)} classes{stored})"

    def _repr_html_(self) -> str:
        return notebook.class_table(repr(self), self.classes, {"drawings": self.counts}, self._examples)

    def _examples(self, label: int) -> NDArray[np.uint8]:
        """The first drawings of a class."""
        return self.images[np.flatnonzero(self.labels == label)[: notebook.DRAWINGS]]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of drawings of each class, ``(classes,)``."""
        return np.bincount(self.labels, minlength=len(self.classes))

    @property
    def absent_classes(self) -> tuple[str, ...]:
        """The classes without a drawing."""
        return tuple(name for name, count in zip(self.classes, self.counts, strict=True) if not count)

    @property
    def index_in_class(self) -> NDArray[np.int64]:
        """For each drawing, how many of its class come before it, ``(n,)``: below k for the first k of each class."""
        order = np.argsort(self.labels, kind="stable")
        starts = np.cumsum(self.counts) - self.counts
        index = np.empty(len(self), np.int64)
        index[order] = np.arange(len(self)) - starts[self.labels[order]]
        return index

    @property
    def digests(self) -> NDArray[np.uint64]:
        """A 64-bit hash of each drawing's bytes, ``(n,)``, the same on every machine."""
        return self.images.digests() if isinstance(self.images, Bitmaps) else self._digests

    @property
    def digest(self) -> str:
        """A hash of drawings, labels and classes in their order, 32 hexadecimal digits, the same on every machine."""
        found = hashlib.blake2b(digest_size=16)
        for part in (self.digests.astype("<u8"), self.labels.astype("<i4")):
            found.update(part.tobytes())
        found.update("\0".join(self.classes).encode())
        return found.hexdigest()

    @cached_property
    def _digests(self) -> NDArray[np.uint64]:
        return digests_of(self.images)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Dataset:
        """The drawings at ``rows``, indices or a mask. Those on disk are not read."""
        images = self.images.take(rows) if isinstance(self.images, Bitmaps) else self.images[rows]
        return replace(self, images=images, labels=self.labels[rows])

    def in_memory(self, most: int = SAMPLE) -> Dataset:
        """The dataset itself; where it is on disk, a sample of at most ``most`` drawings, evenly spread, read."""
        if not isinstance(self.images, Bitmaps):
            return self
        rows = spread(len(self), most)
        return replace(self, images=self.images[rows], labels=self.labels[rows])

    def select(self, classes: Sequence[str]) -> Dataset:
        """The drawings of ``classes`` alone, with labels that are indices into these."""
        if tuple(classes) == self.classes:
            return self
        labels = np.full(len(self.classes), -1, np.int32)
        for label, name in enumerate(classes):
            labels[self.classes.index(name)] = label
        selected = self.take(labels[self.labels] >= 0)
        return replace(selected, labels=labels[selected.labels], classes=tuple(classes))


@dataclass(frozen=True, eq=False, repr=False)
class Splits:
    """A dataset in three splits: train on ``train``, choose by ``validation``, score once on ``test``.

    Args:
      train: The training split.
      validation: The validation split.
      test: The test split.
      preprocessing: How the images were made from drawings; each set is given it.
      extra_tests: More test sets by name.
      moved: Which drawings are in another split than that of their hash, so that no class lacks one; may be empty.
      notes: What was found, a line each: how the files were read, and what was measured.
      loaded: The arguments it was loaded by, so that the same splits can be loaded again.

    Raises:
      InputError: Not all of them have the same classes.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    preprocessing: Preprocessing
    extra_tests: Mapping[str, Dataset] = field(default_factory=dict)
    moved: str = ""
    notes: tuple[str, ...] = ()
    loaded: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for split in (self.validation, self.test, *self.extra_tests.values()):
            if split.classes != self.train.classes:
                found = f"found {self.train.classes} and {split.classes}"
                raise InputError(f"{self.name}: {found}; expected the same classes in all splits.")
        given = {name: replace(data, preprocessing=self.preprocessing) for name, data in self.sets.items()}
        for name in SPLIT_NAMES:
            object.__setattr__(self, name, given.pop(name))
        object.__setattr__(self, "extra_tests", given)

    def __repr__(self) -> str:
        return f"Splits({self.name}: {self._sizes})"

    def _repr_html_(self) -> str:
        counts = {name: data.counts for name, data in self.sets.items()}
        return notebook.class_table(repr(self), self.classes, counts, self.train._examples)

    @property
    def sets(self) -> dict[str, Dataset]:
        """Every set by name: ``train``, ``validation``, ``test``, then the extra test sets."""
        return {split: getattr(self, split) for split in SPLIT_NAMES} | dict(self.extra_tests)

    def in_memory(self) -> Splits:
        """The splits themselves; where they are on disk, a sample of each, read: to score, audit and show them."""
        if not any(isinstance(data.images, Bitmaps) for data in self.sets.values()):
            return self
        train, validation, test, *extra = (data.in_memory() for data in self.sets.values())
        extra_tests = dict(zip(self.extra_tests, extra, strict=True))
        return replace(self, train=train, validation=validation, test=test, extra_tests=extra_tests)

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.train.name

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, in the order of the labels."""
        return self.train.classes

    @cached_property
    def overlaps(self) -> dict[tuple[str, str], int]:
        """Exact duplicates: ``(a, b)`` counts the drawings of b that are also in a, ``(a, a)`` repeats within a."""
        within, across = {}, {}
        for index, a in enumerate(SPLIT_NAMES):
            known = np.sort(self.sets[a].digests)
            within[a, a] = int((known[1:] == known[:-1]).sum())
            for b in SPLIT_NAMES[index + 1 :]:
                across[a, b] = _count_known(self.sets[b].digests, known)
        return within | across

    @property
    def overlap_text(self) -> str:
        """The exact duplicates in one line."""
        found = [
            f"{count:,} of {len(self.sets[b]):,} {b} drawings " + (f"are also in {a}" if a != b else "are repeats")
            for (a, b), count in self.overlaps.items()
            if count
        ]
        return "; ".join(found) or "no drawing occurs twice"

    @property
    def summary(self) -> str:
        """One line: sizes, number of classes, duplicates, drawings that were moved, and classes that a split lacks."""
        text = f"{self.name}: {self._sizes}; {self.overlap_text}"
        if self.moved:
            text += f"; moved so that no class lacks one: {self.moved}"
        for split in SPLIT_NAMES:
            if len(self.sets[split]) and (lacking := self.sets[split].absent_classes):
                text += f"; no {split} drawing of {listing(lacking)}"
        return "; ".join([text, *self.notes])

    @property
    def _sizes(self) -> str:
        sizes = ", ".join(f"{len(self.sets[split]):,} {split}" for split in SPLIT_NAMES)
        return f"{sizes} drawings in {len(self.classes)} classes"


def choose_classes(
    wanted: Sequence[str] | None, available: Sequence[str], absent: Callable[[str], str]
) -> tuple[str, ...]:
    """``wanted`` in the caller's order; ``None`` for all that are ``available``.

    Raises ``InputError`` at an unknown name: its text begins with ``absent(name)`` and goes on with similar names.
    """
    if wanted is None:
        return tuple(available)
    wanted = [unicodedata.normalize("NFC", name) for name in wanted]  # a Mac writes letter and accent apart
    for index, name in enumerate(wanted):
        if name not in available:
            near = difflib.get_close_matches(name, available)
            known = f"did you mean {' or '.join(near)}?" if near else f"expected one of {listing(available)}."
            raise InputError(f"{absent(name)}; {known}")
        if name in wanted[:index]:
            raise InputError(f"class {name!r} is asked for twice; expected each class once.")
    return tuple(wanted)


def read_names(path: Path) -> tuple[str, ...]:
    """The class names in a file, one a line. Raises ``InputError`` where one is blank or occurs twice."""
    try:
        with reading(path):
            names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text; expected one class name a line.") from None
    if not names:
        raise InputError(f"{path}: is empty; expected one class name a line.")
    for number, name in enumerate(names, start=1):
        if not name or name in names[: number - 1]:
            fault = f"{name!r} for the second time" if name else "a blank line"
            raise InputError(f"{path}: line {number}: {fault}; expected one class name a line, each once.")
    return tuple(names)


def _count_known(digests: NDArray[np.uint64], known: NDArray[np.uint64]) -> int:
    """How many of ``digests`` are in ``known``, which is sorted. Unlike ``np.isin``, it copies neither."""
    if not len(known):
        return 0
    indices = np.searchsorted(known, digests)
    return int((known[np.minimum(indices, len(known) - 1)] == digests).sum())


def without_classes(absent: Sequence[str], classes: Sequence[str]) -> str:
    """What to say behind the accuracy on a set that has no drawing of some classes; empty where none is absent."""
    known = f"{len(classes) - len(absent)} of {len(classes)}"
    return f"; of {known} classes alone, as there is no drawing of {listing(absent)}" if absent else ""


def listing(names: Sequence[str], most: int = 12) -> str:
    """Names with commas between, the first ``most`` of them."""
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")
