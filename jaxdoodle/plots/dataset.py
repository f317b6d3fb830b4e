"""The drawings of a dataset, and the stroke order of one. Each function takes plain arrays and writes one PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdoodle.core.rows import spread
from jaxdoodle.data.near_duplicates import compute_descriptors
from jaxdoodle.plots.image_grids import Images, class_grid, draw_image, image_grid, without_channel
from jaxdoodle.plots.style import BLUE, INK, LINE, MUTED, RED, figure, gradient
from jaxdoodle.strokes.drawing import Drawing

SHEET = (12, 16)  # rows and columns of a contact sheet
EXTREMES = 6  # most and least typical drawings in a row, each
PANELS = 7  # images side by side of how a drawing grows
TALLEST = 6.5  # inches of a drawing that is taller than wide
COMPARED = 2_000  # most drawings of a class that are compared, each with all others
NEIGHBORS = 11  # a drawing itself and the ten most similar to it


def contact_sheet(images: Images, path: Path | str, *, title: str) -> None:
    """Draw up to 192 drawings in their order; of more, 192 that are evenly spread.

    Args:
      images: uint8 ``(n, height, width, 1)``, white ink (255) on black; drawn dark on white.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.

    Raises:
      ValueError: If the images have another shape or dtype.
    """
    images = without_channel(images)
    rows, columns = SHEET
    shown = spread(len(images), rows * columns)
    rows = max(1, math.ceil(len(shown) / columns))
    some = len(shown) < len(images)
    note = f"{len(shown):,} of {len(images):,} drawings, evenly spread" if some else f"all {len(images):,} drawings"
    with image_grid(path, rows, columns, f"{title}: contact sheet", note) as axes:
        mosaic = _mosaic(images[shown], rows, columns)
        axes.imshow(mosaic, cmap="gray_r", vmin=0, vmax=255, extent=(0, columns, rows, 0))
        axes.hlines(range(rows + 1), 0, columns, color=LINE, linewidth=0.6)
        axes.vlines(range(columns + 1), 0, rows, color=LINE, linewidth=0.6)


def typical_drawings(
    images: Images, labels: ArrayLike, classes: Sequence[str], path: Path | str, *, title: str
) -> None:
    """Draw the drawings of each class that are most and least similar to others of it, one class a row.

    Of more than 14 classes, 14 spread over the list are drawn; of more than 2,000 drawings of a class, 2,000 are
    compared. The similarity is that of ``extremes``.

    Args:
      images: uint8 ``(n, height, width, 1)``, white ink (255) on black; drawn dark on white.
      labels: Integers ``(n,)``, indices into ``classes``.
      classes: Class names.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.

    Raises:
      ValueError: If the images have another shape or dtype.
    """
    images, labels = without_channel(images), np.asarray(labels)
    note = f"Left: the {EXTREMES} drawings most similar to others of their class. Right: the {EXTREMES} least similar"
    heading = f"{title}: most and least typical"
    with class_grid(path, classes, 2 * EXTREMES + 0.5, heading, note, top=0.45) as (axes, shown):
        for left, text in ((0, "most typical"), (EXTREMES + 0.5, "least typical")):
            axes.text(left + EXTREMES / 2, 0.2, text, ha="center", va="center", color=MUTED)
        for row, label in enumerate(shown):
            near, far = extremes(images[labels == label])
            for left, chosen in ((0.0, near), (EXTREMES + 0.5, far)):
                for column, image in enumerate(images[labels == label][chosen]):
                    draw_image(axes, image, row + 0.45, left + column, LINE)


def extremes(images: Images, count: int = EXTREMES) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the drawings that are most similar to others, and of those that are least.

    The similarity of two drawings is the cosine of their descriptions by ``data.near_duplicates``, which neither
    position nor brightness changes; of each drawing, those to the ten most similar ones are summed.

    Args:
      images: uint8 ``(n, height, width)``.
      count: Number of indices in each result; of fewer than ``2 * count`` drawings, each is in one of them only.

    Returns:
      Indices, the most similar first, and indices, the least similar first.
    """
    chosen = spread(len(images), COMPARED)
    described = compute_descriptors(images[chosen, ..., None])
    described /= np.maximum(np.linalg.norm(described, axis=1, keepdims=True), 1e-9)
    # cosines, not distances: a drawing with broad strokes has little detail and would be near to every other
    similarity = np.sort(described @ described.T, axis=1)[:, -NEIGHBORS:].sum(axis=1)
    order = chosen[np.argsort(-similarity, kind="stable")]
    half = math.ceil(len(order) / 2)
    return order[: min(count, half)], order[::-1][: min(count, len(order) - half)]


