"""Pictures of a dataset and of how a drawing was drawn. Each function takes plain arrays and writes one PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from jaxdoodle.data.near_duplicates import describe
from jaxdoodle.plots.image_grids import _class_rows, _paper, _pictures, _place
from jaxdoodle.plots.style import BLUE, INK, LINE, MUTED, RED, figure

SHEET = (12, 16)  # rows and columns of a contact sheet
EXTREMES = 6  # of each kind, in a row
STAGES = 7  # pictures side by side of how a drawing grows
COMPARED = 2_000  # drawings of a class, each with all others
NEIGHBOURS = 11  # a drawing itself and the ten most like it


def contact_sheet(images: np.ndarray, path: Path | str, *, title: str) -> None:
    """As many drawings as a page holds, evenly spread over ``images``, uint8 ``(n, h, w, 1)``, in their order."""
    images = _pictures(images)
    rows, columns = SHEET
    shown = np.unique(np.linspace(0, len(images) - 1, min(len(images), rows * columns)).astype(int))
    rows = max(1, math.ceil(len(shown) / columns))
    note = (
        f"{len(shown):,} of {len(images):,} drawings, evenly spread"
        if len(shown) < len(images)
        else f"all {len(images):,} drawings"
    )
    with figure(path, 0.1 + 6.8 * rows / columns, f"{title}: contact sheet", note) as page:
        axes = _paper(page, rows, columns)
        axes.imshow(
            _mosaic(images[shown], rows, columns), cmap="gray_r", vmin=0, vmax=255, extent=(0, columns, rows, 0)
        )
        axes.hlines(range(rows + 1), 0, columns, color=LINE, linewidth=0.6)
        axes.vlines(range(columns + 1), 0, rows, color=LINE, linewidth=0.6)


def typical(images: np.ndarray, labels: ArrayLike, classes: Sequence[str], path: Path | str, *, title: str) -> None:
    """The drawings of each class most and least like others of it, one class a row; of more than 14 classes,
    14 spread over the list; of more than 2,000 drawings, 2,000 of them.

    Likeness is that of ``data.likeness``: neither place nor brightness counts. ``images`` are uint8 ``(n, h, w, 1)``,
    ``labels`` ``(n,)`` integers.
    """
    pictures, labels = _pictures(images), np.asarray(labels)
    note = f"Left the {EXTREMES} drawings of which there are most alike in their class, right the {EXTREMES} loneliest"
    shown, names, margin, note = _class_rows(classes, note)
    columns = 2 * EXTREMES + 0.5
    heading = f"{title}: most and least typical"
    with figure(path, 0.1 + 6.8 * (len(shown) + 0.45) / (columns + margin), heading, note) as page:
        axes = _paper(page, len(shown) + 0.45, columns, margin)
        for left, text in ((0, "most typical"), (EXTREMES + 0.5, "least typical")):
            axes.text(left + EXTREMES / 2, 0.2, text, ha="center", va="center", color=MUTED)
        for row, label in enumerate(shown):
            axes.text(-0.1, row + 0.95, names[row], ha="right", va="center_baseline")
            near, far = extremes(pictures[labels == label])
            for left, chosen in ((0.0, near), (EXTREMES + 0.5, far)):
                for column, image in enumerate(pictures[labels == label][chosen]):
                    _place(axes, image, row + 0.45, left + column, LINE)


def extremes(images: np.ndarray, count: int = EXTREMES) -> tuple[np.ndarray, np.ndarray]:
    """Places of the ``count`` drawings that are closest to others, closest first, and of the loneliest, likewise.

    ``images`` are uint8 ``(n, h, w)``. Of fewer than twice ``count``, each is on one side only.
    """
    chosen = np.unique(np.linspace(0, len(images) - 1, min(len(images), COMPARED)).astype(int))
    described = describe(images[chosen, ..., None])
    described /= np.maximum(np.linalg.norm(described, axis=1, keepdims=True), 1e-9)
    # the angle, not the distance: a broad pen leaves little detail and would be near to everything
    likeness = np.sort(described @ described.T, axis=1)[:, -NEIGHBOURS:].sum(axis=1)
    order = chosen[np.argsort(-likeness, kind="stable")]
    half = math.ceil(len(order) / 2)
    return order[: min(count, half)], order[::-1][: min(count, len(order) - half)]


def stroke_order(drawing: Sequence[Sequence], path: Path | str, *, title: str) -> None:
    """How a drawing was drawn: every stroke numbered where it begins, from blue (first) to red (last), and the page as
    it filled.

    ``drawing`` is a list of strokes ``(x, y)`` or ``(x, y, t)``, y pointing down.
    """
    strokes = [np.array([x, y], float) for x, y, *_ in drawing]
    points = np.concatenate(strokes, axis=1)
    low, high = points.min(axis=1), points.max(axis=1)
    side = max(float((high - low).max()), 1.0)
    middle, half = (low + high) / 2, 0.56 * side
    colors = _ramp(len(strokes))
    steps = np.unique(np.linspace(1, len(strokes), min(len(strokes), STAGES)).round().astype(int))
    note = f"{len(strokes)} strokes, {points.shape[1]:,} points. A number stands where its stroke begins"
    note += f", an arrow where it ends. {_timing(drawing)}Below, the page after so many strokes"
    with figure(path, 6.3, f"{title}: stroke order", note) as page:
        grid = page.add_gridspec(2, STAGES, height_ratios=(5.2, 1.1))
        axes = _canvas(page.add_subplot(grid[0, :]), middle, half)
        for stroke, color in zip(strokes, colors, strict=True):
            _draw_stroke(axes, stroke, color, 2.4)
            _arrow(axes, stroke, color, half)
        for number, place in enumerate(_apart([stroke[:, 0] for stroke in strokes], 0.085 * half), start=1):
            box = {"boxstyle": "circle,pad=0.18", "facecolor": "white", "edgecolor": colors[number - 1]}
            axes.text(*place, str(number), size=7, ha="center", va="center", color=INK, bbox=box)
        for column, count in enumerate(steps):
            axes = _canvas(page.add_subplot(grid[1, column]), middle, half)
            for stroke, color in zip(strokes[:count], colors, strict=False):
                _draw_stroke(axes, stroke, color, 1.2)
            axes.set_title(str(count), size=8, color=MUTED, pad=2)


def _mosaic(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The pictures ``(n, h, w)`` side by side, row after row; what is left of the last row stays paper."""
    _, height, width = images.shape
    cells = np.zeros((rows * columns, height, width), np.uint8)
    cells[: len(images)] = images
    return cells.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


