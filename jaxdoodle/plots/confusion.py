"""Confusion matrices and class counts. Each function takes plain arrays and writes one PNG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdoodle.metrics import class_counts, format_accuracy, mean_recall, most_confused
from jaxdoodle.plots.image_grids import Images, without_channel
from jaxdoodle.plots.style import BLUE, INK, LINE, MUTED, RED, figure, fit, gradient

MOST_NUMBERED = 20  # classes up to which a confusion matrix has room for its numbers
MOST_NAMED = 44  # classes up to which all are in the matrix by name
LEAST_NAMED = 36  # of more, so many that are confused most
LISTED = 12  # mistakes listed by name, beyond MOST_NUMBERED classes
THUMBNAILS = 3  # drawings beside each of them
IN_COLUMN, MOST_COLUMNS = 40, 5  # classes in a column of a histogram, or more beyond so many columns


def confusion_matrix(
    matrix: NDArray[np.integer],
    classes: Sequence[str],
    path: Path | str,
    *,
    title: str,
    examples: Callable[[int, int], Images] | None = None,
) -> None:
    """Draw a confusion matrix.

    Up to 20 classes: every count in its cell, and the recall of each class. Beyond: shades, a bar for each recall, and
    a table of the most frequent mistakes; of more than 44 classes, the 36 that are confused most.

    Args:
      matrix: Counts ``(classes, classes)`` from ``metrics.confusion_counts``: rows true, columns predicted classes.
      classes: Class names.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.
      examples: ``examples(true, predicted)``: images of the one class that were taken for the other, uint8
        ``(n, height, width[, 1 or 3])``; the first of them stand in the table.

    Raises:
      ValueError: If the matrix has another shape.
    """
    matrix = np.asarray(matrix)
    if matrix.shape != (len(classes), len(classes)):
        raise ValueError(f"a confusion matrix of {len(classes)} classes is square; got {matrix.shape}.")
    heading = f"{title}: confusion matrix"
    if len(classes) <= MOST_NUMBERED:
        _numbered_matrix(matrix, classes, path, heading)
    else:
        _named_matrix(matrix, classes, path, heading, examples)


def class_histogram(labels: ArrayLike, classes: Sequence[str], path: Path | str, *, title: str) -> None:
    """Draw the number of images per class; beyond 40 classes in several columns, largest first.

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
        f"{counts.sum():,} images of {len(classes)} classes: from {counts[smallest]:,} (class {classes[smallest]}) "
        f"to {counts[largest]:,} (class {classes[largest]}), median {np.median(counts):,.0f}"
    )
    note += "; largest first, column by column" if len(classes) > IN_COLUMN else ""
    columns = min(MOST_COLUMNS, math.ceil(len(classes) / IN_COLUMN))
    order = np.arange(len(classes)) if columns == 1 else np.argsort(-counts, kind="stable")
    rows = math.ceil(len(classes) / columns)
    size, length = (9, 40) if columns == 1 else (6, 17)
    with figure(path, 0.5 + (0.2 if columns == 1 else 0.11) * rows, heading, note) as page:
        for number, axes in enumerate(page.subplots(1, columns, squeeze=False)[0]):
            shown = order[number * rows : (number + 1) * rows]
            bars = axes.barh(np.arange(len(shown)), counts[shown], color=BLUE, height=0.75)
            axes.bar_label(bars, [f"{count:,}" for count in counts[shown]], padding=2, color=MUTED, fontsize=size)
            axes.set_yticks(np.arange(len(shown)), [fit(classes[label], length) for label in shown], fontsize=size)
            room = 1.1 if columns == 1 else 1.6
            axes.set(ylim=(rows - 0.4, -0.6), xlim=(0, room * max(counts.max(), 1)))
            axes.grid(visible=False, axis="both" if columns > 1 else "y")
            axes.tick_params(axis="y", length=0)
            if columns > 1:
                axes.set_xticks([])
                axes.spines["bottom"].set_visible(False)
            else:
                axes.set_xlabel("images")
                axes.xaxis.set_major_formatter("{x:,.0f}")


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
    note = f"{_scores(matrix)}. Shade: share of the row, blue where right, orange where wrong"
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


