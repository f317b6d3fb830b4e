"""Grids of images: samples, predictions, kernels and filters. Each function takes plain arrays and writes one PNG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdoodle.plots.style import GREEN, LINE, RED, figure, fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: uint8 ``(n, height, width, 1)`` or ``(n, height, width)``, white ink (255) on black; drawn dark on white.
Images = NDArray[np.uint8]
Floats = NDArray[np.floating]
COLUMNS = 12  # images side by side
CLASS_ROWS = 14  # most classes that have a row


def sample_grid(images: Images, labels: ArrayLike, classes: Sequence[str], path: Path | str, *, title: str) -> None:
    """Draw the first 12 images of each class, one class a row; of more than 14 classes, 14 spread over the list.

    Args:
      images: uint8 ``(n, height, width, 1)`` or ``(n, height, width)``, white ink (255) on black; drawn dark on white.
      labels: Integers ``(n,)``, indices into ``classes``.
      classes: Class names.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.

    Raises:
      ValueError: If the images have another shape or dtype.
    """
    images, labels = without_channel(images), np.asarray(labels)
    note = f"The first {COLUMNS} of each class; {len(labels):,} images in all"
    with class_grid(path, classes, COLUMNS, f"{title}: samples", note) as (axes, shown):
        for row, label in enumerate(shown):
            for column, image in enumerate(images[labels == label][:COLUMNS]):
                draw_image(axes, image, row, column, LINE)


def prediction_grid(
    images: Images, labels: ArrayLike, predicted: ArrayLike, classes: Sequence[str], path: Path | str, *, title: str
) -> None:
    """Draw images with green frames where the prediction is correct and orange frames where it is wrong.

    Below each image is its true class and, where the prediction is wrong, an arrow and the predicted class.

    Args:
      images: A few dozen, all of them drawn: uint8 ``(n, height, width, 1)`` or ``(n, height, width)``, white on black.
      labels: True classes, integers ``(n,)``, indices into ``classes``.
      predicted: Predicted classes, likewise.
      classes: Class names.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.

    Raises:
      ValueError: If the images have another shape or dtype, or the lengths differ.
    """
    images, labels, predicted = without_channel(images), np.asarray(labels), np.asarray(predicted)
    counts = len(images), len(labels), len(predicted)
    if len(set(counts)) > 1:
        raise ValueError("one label and one prediction per image; got {}, {} and {}.".format(*counts))
    right = labels == predicted
    captions = [_caption(classes[label], classes[answer]) for label, answer in zip(labels, predicted, strict=True)]
    columns = 10
    row_height = 1.1 + 0.17 * max((caption.count("\n") + 1 for caption in captions), default=1)
    rows = row_height * math.ceil(len(images) / columns)
    note = (
        f"{len(images)} images, {right.sum()} right (green), {(~right).sum()} wrong (orange: true class → prediction)"
    )
    with image_grid(path, rows, columns, f"{title}: predictions", note) as axes:
        for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
            top, left, color = i // columns * row_height, i % columns, GREEN if right[i] else RED
            draw_image(axes, image, top, left, color)
            axes.text(left + 0.5, top + 1.02, caption, color=color, size=6.5, ha="center", va="top")


def kernel_grid(kernels: Floats, path: Path | str, *, title: str) -> None:
    """Draw the kernels of a Conv2D layer on one scale: blue above zero, red below, white at zero.

    One input channel: one kernel after the other. Several: a row for each input channel, a column for each filter.
    At most 128 kernels are drawn.

    Args:
      kernels: Floats ``(height, width, input channels, filters)``.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.
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
    with image_grid(path, rows, columns, f"{title}: kernels", note, least=8) as axes:
        for row, column in np.ndindex(rows, columns):
            channel, number = (0, row * columns + column) if inputs == 1 else (row, column)
            if number < filters:
                kernel = kernels[:, :, channel, number]
                draw_image(axes, kernel, row, column, LINE, cmap="RdBu", vmin=-scale, vmax=scale)