def _ramp(count: int) -> list:
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("order", [BLUE, "#8c6bb1", RED])
    return [colors(place) for place in np.linspace(0, 1, count)]


def _timing(drawing: Sequence[Sequence]) -> str:
    """A raw drawing has the time of every point, in milliseconds."""
    if not all(len(stroke) > 2 and len(stroke[2]) for stroke in drawing):
        return ""
    return f"Drawn in {(drawing[-1][2][-1] - drawing[0][2][0]) / 1000:.1f} s. "


def _canvas(axes, middle, half):
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] + half, middle[1] - half), aspect="equal")
    axes.axis("off")
    return axes


def _draw_stroke(axes, stroke, color, width):
    if stroke.shape[1] == 1:
        axes.plot(*stroke, ".", color=color, markersize=2 * width)
    else:
        axes.plot(*stroke, color=color, linewidth=width, solid_capstyle="round", solid_joinstyle="round")


def _arrow(axes, stroke, color, half):
    """A head at the end of a stroke, along its last stretch that is long enough to have a direction."""
    end = stroke[:, -1]
    away = np.flatnonzero(np.hypot(*(stroke - end[:, None])) > 0.03 * half)
    if len(away):
        axes.annotate(
            "", end, stroke[:, away[-1]], arrowprops={"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0}
        )


def _apart(places: list[np.ndarray], least: float) -> list[np.ndarray]:
    """The places, each moved as little as need be along a spiral until it is ``least`` away from all before it."""
    put: list[np.ndarray] = []
    for place in places:
        for turn in range(400):
            angle = turn * 2.4  # the golden angle: the spiral leaves no direction out
            at = place + least * 0.35 * math.sqrt(turn) * np.array([math.cos(angle), math.sin(angle)])
            if all(np.hypot(*(at - other)) >= least for other in put):
                break
        put.append(at)
    return put
