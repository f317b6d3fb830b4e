"""Real digits and doodles, drawn anew on canvases of every kind: what people hand in.

A digit is enlarged from its bitmap, a doodle drawn from its strokes; then the pen, the paper, the colours and the file
are chosen. Nothing here uses the preparation that it puts to the test, but for the centerlines of thin digits.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from jaxdoodle.preprocessing.stroke_width import centerline
from jaxdoodle.strokes.drawing import Drawing
from jaxdoodle.strokes.raster import rasterize

Array = Any  # numpy.ndarray
#: Draws itself, white on black, floats from 0 to 1, its longer side about ``size`` pixels with a pen ``pen`` times as
#: wide as that of the published bitmap.
Subject = Callable[[int, float], Array]

BOX, PEN = 255, 16  # units of a simplified drawing's longer side, and of Quick, Draw!'s pen


@dataclass(frozen=True)
class Canvas:
    """What to draw on, and with what; each range is drawn from evenly.

    ``side``     of the square canvas, in pixels.
    ``fill``     the drawing's longer side, as part of the canvas.
    ``pen``      times the published pen's width.
    ``ink``, ``paper``  grey, 0 for black to 1 for white; ``None``: anything at least 0.4 apart.
    ``stretch``  up to how many times as wide, or as high, as it was drawn.
    ``file``     "any": an array, transparent or JPEG of quality 50, each a third; "array"; "photograph".
    """

    side: tuple[int, int] = (100, 1000)
    fill: tuple[float, float] = (0.3, 0.95)
    pen: tuple[float, float] = (1.0, 1.0)
    ink: float | None = None
    paper: float | None = None
    stretch: float = 1.0
    file: str = "any"


def of_doodle(drawing: Drawing) -> Subject:
    """A simplified drawing in strokes."""

    def draw(size: int, pen: float) -> Array:
        width = PEN * pen
        return rasterize([drawing], round(size * (BOX + 1 + width) / (BOX + PEN)), width, 0.0)[0] / np.float32(255)

    return draw


def of_digit(bitmap: Array) -> Subject:
    """A bitmap uint8 (28, 28), enlarged; its outline is moved outwards for a broader pen.

    For a finer one each stretch of the centerline is drawn in the part ``pen`` of its own width.
    """

    def draw(size: int, pen: float) -> Array:
        zoom = size / 20
        side = round(28 * zoom)
        large = Image.fromarray(bitmap).resize((side, side), Image.Resampling.BICUBIC)
        room = round(zoom * max(0.0, 2.5 * (pen - 1) - 3))  # a broad pen goes beyond the bitmap's margin of 4
        mask = np.pad(np.asarray(large) > 127, room)
        depth = ndimage.distance_transform_edt(mask)
        if pen == 1:
            return np.clip(np.asarray(large, np.float32) / 255 * 2 - 0.5, 0, 1)
        ridge = depth * (depth >= 0.95 * ndimage.maximum_filter(depth, 3)) * mask
        radius = float(np.median(ridge[ridge > 0]))
        if pen > 1:
            return np.clip(0.5 + radius * (pen - 1) - ndimage.distance_transform_edt(~mask), 0, 1).astype(np.float32)
        line = centerline(mask, len(mask))
        away, nearest = ndimage.distance_transform_edt(~line, return_indices=True)
        return np.clip(0.5 + pen * depth[tuple(nearest)] - away, 0, 1).astype(np.float32)

    return draw


def canvas_of(subject: Subject, canvas: Canvas, rng: np.random.Generator) -> Any:
    """The picture as a user's program would hand it in: an array, or a Pillow image."""
    side = int(rng.integers(canvas.side[0], canvas.side[1] + 1))
    size = max(8, round(side * rng.uniform(*canvas.fill)))
    ink = _cut(subject(size, rng.uniform(*canvas.pen)))
    if canvas.stretch > 1:
        factor = rng.uniform(1, canvas.stretch)
        height, width = ink.shape
        shape = (round(width * factor), height) if rng.random() < 0.5 else (width, round(height * factor))
        ink = np.asarray(Image.fromarray(ink).resize(shape, Image.Resampling.BILINEAR))
    side = max(side, *(n + 2 for n in ink.shape))
    top, left = (int(rng.integers(1, side - n)) for n in ink.shape)
    sheet = np.zeros((side, side), np.float32)
    sheet[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    dark, light = 0.5 - rng.uniform(0.2, 0.5), 0.5 + rng.uniform(0.2, 0.5)
    tones = (dark, light) if rng.random() < 0.5 else (light, dark)
    pen, paper = (a if b is None else b for a, b in zip(tones, (canvas.ink, canvas.paper), strict=True))
    picture = np.rint(255 * (paper + (pen - paper) * sheet)).astype(np.uint8)
    kind = canvas.file if canvas.file != "any" else ("array", "transparent", "JPEG")[rng.integers(3)]
    return FILES[kind](picture, sheet, rng)


def photograph(picture: Array, sheet: Array, rng: np.random.Generator) -> Any:
    """Pen on paper under a lamp: a gradient, a vignette, half the time a shadow's edge, blur, noise, JPEG, tinted."""
    del picture
    side = len(sheet)
    y, x = np.mgrid[:side, :side] / np.float32(side) - 0.5
    turn = rng.uniform(0, 2 * np.pi)
    light = 0.8 + rng.uniform(0.1, 0.4) * (np.cos(turn) * x + np.sin(turn) * y) - rng.uniform(0, 0.5) * (x**2 + y**2)
    if rng.random() < 0.5:
        turn = rng.uniform(0, 2 * np.pi)
        edge = np.cos(turn) * x + np.sin(turn) * y + rng.uniform(-0.3, 0.3)
        light *= 1 - rng.uniform(0.2, 0.45) / (1 + np.exp(-edge * rng.uniform(20, 100)))
    reflected = light * (1 - rng.uniform(0.5, 0.85) * sheet)
    seen = Image.fromarray(np.uint8(np.clip(reflected, 0, 1) * 255)).filter(ImageFilter.GaussianBlur(side / 400))
    noisy = np.asarray(seen, np.float32)[..., None] * rng.uniform(0.85, 1, 3)
    noisy += rng.normal(0, rng.uniform(1, 5), (side, side, 1))
    return _jpeg(np.uint8(np.clip(noisy, 0, 255)), 70)


def _jpeg(picture: Array, quality: int) -> Any:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def _transparent(picture: Array, sheet: Array, rng: np.random.Generator) -> Any:
    """The ink in its own colour on nothing."""
    color = np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (*sheet.shape, 3))
    return np.dstack([color, np.rint(255 * sheet).astype(np.uint8)])


#: (picture uint8, ink 0 to 1, rng) -> what is handed in.
FILES: dict[str, Callable[[Array, Array, np.random.Generator], Any]] = {
    "array": lambda picture, sheet, rng: picture,
    "transparent": _transparent,
    "JPEG": lambda picture, sheet, rng: _jpeg(picture, 50),
    "photograph": photograph,
}


def _cut(ink: Array) -> Array:
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
