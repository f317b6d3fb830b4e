"""Confusion matrices and class counts. Each function takes plain arrays and writes one PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdoodle.metrics import class_counts, format_accuracy, mean_recall, most_confused
from jaxdoodle.plots.style import BLUE, INK, LINE, MUTED, RED, figure, fit, gradient

MOST_NUMBERED = 20  # classes up to which a confusion matrix has room for its numbers
LEAST_DOT = 0.02  # smallest share of a class for which a mistake has a dot, beyond MOST_NUMBERED classes
LISTED = 14  # mistakes listed by name, beyond MOST_NUMBERED classes
MOST_NAMED = 40  # classes up to which a histogram has room for their names


def confusion_matrix(matrix: NDArray[np.integer], classes: Sequence[str], path: Path | str, *, title: str) -> None:
    """Draw a confusion matrix.

    Up to 20 classes: every count in its cell, and the recall of each class. Beyond: a dot for each mistake that takes
    at least 2 % of its class, a bar for each recall, and a list of the most frequent mistakes.

    Args:
      matrix: Counts ``(classes, classes)`` from ``metrics.confusion_counts``: rows true, columns predicted classes.
      classes: Class names.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.

    Raises:
      ValueError: If the matrix has another shape.
    """
    matrix = np.asarray(matrix)
    if matrix.shape != (len(classes), len(classes)):
        raise ValueError(f"a confusion matrix of {len(classes)} classes is square; got {matrix.shape}.")
    draw = _numbered_matrix if len(classes) <= MOST_NUMBERED else _dotted_matrix
    draw(matrix, classes, path, f"{title}: confusion matrix")


def class_histogram(labels: ArrayLike, classes: Sequence[str], path: Path | str, *, title: str) -> None:
    """Draw the number of images per class; beyond 40 classes the bars are sorted and have no names.

    Args:
      labels: Integers ``(n,)``, indices into ``classes``.
      classes: Class names.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.

    Raises:
      ValueError: If a label is not an index into ``classes``.
    """
    counts = class_counts(labels, len(classes))
    heading = f"{title}: images per class"
    smallest, largest = int(counts.argmin()), int(counts.argmax())
    note = (
        f"{counts.sum():,} images of {len(classes)} classes: from {counts[smallest]:,} ({classes[smallest]}) "
        f"to {counts[largest]:,} ({classes[largest]}), median {np.median(counts):,.0f}"
    )
    if len(classes) > MOST_NAMED:
        uneven = counts.max() > 20 * counts.min()
        scale = {"yscale": "log", "ylabel": "images (log scale)"} if uneven else {"ylabel": "images"}
        with figure(path, 3.0, heading, note) as page:
            axes = page.add_subplot(xlabel="classes, largest first", xlim=(0, len(counts)), **scale)
            axes.bar(np.arange(len(counts)) + 0.5, np.sort(counts)[::-1], width=1, color=BLUE)
            axes.yaxis.set_major_formatter("{x:,.0f}")
        return
    with figure(path, 0.5 + 0.2 * len(classes), heading, note) as page:
        axes = page.add_subplot(xlabel="images")
        bars = axes.barh(np.arange(len(classes)), counts, color=BLUE, height=0.75)
        axes.bar_label(bars, [f"{count:,}" for count in counts], padding=3, color=MUTED)
        axes.set_yticks(np.arange(len(classes)), classes)
        axes.set(ylim=(len(classes) - 0.4, -0.6), xlim=(0, 1.1 * max(counts.max(), 1)))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)


def _shares(matrix):
    """Each row divided by its sum; zeros for a class without images."""
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


def _scores(matrix):
    """Accuracy, and the mean recall, which tells where a few large classes make the accuracy."""
    accuracy = format_accuracy(int(np.trace(matrix)), int(matrix.sum()))
    return f"{accuracy}, mean recall {100 * mean_recall(matrix):.1f} %"


def _numbered_matrix(matrix, classes, path, heading):
    k, shares = len(classes), _shares(matrix)
    longest = max(map(len, classes))
    upright = longest > (90 - longest) / k  # a line holds some hundred characters
    note = f"{_scores(matrix)}. Shade: share of the row, blue where right, red where wrong"
    with figure(path, 1.1 + 0.27 * k + 0.06 * longest * upright, heading, note) as page:
        axes = page.add_subplot(xlabel="predicted", ylabel="true")
        # the diagonal in one color, the mistakes in another, each from white at 0
        right = np.eye(k, dtype=bool)
        cells: dict[str, Any] = {"vmin": 0, "vmax": 1, "edgecolors": "#e0e0e0", "linewidth": 0.5}
        axes.pcolormesh(np.ma.masked_where(~right, shares), cmap=gradient("white", BLUE), **cells)
        axes.pcolormesh(np.ma.masked_where(right, np.sqrt(shares)), cmap=gradient("white", RED), **cells)
        size, form = (9, ",") if k <= 12 else (6.5, "")
        for i, j in zip(*np.nonzero(matrix), strict=True):
            look: dict[str, Any] = {"color": "white" if shares[i, j] > (0.6 if i == j else 0.36) else INK, "size": size}
            axes.text(j + 0.5, i + 0.5, f"{matrix[i, j]:{form}}", ha="center", va="center_baseline", **look)
        axes.set_xticks(np.arange(k) + 0.5, classes, rotation=90 if upright else 0)
        axes.set_yticks(np.arange(k) + 0.5, classes)
        axes.tick_params(length=0)
        axes.set(xlim=(0, k), ylim=(k, 0))  # the first row on top
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        for i, (correct, total) in enumerate(zip(np.diag(matrix), matrix.sum(axis=1), strict=True)):
            recall = f"{100 * correct / total:.1f} %" if total else "none"
            axes.text(k + 0.15, i + 0.5, recall, va="center_baseline", color=MUTED)
        axes.text(k + 0.15, -0.15, "recall", va="bottom", color=MUTED)


def _dotted_matrix(matrix, classes, path, heading):
    from matplotlib.ticker import PercentFormatter

    k, shares = len(classes), _shares(matrix)
    recall = np.diag(shares)
    rows, columns = np.nonzero((shares >= LEAST_DOT) & (matrix > 1) & ~np.eye(k, dtype=bool))
    note = (
        f"{_scores(matrix)}. Red dots: mistakes made more "
        f"than once and with at least {100 * LEAST_DOT:.0f} % of a class, area by share; blue bars: recall"
    )
    with figure(path, 5.0, heading, note) as page:
        axes, bars, beside = page.subplots(1, 3, width_ratios=(3.2, 0.7, 1.9))
        axes.axline((0, 0), slope=1, color=LINE, linewidth=1)
        axes.scatter(columns, rows, s=80 * shares[rows, columns], color=RED, linewidths=0)
        axes.set(xlabel="predicted", ylabel="true", xlim=(-1, k), ylim=(k, -1))
        ticks = np.linspace(0, k - 1, 16).round().astype(int)
        names = [fit(classes[tick], 16) for tick in ticks]
        axes.set_xticks(ticks, names, rotation=90, fontsize=7)
        axes.set_yticks(ticks, names, fontsize=7)

        bars.barh(np.arange(k), recall, height=1, color=BLUE)
        bars.xaxis.set_major_formatter(PercentFormatter(1))
        bars.set(xlim=(0, 1), ylim=(k, -1), xticks=(0, 0.5, 1), xlabel="recall")
        bars.tick_params(axis="x", labelsize=7)
        bars.set_yticks(ticks, [])

        beside.axis("off")
        beside.text(0, 1, "Most frequent mistakes", weight="bold", va="top")
        totals = matrix.sum(axis=1)
        for line, (i, j, count) in enumerate(most_confused(matrix, LISTED)):
            top = 1 - (line + 0.75) / (LISTED + 0.5)
            beside.text(0, top, fit(f"{classes[i]} → {classes[j]}", 33), fontsize=7.5, va="top")
            beside.text(0, top - 0.03, f"{count:,} of {totals[i]:,}", fontsize=7, va="top", color=MUTED)
