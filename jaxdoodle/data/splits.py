"""How a dataset is divided into train, validation and test.

The split of a drawing depends on a hash of its bytes alone, not on its row in a file or on a seed. So identical
drawings are in one split, and no drawing moves to another when the dataset grows, is reordered or is generated again:
a model is never tested on a drawing that an earlier run trained on.

In return the counts are near the fraction asked for, not equal to it: in a class of n drawings the standard deviation
is ``sqrt(n f (1 - f))``. Published datasets, which do not grow, are divided exactly (``split_training``).
"""

from __future__ import annotations

import math
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


def split_by_hash(data: Dataset, preprocessing: Preprocessing, validation: float = VALIDATION_FRACTION) -> Splits:
    """80:20 into training and test, then the fraction ``validation`` of training into validation.

    The test split does not depend on ``validation``.
    """
    check_fraction(validation)
    digests = data.digests
    test = _below(digests, TEST_FRACTION)
    chosen = ~test & _below(digests, TEST_FRACTION + (1 - TEST_FRACTION) * validation)
    del digests  # 8 bytes for each drawing
    return Splits(data.take(~test & ~chosen), data.take(chosen), data.take(test), preprocessing)


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


def without(data: Dataset, other: Dataset) -> Dataset:
    """The drawings of ``data`` that are not in ``other``, compared by hash."""
    return data.take(~np.isin(data.digests, other.digests))


def check_fraction(validation: float) -> None:
    """Raise ``InputError`` unless this is a fraction of the training drawings that leaves some."""
    if not 0 <= validation < 1:
        raise InputError(
            f"validation is a fraction of the training drawings, at least 0 and below 1; got {validation}."
        )


def _below(digests: NDArray[np.uint64], fraction: float) -> NDArray[np.bool_]:
    """Mask of the hashes that are below ``fraction`` as numbers in [0, 1), without computing these."""
    bound = math.ceil(fraction * 2**53) << 11
    return digests < np.uint64(min(bound, 2**64 - 1))


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