def filter_grid(image: Floats, filters: Mapping[str, tuple[Floats, Floats]], path: Path | str, *, title: str) -> None:
    """Draw an image and the responses of filters to it, with the kernels as numbers below them.

    The response of a kernel that sums to 0 is drawn blue above zero, red below and white at zero; others in gray.

    Args:
      image: Floats ``(height, width)`` from 0 to 1.
      filters: ``{name: (kernel, response)}``, both two-dimensional floats.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.
    """
    columns = 4
    rows = math.ceil((len(filters) + 1) / columns)
    note = "Below each response its kernel. Where a kernel sums to 0: blue above zero, red below, white at zero"
    with figure(path, 2.45 * rows, f"{title}: filters", note) as page:
        grid = page.subplots(rows, columns).ravel()
        for axes in grid:
            axes.axis("off")
        grid[0].imshow(image, cmap="gray", vmin=0, vmax=1)
        grid[0].set_title("image", size=9)
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


def without_channel(images: ArrayLike) -> NDArray[np.uint8]:
    """uint8 ``(n, height, width, 1)`` -> ``(n, height, width)``; that, and RGB, as it is; ``ValueError`` otherwise."""
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.dtype != np.uint8 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)):
        raise ValueError(f"images are uint8 of shape (n, h, w, 1 or 3); got {images.dtype} of shape {images.shape}.")
    return images


@contextmanager
def class_grid(
    path: Path | str, classes: Sequence[str], columns: float, heading: str, note: str, top: float = 0.0
) -> Iterator[tuple[Axes, NDArray[np.int64]]]:
    """An ``image_grid`` with a row for each class, named on the left, below ``top``; and the classes that have one.

    The note begins with the number of classes if only some are shown.
    """
    shown = np.unique(np.linspace(0, len(classes) - 1, min(len(classes), CLASS_ROWS)).round().astype(int))
    if len(shown) < len(classes):
        note = f"{len(shown)} of {len(classes)} classes. {note}"
    names = [fit(classes[label], 17) for label in shown]
    with image_grid(path, len(shown) + top, columns, heading, note, 0.3 + 0.1 * max(map(len, names))) as axes:
        for row, name in enumerate(names):
            axes.text(-0.1, row + top + 0.5, name, ha="right", va="center_baseline")
        yield axes, shown


@contextmanager
def image_grid(
    path: Path | str, rows: float, columns: float, heading: str, note: str, margin: float = 0.0, least: int = 0
) -> Iterator[Axes]:
    """A ``figure`` with axes without ticks on which every image is a square of side 1.

    ``margin`` is free to the left of the first column; the squares are as small as of ``least`` columns.
    """
    with figure(path, 0.1 + 6.8 * rows / max(columns + margin, least), heading, note) as page:
        axes = page.add_subplot()
        axes.axis("off")
        axes.set(xlim=(-margin, columns), ylim=(rows, 0), aspect="equal", anchor="NW")
        yield axes


def draw_image(
    axes: Axes, image: NDArray, row: float, column: float, frame: str, *, cmap: str = "gray_r", vmin=0.0, vmax=255.0
) -> None:
    """Draw an image, ``(height, width)`` or RGB, with a frame of this color into a cell of an ``image_grid``."""
    from matplotlib.patches import Rectangle

    left, top, side = column + 0.04, row + 0.04, 0.92
    extent = left, left + side, top + side, top
    axes.imshow(image, cmap=cmap, vmin=vmin, vmax=vmax, extent=extent, interpolation="nearest")
    axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=frame, linewidth=1.2))


def _caption(label, answer):
    """The class and, if it differs, the predicted class: on a second line unless both are short."""
    if label == answer:
        return fit(label, 12)
    if len(label) + len(answer) <= 9:
        return f"{label} → {answer}"
    return f"{fit(label, 12)}\n→ {fit(answer, 10)}"
