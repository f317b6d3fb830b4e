"""How good predictions are: counts and intervals, tests between two models, confusion, calibration. NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, stdev

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "McNemar", "Proportions", "auroc", "beats_chance", "calibration_error", "class_counts", "confusion_counts",
    "format_accuracy", "in_top", "mcnemar", "mean_interval", "mean_recall", "most_confused", "negative_log_likelihood",
    "student_t", "two_proportions", "wilson_interval",
]  # fmt: skip

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.975)


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion.

    With ``p = correct / total`` and ``z = 1.96``::

        (p + z**2 / (2 total) +- z sqrt(p (1 - p) / total + z**2 / (4 total**2))) / (1 + z**2 / total)

    Unlike ``p +- z sqrt(p (1 - p) / total)`` it stays within [0, 1] and is wider than 0 when none or all are correct.

    Args:
      correct: Number of correct predictions.
      total: Number of predictions, at least 1.

    Returns:
      Lower and upper end, as fractions.

    Raises:
      ValueError: Unless ``0 <= correct <= total`` and ``total > 0``.

    Reference:
      Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    _require_counts(correct, total)
    p, z2 = correct / total, _Z95**2
    middle = (p + z2 / (2 * total)) / (1 + z2 / total)
    reach = _Z95 / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def format_accuracy(correct: int, total: int) -> str:
    """An accuracy as text: ``"9,916 of 10,000 right: 99.16 % (95 % interval 98.96 to 99.32)"``.

    Args:
      correct: Number of correct predictions.
      total: Number of predictions, at least 1.

    Returns:
      One line with counts, percentage and ``wilson_interval`` in percent.

    Raises:
      ValueError: Unless ``0 <= correct <= total`` and ``total > 0``.
    """
    low, high = wilson_interval(correct, total)
    interval = f"95 % interval {100 * low:.2f} to {100 * high:.2f}"
    return f"{correct:,} of {total:,} right: {100 * correct / total:.2f} % ({interval})"


def beats_chance(correct: int, counts: ArrayLike) -> bool:
    """Whether an accuracy is above that of always answering the most frequent class, by ``wilson_interval``.

    Args:
      correct: Number of correct predictions.
      counts: Number of images of each class, ``(classes,)``, at least one in all.

    Returns:
      Whether the lower end of the interval is above the share of the largest class.

    Raises:
      ValueError: Unless ``0 <= correct <= total`` and ``total > 0``, the sum of the counts.
    """
    counts = np.asarray(counts)
    return wilson_interval(correct, int(counts.sum()))[0] > counts.max() / counts.sum()


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Student's 95 % interval of the mean of a normal distribution, ``mean +- t sd / sqrt(n)``.

    Args:
      values: Its samples, as the accuracies of several seeds; at least two.

    Returns:
      Lower and upper end.

    Raises:
      ValueError: There are fewer than two values.

    Reference:
      Student (1908), "The probable error of a mean", Biometrika 6.
    """
    if len(values) < 2:
        raise ValueError(f"an interval takes two values or more; got {len(values)}.")
    middle, reach = mean(values), student_t(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return middle - reach, middle + reach


def student_t(degrees: int) -> float:
    """The number that Student's t exceeds in absolute value with a probability of 5 %.

    Args:
      degrees: Degrees of freedom, at least 1.

    Returns:
      The 97.5 % quantile; with one degree 12.7, with many 1.96.

    Reference:
      Abramowitz and Stegun (1964), "Handbook of mathematical functions", 26.7.3 and 26.7.4: the probability of
      ``|t| < sqrt(degrees) tan(angle)`` is a finite sum of powers of ``cos(angle)``.
    """

    def inside(angle: float) -> float:
        term, total = math.cos(angle) if degrees % 2 else 1.0, 0.0
        for number in range(1 + degrees % 2, degrees, 2):  # even degrees: 1, 3, ...; odd ones: 2, 4, ...
            total += term
            term *= number / (number + 1) * math.cos(angle) ** 2
        total *= math.sin(angle)
        return (angle + total) * 2 / math.pi if degrees % 2 else total

    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(middle) < 0.95 else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


@dataclass(frozen=True)
class Proportions:
    """Result of ``two_proportions``.

    Args:
      z: Difference of the two accuracies in standard errors; positive where the second is higher.
      p_value: Two-sided.
    """

    z: float
    p_value: float


def two_proportions(first: tuple[int, int], second: tuple[int, int]) -> Proportions:
    """Pooled z test of two models that were scored on different images.

    With accuracies ``a / n`` and ``b / m`` and ``p = (a + b) / (n + m)``:
    ``z = (b / m - a / n) / sqrt(p (1 - p) (1 / n + 1 / m))``; 0 where all are correct or all wrong.
    For two models scored on the same images ``mcnemar`` has more power; it needs the predictions.

    Args:
      first: ``(correct, total)`` of the first model.
      second: ``(correct, total)`` of the second model.

    Returns:
      The statistic and its two-sided p-value.

    Raises:
      ValueError: Unless ``0 <= correct <= total`` and ``total > 0`` in both.

    Reference:
      Fleiss, Levin and Paik (2003), "Statistical Methods for Rates and Proportions".
    """
    for correct, total in (first, second):
        _require_counts(correct, total)
    (a, n), (b, m) = first, second
    pooled = (a + b) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    z = (b / m - a / n) / error if error else 0.0
    return Proportions(z, 2 * _NORMAL.cdf(-abs(z)))


@dataclass(frozen=True)
class McNemar:
    """Result of ``mcnemar``.

    Args:
      only_first: Number of images that only the first model classified correctly.
      only_second: Number of images that only the second model classified correctly.
      p_value: Two-sided.
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar(labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> McNemar:
    """McNemar's exact test of two models on the same images.

    Only the images that exactly one model classified correctly are counted. If the models were equally good, that one
    would be either with probability 1/2, so the p-value is twice the smaller tail of a binomial distribution; it is
    summed in exact integers.

    Args:
      labels: True classes, integers ``(n,)``.
      first: Classes that the first model predicted, integers ``(n,)``.
      second: Classes that the second model predicted, integers ``(n,)``.

    Returns:
      Both counts and the two-sided p-value, at most 1.

    Raises:
      ValueError: If the three are not one-dimensional and equally long.

    Reference:
      McNemar (1947), "Note on the sampling error of the difference between correlated proportions or percentages",
      Psychometrika 12.
    """
    labels, first, second = np.asarray(labels), np.asarray(first), np.asarray(second)
    if labels.ndim != 1 or not labels.shape == first.shape == second.shape:
        raise ValueError(f"one label and two predictions per image; got {labels.shape}, {first.shape}, {second.shape}.")
    right_first, right_second = first == labels, second == labels
    only_first = int(np.sum(right_first & ~right_second))
    only_second = int(np.sum(right_second & ~right_first))
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return McNemar(only_first, only_second, min(1.0, 2 * tail / 2**n))


def class_counts(labels: ArrayLike, class_count: int) -> NDArray[np.int64]:
    """Number of images of each class.

    Args:
      labels: Integers ``(n,)`` from 0 to ``class_count - 1``.
      class_count: Number of classes.

    Returns:
      Counts, int64 ``(class_count,)``.

    Raises:
      ValueError: If the labels are not integers of that range in one dimension.
    """
    return np.bincount(_class_indices("labels", labels, class_count), minlength=class_count)


def confusion_counts(labels: ArrayLike, predicted: ArrayLike, class_count: int) -> NDArray[np.int64]:
    """Confusion matrix: entry ``[i, j]`` is the number of images of class i that were classified as class j.

    Args:
      labels: True classes, integers ``(n,)`` from 0 to ``class_count - 1``.
      predicted: Predicted classes, likewise.
      class_count: Number of classes.

    Returns:
      Counts, int64 ``(class_count, class_count)``.

    Raises:
      ValueError: If either is not integers of that range in one dimension, or their lengths differ.
    """
    labels = _class_indices("labels", labels, class_count)
    predicted = _class_indices("predicted", predicted, class_count)
    if labels.shape != predicted.shape:
        raise ValueError(f"one prediction per label; got {len(labels)} labels and {len(predicted)} predictions.")
    return np.bincount(labels * class_count + predicted, minlength=class_count**2).reshape(class_count, class_count)


def mean_recall(matrix: NDArray[np.integer]) -> float:
    """The mean, over the classes that have an image, of the share that is right: each class counts alike.

    Args:
      matrix: Counts ``(classes, classes)``, rows true, columns predicted classes.

    Returns:
      From 0 to 1; NaN without any image.
    """
    totals = matrix.sum(axis=1)
    shares = np.diag(matrix)[totals > 0] / totals[totals > 0]
    return float(shares.mean()) if len(shares) else float("nan")


def in_top(scores: ArrayLike, labels: ArrayLike, k: int) -> NDArray[np.bool_]:
    """Whether the class of each image is among the ``k`` with the highest scores.

    Args:
      scores: Logits or probabilities, ``(n, classes)``.
      labels: True classes, integers ``(n,)`` from 0 to ``classes - 1``.
      k: How many, at least 1.

    Returns:
      bool ``(n,)``; of equal scores, those of earlier classes count as higher.

    Raises:
      ValueError: If the labels are not integers of that range, or their number is not that of the scores.
    """
    values, indices = np.asarray(scores), _labels_of(scores, labels)
    own = np.take_along_axis(values, indices[:, None], axis=1)
    earlier = np.arange(values.shape[1]) < indices[:, None]
    return ((values > own) | ((values == own) & earlier)).sum(axis=1) < k


def mean_recall_in_top(scores: ArrayLike, labels: ArrayLike, k: int) -> float:
    """The mean, over the classes that have an image, of the share that ``in_top`` finds: each class counts alike.

    Args:
      scores: Logits or probabilities, ``(n, classes)``.
      labels: True classes, integers ``(n,)`` from 0 to ``classes - 1``.
      k: How many, at least 1.

    Returns:
      From 0 to 1; NaN without any image.

    Raises:
      ValueError: As ``in_top`` does.
    """
    found, totals = in_top(scores, labels, k), np.bincount(labels)
    shares = np.bincount(labels, found)[totals > 0] / totals[totals > 0]
    return float(shares.mean()) if len(shares) else float("nan")


def most_confused(matrix: NDArray[np.integer], limit: int) -> list[tuple[int, int, int]]:
    """The most frequent mistakes in a confusion matrix.

    Args:
      matrix: Counts ``(classes, classes)`` from ``confusion_counts``.
      limit: Largest number of mistakes to return.

    Returns:
      ``(true class, predicted class, count)`` with counts above 0, most frequent first (equal counts: row-major).
    """
    mistakes = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:limit]
    pairs = zip(*np.unravel_index(order, matrix.shape), strict=True)
    return [(int(i), int(j), int(mistakes[i, j])) for i, j in pairs if mistakes[i, j]]


def negative_log_likelihood(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean of ``-log(softmax(logits)[label])``.

    Args:
      logits: (n, classes) floats, n at least 1.
      labels: (n,) integers from 0 to ``classes - 1``.

    Returns:
      In nats, at least 0.

    Raises:
      ValueError: If the labels are not integers of that range, or their number is not that of the logits.
    """
    scores, indices = np.asarray(logits, np.float64), _labels_of(logits, labels)
    shifted = scores - scores.max(axis=1, keepdims=True)  # half of the time of np.logaddexp.reduce
    return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(scores)), indices]).mean())


def calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: how far the confidence is from the accuracy, on average.

    The confidence of a prediction is its largest probability. Predictions are put into bins of equal width by
    confidence; the error is the mean over bins, weighted by their predictions, of ``|mean confidence - accuracy|``.

    Args:
      probabilities: (n, classes) floats from 0 to 1, n at least 1.
      labels: (n,) integers from 0 to ``classes - 1``.
      bins: How many bins.

    Returns:
      From 0 (calibrated) to 1.

    Raises:
      ValueError: If the labels are not integers of that range, or their number is not that of the probabilities.

    Reference:
      Guo et al. (2017), "On calibration of modern neural networks", ICML.
    """
    probabilities = np.asarray(probabilities)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == _labels_of(probabilities, labels)
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(index, weights=confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def auroc(in_distribution: ArrayLike, out_of_distribution: ArrayLike) -> float:
    """Area under the receiver operating characteristic of a score that tells in- from out-of-distribution images.

    It is the probability that an in-distribution image scores above an out-of-distribution one; a tie counts half.

    Args:
      in_distribution: (n,) scores, at least one.
      out_of_distribution: (m,) scores, at least one.

    Returns:
      From 0 to 1; 0.5 for a score that tells nothing.

    Raises:
      ValueError: If there are no scores, or one is NaN.

    Reference:
      Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating characteristic (ROC)
      curve", Radiology 143: its equality with the Mann-Whitney statistic, which is computed here.
    """
    for scores in (in_distribution, out_of_distribution):
        if not np.size(scores) or np.isnan(scores).any():
            raise ValueError(f"one score or more of each kind, none of them NaN; got {np.size(scores)}.")
    ranked = np.sort(out_of_distribution)
    below = np.searchsorted(ranked, in_distribution, "left") + np.searchsorted(ranked, in_distribution, "right")
    return float(below.mean() / 2 / len(ranked))


def _require_counts(correct: int, total: int) -> None:
    if not 0 <= correct <= total or total == 0:
        raise ValueError(f"correct is at least 0 and at most total, total above 0; got {correct} of {total}.")


def _labels_of(scores: ArrayLike, labels: ArrayLike) -> NDArray[np.int64]:
    """The labels, one for each row of the scores ``(n, classes)``."""
    count, classes = np.shape(scores)
    indices = _class_indices("labels", labels, classes)
    if len(indices) != count:
        raise ValueError(f"one label per row of scores; got {len(indices)} labels and {count} rows.")
    return indices


def _class_indices(name: str, values: ArrayLike, class_count: int) -> NDArray[np.int64]:
    values = np.asarray(values)
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} is one integer per image; got {values.dtype} of shape {values.shape}.")
    if values.size and not 0 <= values.min() <= values.max() < class_count:
        raise ValueError(f"{name} are below the {class_count} classes; got {values.min()} to {values.max()}.")
    return values.astype(np.int64)
