"""Which drawing is on which side.

The side follows from a hash of the drawing's own bytes, never from its place in a file or from a seed. So
identical drawings are on one side, and no drawing changes sides when a set grows, is reordered or is
generated anew: a model can never be tested on a drawing that an earlier run of it was trained on.

The price is that counts are close to the fraction asked for, not equal to it: within a class of n drawings the
deviation is about ``sqrt(n f (1 - f))``. A published set that never grows (``split_training``) gets exact counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.dataset import Dataset, Splits, choose_classes
from jaxdoodle.preprocessing.config import Preprocessing

#: Of all drawings of a set that comes without a test set.
TEST_FRACTION = 0.2
#: Of the training drawings.
VALIDATION_FRACTION = 0.2


def split_by_hash(data: Dataset, preprocessing: Preprocessing, validation: float = VALIDATION_FRACTION) -> Splits:
    """80:20 into training and test, then the fraction ``validation`` of training into validation.

    The test side does not depend on ``validation``.
    """
    check_fraction(validation)
    digests = data.digests
    test = _below(digests, TEST_FRACTION)
    chosen = ~test & _below(digests, TEST_FRACTION + (1 - TEST_FRACTION) * validation)
    del digests  # 8 bytes a drawing, which those on disk do not keep
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

    Each class gives its share to validation (largest remainders, so that the total is exact too), those with the
    smallest hashes. Only then are ``classes`` selected and each class cut to its first ``per_class`` drawings,
    so neither moves a drawing. Test sets are not cut.
    """
    check_fraction(validation)
    classes = choose_classes(classes, train.classes, lambda name: f"{train.name}: no class {name!r}")
    chosen = _smallest(_uniform(train), train, _shares(train.counts, validation))
    kept = np.ones(len(train), bool) if per_class is None else train.places < per_class
    return Splits(
        train.take(kept & ~chosen).select(classes),
        train.take(kept & chosen).select(classes),
        test.select(classes),
        preprocessing,
        {name: extra.select(classes) for name, extra in (extra_tests or {}).items()},
    )


def without(data: Dataset, other: Dataset) -> Dataset:
    """The drawings of ``data`` that do not occur in ``other``, byte for byte."""
    return data.take(~np.isin(data.digests, other.digests))


def check_fraction(validation: float) -> None:
    if not 0 <= validation < 1:
        raise InputError(
            f"validation is a fraction of the training drawings, at least 0 and below 1; got {validation}."
        )


def _uniform(data: Dataset) -> np.ndarray:
    """Each drawing's hash as a number in [0, 1): the 53 bits that a float64 holds exactly."""
    return (data.digests >> np.uint64(11)) * 2.0**-53


def _below(digests: np.ndarray, fraction: float) -> np.ndarray:
    """Mask of the hashes that are below ``fraction`` as ``_uniform`` has them, without a number for each."""
    bound = math.ceil(fraction * 2**53) << 11
    return digests < np.uint64(min(bound, 2**64 - 1))


def _shares(counts: np.ndarray, fraction: float) -> np.ndarray:
    """Integers near ``counts * fraction`` that add up to the rounded total."""
    exact = counts * fraction
    shares = np.floor(exact).astype(int)
    missing = round(exact.sum()) - shares.sum()
    shares[np.argsort(shares - exact, kind="stable")[:missing]] += 1
    return shares


def _smallest(u: np.ndarray, data: Dataset, shares: np.ndarray) -> np.ndarray:
    """Mask of each class's ``shares`` drawings with the smallest ``u``; equal drawings are in or out together."""
    limits = np.ones(len(shares))
    for label, share in enumerate(shares):
        ranked = np.sort(u[data.labels == label])
        if share < len(ranked):
            limits[label] = ranked[share]
    return u < limits[data.labels]
