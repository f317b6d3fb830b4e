"""Pictures of pictures: the data, the predictions, the filters. Each function takes plain arrays and writes one PNG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from jaxdoodle.plots.style import GREEN, LINE, RED, figure, fit

COLUMNS = 12  # pictures side by side
CLASS_ROWS = 14  # classes that a contact sheet has rows for


def samples(images: np.ndarray, labels: ArrayLike, classes: Sequence[str], path: Path | str, *, title: str) -> None:
    """The first drawings of each class, one class a row; of more than 14 classes, 14 spread over the list.

    ``images`` are ``(n, h, w)`` or ``(n, h, w, 1)`` uint8, white ink on black, shown as dark ink on paper;
    ``labels`` are ``(n,)`` integers.
    """
    images, labels = _pictures(images), np.asarray(labels)
    note = f"The first {COLUMNS} of each class; {len(labels):,} images in all"
    shown, names, margin, note = _class_rows(classes, note)
    with figure(path, 0.1 + 6.8 * len(shown) / (COLUMNS + margin), f"{title}: samples", note) as page:
        axes = _paper(page, len(shown), COLUMNS, margin)
        for row, label in enumerate(shown):
            axes.text(-0.1, row + 0.5, names[row], ha="right", va="center_baseline")
            for column, image in enumerate(images[labels == label][:COLUMNS]):
                _place(axes, image, row, column, LINE)


def prediction_grid(
    images: np.ndarray,
    labels: ArrayLike,
    predicted: ArrayLike,
    classes: Sequence[str],
    path: Path | str,
    *,
    title: str,
) -> None:
    """Every image it is given (a few dozen), framed green where the prediction is right and red where it is wrong.

    ``images`` as in ``samples``; ``labels`` and ``predicted`` are ``(n,)`` integers. Below each picture its true class
    and, where that is not the answer, an arrow and the answer.
    """
    images, labels, predicted = _pictures(images), np.asarray(labels), np.asarray(predicted)
    if not len(images) == len(labels) == len(predicted):
        raise ValueError(
            f"one label and one prediction per image; got {len(images)}, {len(labels)} and {len(predicted)}."
        )
    right = labels == predicted
    captions = [_caption(classes[label], classes[answer]) for label, answer in zip(labels, predicted, strict=True)]
    columns = 10
    row_height = 1.1 + 0.17 * max((caption.count("\n") + 1 for caption in captions), default=1)
    rows = row_height * math.ceil(len(images) / columns)
    note = f"{len(images)} images, {right.sum()} right (green), {(~right).sum()} wrong (red: true class → prediction)"
    with figure(path, 0.1 + 6.8 * rows / columns, f"{title}: predictions", note) as page:
        axes = _paper(page, rows, columns)
        for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
            top, left, color = i // columns * row_height, i % columns, GREEN if right[i] else RED
            _place(axes, image, top, left, color)
            axes.text(left + 0.5, top + 1.02, caption, color=color, size=6.5, ha="center", va="top")


def kernel_gallery(kernels: np.ndarray, path: Path | str, *, title: str) -> None:
    """A Conv2D layer's learned kernels, ``(height, width, in, out)``: blue above zero, red below, white at zero.

    One input channel: one kernel after the other. Several: a row for each input, a column for each filter. At most
    128 kernels are shown.
    """
    kernels = np.asarray(kernels)
    height, width, inputs, filters = kernels.shape
    scale = float(np.abs(kernels).max()) or 1.0
    columns = min(filters, 8 if inputs == 1 else 16)
    rows = min(math.ceil(filters / columns) if inputs == 1 else inputs, 8)
    note = f"{filters} filters of {height}×{width} on {inputs} channel{'s' * (inputs > 1)}"
    note += f"; blue up to +{scale:.2g}, white 0, red down to −{scale:.2g}"
    if inputs > 1:
        note += "; a column for each filter, a row for each channel"
    if rows * columns < inputs * filters:
        note += f" (the first {columns} and {rows})"
    with figure(path, 0.1 + 6.8 * rows / max(columns, 8), f"{title}: kernels", note) as page:
        axes = _paper(page, rows, columns)
        for row, column in np.ndindex(rows, columns):
            channel, number = (0, row * columns + column) if inputs == 1 else (row, column)
            if number < filters:
                _place(axes, kernels[:, :, channel, number], row, column, LINE, cmap="RdBu", vmin=-scale, vmax=scale)


def filter_gallery(
    picture: np.ndarray, filters: Mapping[str, tuple[np.ndarray, np.ndarray]], path: Path | str, *, title: str
) -> None:
    """A picture ``(h, w)`` in [0, 1] and what each filter makes of it: ``{name: (kernel, response)}``.

    Kernels that sum to 0 answer with a sign: blue above zero, red below, white at zero. The others give a picture.
    """
    columns = 4
    rows = math.ceil((len(filters) + 1) / columns)
    note = "Below each response its kernel. Where a kernel sums to 0: blue above zero, red below, white at zero"
    with figure(path, 2.45 * rows, f"{title}: filters", note) as page:
        grid = page.subplots(rows, columns).ravel()
        for axes in grid:
            axes.axis("off")
        grid[0].imshow(picture, cmap="gray", vmin=0, vmax=1)
        grid[0].set_title("the picture", size=9)
        for axes, (name, (kernel, response)) in zip(grid[1:], filters.items(), strict=False):
            if abs(kernel.sum()) < 1e-6:
                scale = np.abs(response).max()
                axes.imshow(response, cmap="RdBu", vmin=-scale, vmax=scale)
            else:
                axes.imshow(response, cmap="gray", vmin=0, vmax=1)
            axes.set_title(name, size=9)
            numbers = [[str(Fraction(float(number)).limit_denominator(99)) for number in line] for line in kernel]
            text = "\n".join(" ".join(number.rjust(3) for number in line) for line in numbers)
            axes.text(0.5, -0.05, text, transform=axes.transAxes, family="monospace", size=8, ha="center", va="top")


def _caption(label, answer):
    """The class, and the answer where it is another one: below it, unless both are short."""
    if label == answer:
        return fit(label, 12)
    if len(label) + len(answer) <= 9:
        return f"{label} → {answer}"
    return f"{fit(label, 12)}\n→ {fit(answer, 10)}"


def _pictures(images):
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3 or images.dtype != np.uint8:
        raise ValueError(f"images are uint8 of shape (n, h, w, 1); got {images.dtype} of shape {images.shape}.")
    return images


def _class_rows(classes, note):
    """The classes that get a row, their names, the margin that these take, and the note: of many, how many they are."""
    shown = np.unique(np.linspace(0, len(classes) - 1, min(len(classes), CLASS_ROWS)).round().astype(int))
    if len(shown) < len(classes):
        note = f"{len(shown)} of {len(classes)} classes. {note}"
    names = [fit(classes[label], 17) for label in shown]
    return shown, names, 0.3 + 0.1 * max(map(len, names)), note


def _paper(page, rows, columns, margin=0.0):
    """Axes without marks on which every picture is a square of side 1."""
    axes = page.add_subplot()
    axes.axis("off")
    axes.set(xlim=(-margin, columns), ylim=(rows, 0), aspect="equal", anchor="NW")
    return axes


def _place(axes, image, row, column, frame, *, cmap="gray_r", vmin=0, vmax=255):
    from matplotlib.patches import Rectangle

    left, top, side = column + 0.04, row + 0.04, 0.92
    axes.imshow(
        image, cmap=cmap, vmin=vmin, vmax=vmax, extent=(left, left + side, top + side, top), interpolation="nearest"
    )
    axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=frame, linewidth=1.2))