def stroke_order(drawing: Drawing, path: Path | str, *, title: str) -> None:
    """Draw a drawing with its strokes numbered where they begin, colored from blue (first) to orange (last).

    Below it, or beside it where it is taller than wide, is the drawing after some of its strokes, at most 7 times.

    Args:
      drawing: Strokes ``(x, y)`` or ``(x, y, t)``, each a sequence of numbers; y points down, t is in milliseconds.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.
    """
    strokes = [np.array([x, y], float) for x, y, *_ in drawing]
    points = np.concatenate(strokes, axis=1)
    low, high = points.min(axis=1), points.max(axis=1)
    side = max(float((high - low).max()), 1.0)
    middle, half = (low + high) / 2, 0.5 * np.maximum(high - low, 0.2 * side) + 0.06 * side
    colors = list(gradient(BLUE, "#8c6bb1", RED)(np.linspace(0, 1, len(strokes))))
    steps = np.unique(np.linspace(1, len(strokes), min(len(strokes), PANELS)).round().astype(int))
    note = f"{len(strokes)} strokes, {points.shape[1]:,} points. A number stands where its stroke begins"
    note += f", an arrow where it ends{'; from blue (first) to orange (last)' * (len(strokes) > 1)}. {_timing(drawing)}"
    tall, across = half[1] > half[0], len(steps) if len(steps) > 1 else 0
    if across:
        note += f"{'Right' if tall else 'Below'}: the drawing after that many strokes"
    with figure(path, _page_height(half, across, tall), f"{title}: stroke order", note) as page:
        main, *panels = _places(page, half, across, tall)
        axes = _canvas(main, middle, half)
        for stroke, color in zip(strokes, colors, strict=True):
            _draw_stroke(axes, stroke, color, 2.4)
            _arrow(axes, stroke, color, side / 2)
        for number, position in enumerate(_apart([stroke[:, 0] for stroke in strokes], 0.04 * side), start=1):
            box = {"boxstyle": "circle,pad=0.18", "facecolor": "white", "edgecolor": colors[number - 1]}
            axes.text(*position, str(number), size=7, ha="center", va="center", color=INK, bbox=box)
        for place, count in zip(panels, steps, strict=False):
            axes = _canvas(place, middle, half)
            for stroke, color in zip(strokes[:count], colors, strict=False):
                _draw_stroke(axes, stroke, color, 1.2)
            axes.set_title(str(count), size=8, color=MUTED, pad=2)


def _page_height(half: NDArray[np.floating], panels: int, tall: bool) -> float:
    """Inches that a drawing of these half sides fills, with its panels below it or beside it."""
    if tall:
        return min(TALLEST, 6.8 * float(half[1] / half[0]))
    aspect = float(half[1] / half[0])
    return 6.8 * aspect + (0.3 + 6.8 / PANELS * aspect) * bool(panels)


def _places(page, half: NDArray[np.floating], panels: int, tall: bool):
    """Axes for the drawing, and for each panel."""
    if not panels:
        return [page.add_subplot()]
    aspect = float(half[1] / half[0])
    if tall:
        rows = math.ceil(panels / 2)
        grid = page.add_gridspec(rows, 3, width_ratios=(2.2 * rows / 2, 1, 1))
        return [page.add_subplot(grid[:, 0]), *(page.add_subplot(grid[i // 2, 1 + i % 2]) for i in range(panels))]
    grid = page.add_gridspec(2, PANELS, height_ratios=(6.8 * aspect, 0.3 + 6.8 / PANELS * aspect))
    return [page.add_subplot(grid[0, :]), *(page.add_subplot(grid[1, i]) for i in range(panels))]


def _mosaic(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The images ``(n, h, w)``, or RGB, side by side, row after row; the rest of the last row is background."""
    _, height, width, *channels = images.shape
    cells = np.full((rows * columns, *images.shape[1:]), 255 if channels else 0, np.uint8)
    cells[: len(images)] = images
    joined = cells.reshape(rows, columns, height, width, *channels).swapaxes(1, 2)
    return joined.reshape(rows * height, columns * width, *channels)


def _timing(drawing: Drawing) -> str:
    """How long a raw drawing took; empty for a drawing without times."""
    if not all(len(stroke) > 2 and len(stroke[2]) for stroke in drawing):
        return ""
    return f"Drawn in {(drawing[-1][2][-1] - drawing[0][2][0]) / 1000:.1f} s. "


def _canvas(axes, middle, half):
    (left, top), (right, bottom) = middle - half, middle + half
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.axis("off")
    return axes


def _draw_stroke(axes, stroke, color, width):
    if stroke.shape[1] == 1:
        axes.plot(*stroke, ".", color=color, markersize=2 * width)
    else:
        axes.plot(*stroke, color=color, linewidth=width, solid_capstyle="round", solid_joinstyle="round")


def _arrow(axes, stroke, color, half):
    """An arrow head at the end of a stroke, in the direction from the last point that is far enough away."""
    end = stroke[:, -1]
    away = np.flatnonzero(np.hypot(*(stroke - end[:, None])) > 0.03 * half)
    if len(away):
        arrow = {"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", end, stroke[:, away[-1]], arrowprops=arrow)


def _apart(positions: list[np.ndarray], least: float) -> list[np.ndarray]:
    """The positions, each moved along a spiral until it is ``least`` away from all before it."""
    put: list[np.ndarray] = []
    for position in positions:
        for turn in range(400):
            angle = turn * 2.4  # the golden angle, which spreads the directions evenly
            at = position + least * 0.35 * math.sqrt(turn) * np.array([math.cos(angle), math.sin(angle)])
            if all(np.hypot(*(at - other)) >= least for other in put):
                break
        put.append(at)
    return put