def _named_matrix(matrix, classes, path, heading, examples):
    from matplotlib.ticker import PercentFormatter

    shares, mistakes = _shares(matrix), matrix - np.diag(np.diag(matrix))
    shown = np.arange(len(classes))
    if len(classes) > MOST_NAMED:
        shown = _most_confused_classes(mistakes)
    k, some = len(shown), f" of the {len(shown)} classes confused most" * (len(shown) < len(classes))
    worst = most_confused(matrix, LISTED)
    note = (
        f"{_scores(matrix)}. Left: shares of a class{some}, blue where right, orange where wrong; bars: their recall. "
        f"Right: the most frequent mistakes{' with drawings' * bool(examples)}"
    )
    with figure(path, 5.6, heading, note) as page:
        axes, bars, beside = page.subplots(1, 3, width_ratios=(4.2, 0.45, 2.4))
        right, part = np.eye(k, dtype=bool), shares[np.ix_(shown, shown)]
        cells: dict[str, Any] = {"vmin": 0, "vmax": 1, "edgecolors": "#ececec", "linewidth": 0.3}
        axes.pcolormesh(np.ma.masked_where(~right, part), cmap=gradient("white", BLUE), **cells)
        axes.pcolormesh(np.ma.masked_where(right, np.sqrt(part)), cmap=gradient("white", RED), **cells)
        names, size = [fit(classes[label], 16) for label in shown], min(7.0, 205 / k)
        axes.set_xticks(np.arange(k) + 0.5, names, rotation=90, fontsize=size)
        axes.set_yticks(np.arange(k) + 0.5, names, fontsize=size)
        axes.set(xlabel="predicted", ylabel="true", xlim=(0, k), ylim=(k, 0))
        axes.grid(visible=False)

        bars.barh(np.arange(k) + 0.5, np.diag(shares)[shown], height=0.8, color=BLUE)
        bars.xaxis.set_major_formatter(PercentFormatter(1))
        bars.set(xlim=(0, 1), ylim=(k, 0), xticks=(0, 1), yticks=[], xlabel="recall")
        for each in (axes, bars):
            each.tick_params(length=0)
        bars.tick_params(axis="x", labelsize=6)
        _list_mistakes(beside, matrix, classes, worst, examples)


def _most_confused_classes(mistakes):
    """Those of the most frequent mistakes, in their order, both ways taken together."""
    both = np.triu(mistakes + mistakes.T)
    found: dict[int, None] = {}
    for cell in np.argsort(-both, axis=None, kind="stable")[: LEAST_NAMED**2]:
        for label in np.unravel_index(cell, both.shape):
            if len(found) < LEAST_NAMED:
                found[int(label)] = None
    return np.array(sorted(found))


def _list_mistakes(axes, matrix, classes, worst, examples):
    axes.axis("off")
    axes.set(xlim=(0, 2.4), ylim=(LISTED + 0.4, 0), aspect="auto")
    axes.text(0, 0.05, "Most frequent mistakes", weight="bold", va="top")
    totals = matrix.sum(axis=1)
    for line, (i, j, count) in enumerate(worst):
        axes.text(0, line + 0.55, fit(f"{classes[i]} → {classes[j]}", 34), fontsize=7, va="top")
        axes.text(0, line + 0.93, f"{count:,} of {totals[i]:,}", fontsize=6.5, va="top", color=MUTED)
        images = without_channel(examples(i, j)[:THUMBNAILS]) if examples else ()
        for number, image in enumerate(images):
            place = axes.inset_axes((0.9 + 0.5 * number, line + 0.88, 0.48, 0.52), transform=axes.transData)
            place.imshow(image, cmap="gray_r", vmin=0, vmax=255)
            place.set(xticks=[], yticks=[])
            place.spines[:].set(visible=True, color=LINE)
