"""A drawing on a sheet of paper, and the means to draw more on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from experiments.studies.pictures.canvases import Array, Renderer, cut

#: Lines are drawn so many times as large and reduced.
OVERSAMPLED = 3
INKS = ((0.05, 0.05, 0.05), (0.1, 0.1, 0.3), (0.1, 0.15, 0.6), (0.25, 0.25, 0.28))
PAPERS = ((1.0, 1.0, 1.0), (0.98, 0.97, 0.94), (0.95, 0.95, 0.97))
RULES = ((0.55, 0.7, 0.9), (0.6, 0.75, 0.65), (0.7, 0.7, 0.7), (0.4, 0.5, 0.75))
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Sheet:
    """A drawing on a page.

    Args:
      ink: float32 (height, width), 0 to 1: the drawing alone.
      box: Of the drawing: top, left, bottom, right.
      width: Of its strokes, in pixels, about.
      color: Of the ink, RGB from 0 to 1.
      paper: Likewise.
    """

    ink: NDArray[np.float32]
    box: tuple[int, int, int, int]
    width: float
    color: tuple[float, float, float]
    paper: tuple[float, float, float]

    @property
    def size(self) -> float:
        """The longer side of the drawing."""
        top, left, bottom, right = self.box
        return max(bottom - top, right - left)

    def page(self) -> NDArray[np.float32]:
        """The drawing on its paper, (height, width, 3)."""
        return blend(np.broadcast_to(np.float32(self.paper), (*self.ink.shape, 3)), self.ink, self.color)


def sheet_of(render: Renderer, rng: np.random.Generator, *, factor: float = 1.0, fill: tuple[float, float] = (0.3, 0.6),
             side: tuple[int, int] = (90, 320)) -> Sheet:  # fmt: skip
    """A drawing somewhere on a page of any size, near its middle."""
    height, width = (int(n) for n in rng.integers(side[0], side[1] + 1) * rng.uniform(0.85, 1, 2))
    size = max(32, round(min(height, width) * rng.uniform(*fill)))
    ink = cut(render(size, factor))
    height, width = (max(n, m + 8) for n, m in zip((height, width), ink.shape, strict=True))
    top, left = (round((n - m) * rng.uniform(0.3, 0.7)) for n, m in zip((height, width), ink.shape, strict=True))
    sheet = np.zeros((height, width), np.float32)
    sheet[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    box = (top, left, top + ink.shape[0], left + ink.shape[1])
    return Sheet(sheet, box, max(1.5, 0.09 * size * factor), one_of(INKS, rng), one_of(PAPERS, rng))


def blend(page: Array, mask: Array, color: Sequence[float]) -> NDArray[np.float32]:
    """Ink of a color over a page."""
    return page * (1 - mask[..., None]) + np.float32(color) * mask[..., None]  # type: ignore[no-any-return]


def lines(shape: tuple[int, ...], paths: Sequence[Points], width: float) -> NDArray[np.float32]:
    """Polylines of (x, y) as a mask."""
    large = Image.new("L", (shape[1] * OVERSAMPLED, shape[0] * OVERSAMPLED))
    pen, wide = ImageDraw.Draw(large), max(1, round(width * OVERSAMPLED))
    for path in paths:
        points = [(x * OVERSAMPLED, y * OVERSAMPLED) for x, y in path]
        pen.line(points, 255, wide, "curve")
        for x, y in points:
            pen.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), 255)
    return np.asarray(large.resize((shape[1], shape[0]), Image.Resampling.BOX), np.float32) / 255


def by_hand(path: Points, wobble: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """The path with points in between, moved smoothly by about ``wobble``."""
    points = [np.array(path[0], float)]
    for a, b in zip(path[:-1], path[1:], strict=True):
        steps = np.linspace(0, 1, 13)[1:, None]
        points += list(np.array(a) * (1 - steps) + np.array(b) * steps)
    noise = rng.normal(0, 1, (len(points) + 8, 2))
    smooth = np.stack([np.convolve(noise[:, i], np.ones(9) / 3, "valid") for i in (0, 1)], axis=1)
    return [tuple(p) for p in np.array(points) + wobble * smooth]


def finish(page: Array) -> NDArray[np.uint8]:
    return np.uint8(np.rint(255 * np.clip(page, 0, 1)))  # type: ignore[no-any-return]


def one_of(choices: Sequence[Any], rng: np.random.Generator) -> Any:
    return choices[rng.integers(len(choices))]


def around(sheet: Sheet, rng: np.random.Generator, gap: tuple[float, float]) -> tuple[float, float, float, float]:
    """A box around the drawing, further out by fractions of its size: left, top, right, bottom."""
    top, left, bottom, right = sheet.box
    gaps = sheet.width + sheet.size * rng.uniform(*gap, 4)
    return left - gaps[0], top - gaps[1], right + gaps[2], bottom + gaps[3]


def blurred(image: Array, radius: float) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
