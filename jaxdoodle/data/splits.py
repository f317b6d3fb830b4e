"""How a dataset is divided into train, validation and test.

The split of a drawing depends on a hash of its bytes alone, not on its row in a file or on a seed. So identical
drawings are in one split, and no drawing moves to another when the dataset grows, is reordered or is generated again:
a model is never tested on a drawing that an earlier run trained on.

The exception is a class of few drawings that has none in a split: the bounds on its hashes give way until it has one,
and ``Splits.moved`` says so. When such a class grows, the bounds return. So a drawing can move, but from training to
test only where all drawings of the class had hashes for the test split.

Drawings in strokes that name their drawers are divided by them (``drawers_to_test``).

In return the counts are near the fraction asked for, not equal to it: in a class of n drawings the standard deviation
is ``sqrt(n f (1 - f))``. Published datasets, which do not grow, are divided exactly (``split_training``).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.dataset import Dataset, Splits, choose_classes
from jaxdoodle.preprocessing.config import Preprocessing

#: Fraction of a dataset without a published test set that becomes the test split.
TEST_FRACTION = 0.2
#: Fraction of the training drawings that is held out for validation, unless another is asked for.
VALIDATION_FRACTION = 0.2
#: Drawings, all different, from which on a class has one in each split.
FEWEST = 3
#: Moves that are told one by one.
MOST_MOVES = 5

#: The splits by rising hash.
_ORDER = ("test", "validation", "train")


def split_by_hash(data: Dataset, preprocessing: Preprocessing, validation: float = VALIDATION_FRACTION) -> Splits:
    """80:20 into training and test, then the fraction ``validation`` of training into validation.

    The test split does not depend on ``validation``.
    """
    check_fraction(validation)
    digests = data.digests
    limits = [np.uint64(_bound(f)) for f in (TEST_FRACTION, TEST_FRACTION + (1 - TEST_FRACTION) * validation)]
    hashed = (digests >= limits[0]).astype(np.int8) + (digests >= limits[1])  # indices into _ORDER
    split = _none_without(data, digests, hashed, range(3) if validation else (0, 2))
    moved = _describe_moves(data, hashed, split)
    del digests, hashed  # 9 bytes for each drawing
    test, chosen, train = (data.take(split == number) for number in range(3))
    return Splits(train, chosen, test, preprocessing, moved=moved)


def split_training(
    train: Dataset,
    test: Dataset,
    preprocessing: Preprocessing,
    validation: float = VALIDATION_FRACTION,
    classes: Sequence[str] | None = None,
    per_class: int | None = None,
    extra_tests: Mapping[str, Dataset] | None = None,
) -> Splits:
    """Keep the published test set; take validation from the published training set, with exact counts per class.

    The drawings of each class with the smallest hashes go to validation, as many as the fraction says (largest
    remainders, so that the total is exact too). Only then are ``classes`` selected and each class cut to its first
    ``per_class`` drawings, so neither moves a drawing to another split. Test sets are not cut.
    """
    check_fraction(validation)
    classes = choose_classes(classes, train.classes, lambda name: f"{train.name}: no class {name!r}")
    chosen = _smallest(train, _shares(train.counts, validation))
    within = np.ones(len(train), bool) if per_class is None else train.index_in_class < per_class
    return Splits(
        train.take(within & ~chosen).select(classes),
        train.take(within & chosen).select(classes),
        test.select(classes),
        preprocessing,
        {name: extra.select(classes) for name, extra in (extra_tests or {}).items()},
    )


def drawers_to_test(drawers: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """The people whose drawings become the test split, so that a score is of people who were not learned from.

    They are taken by a hash of their names, until their drawings are ``TEST_FRACTION`` of all, but for those without
    whom a class would have no training drawing.

    Args:
      drawers: Who drew each drawing; empty where that is not known: such drawings are for training.
      labels: The class of each.

    Returns:
      Their names, sorted; none where there are fewer than two people, or none can be spared.
    """
    if len(set(drawers) - {""}) < 2:
        return ()
    left, chosen, drawn = Counter(labels), set[str](), 0
    for name in sorted(set(drawers) - {""}, key=lambda name: hashlib.sha256(name.encode("utf-8", "replace")).digest()):
        own = Counter(label for label, drawer in zip(labels, drawers, strict=True) if drawer == name)
        if drawn < TEST_FRACTION * len(labels) and all(left[label] > count for label, count in own.items()):
            left -= own
            chosen.add(name)
            drawn += own.total()
    return tuple(sorted(chosen))


def without(data: Dataset, other: Dataset) -> Dataset:
    """The drawings of ``data`` that are not in ``other``, compared by hash."""
    return data.take(~np.isin(data.digests, other.digests))


def check_fraction(validation: float) -> None:
    """Raise ``InputError`` unless this is a fraction of the training drawings that leaves some."""
    if not 0 <= validation < 1:
        raise InputError(
            f"validation is a fraction of the training drawings, at least 0 and below 1; got {validation}."
        )


def _bound(fraction: float) -> int:
    """The hashes below it are those that are below ``fraction`` as numbers in [0, 1)."""
    return min(math.ceil(fraction * 2**53) << 11, 2**64 - 1)


def _none_without(
    data: Dataset, digests: NDArray[np.uint64], hashed: NDArray[np.int8], wanted: Sequence[int]
) -> NDArray[np.int8]:
    """The splits ``hashed``, changed so that no class of ``FEWEST`` drawings lacks one that is ``wanted``."""
    counts = [np.bincount(data.labels[hashed == number], minlength=len(data.classes)) for number in wanted]
    split = hashed.copy()
    for label in np.flatnonzero((np.min(counts, axis=0) == 0) & (np.sum(counts, axis=0) >= FEWEST)):
        rows = np.flatnonzero(data.labels == label)
        # A drawing that is in another class, too, stays in one split with its copies.
        own, first = np.unique(digests[rows], return_index=True)
        alone = ~np.isin(own, digests[data.labels != label])
        own, first = own[alone], first[alone]
        if len(own) < FEWEST:
            continue
        test_end, train_start = np.searchsorted(hashed[rows[first]], (1, 2))  # sorted by hash is sorted by split
        test_end = np.clip(test_end, 1, len(own) - 2)
        train_start = np.clip(train_start, test_end + 1, len(own) - 1) if 1 in wanted else test_end
        place = np.searchsorted(own, digests[rows])
        inside = np.isin(digests[rows], own)
        split[rows[inside]] = (place[inside] >= test_end).astype(np.int8) + (place[inside] >= train_start)
    return split


def _describe_moves(data: Dataset, hashed: NDArray[np.int8], split: NDArray[np.int8]) -> str:
    """Which drawings are not in the split of their hash, in one line; empty where all are."""
    moved = np.flatnonzero(hashed != split)
    kinds = Counter(zip(data.labels[moved], hashed[moved], split[moved], strict=True))
    found = [f"{n} of {data.classes[c]} from {_ORDER[old]} to {_ORDER[new]}" for (c, old, new), n in kinds.items()]
    return ", ".join(found[:MOST_MOVES]) + f" and {len(found) - MOST_MOVES} more" * (len(found) > MOST_MOVES)


def _shares(counts: NDArray[np.int64], fraction: float) -> NDArray[np.int64]:
    """Integers near ``counts * fraction`` whose sum is the rounded total."""
    exact = counts * fraction
    shares = np.floor(exact).astype(int)
    missing = round(exact.sum()) - shares.sum()
    shares[np.argsort(shares - exact, kind="stable")[:missing]] += 1
    return shares


def _smallest(data: Dataset, shares: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mask of the ``shares`` drawings of each class with the smallest hashes; equal drawings are not separated."""
    u = (data.digests >> np.uint64(11)) * 2.0**-53  # in [0, 1): the first 53 bits, which a float64 holds exactly
    limits = np.ones(len(shares))
    for label, share in enumerate(shares):
        ranked = np.sort(u[data.labels == label])
        if share < len(ranked):
            limits[label] = ranked[share]
    return u < limits[data.labels]
