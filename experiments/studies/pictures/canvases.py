"""Real digits and doodles drawn anew on canvases of every kind, as users hand them in.

A digit is enlarged from its bitmap, a doodle drawn from its strokes; then stroke width, background, colors and file
are chosen. Nothing here uses the preprocessing under test, except the centerlines of thin digits.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

from jaxdoodle.preprocessing.stroke_width import centerline
from jaxdoodle.strokes.drawing import Drawing
from jaxdoodle.strokes.raster import rasterize

Array = NDArray[np.generic]
#: ``(size, factor)`` -> the drawing, white on black, float32 0 to 1, its longer side about ``size`` pixels and its
#: strokes ``factor`` times as wide as in the published bitmap.
Renderer = Callable[[int, float], Array]

BOX, STROKE_WIDTH = 255, 16  # units of a simplified drawing's longer side, and of Quick, Draw!'s strokes


@dataclass(frozen=True)
class Canvas:
    """A distribution of canvases; each range is sampled uniformly.

    Args:
      side: Of the square canvas, in pixels.
      fill: The drawing's longer side, as a fraction of the canvas.
      stroke_width: As a multiple of the published one.
      ink: Grey, 0 (black) to 1 (white); ``None``: any that differs from the background by 0.4 or more.
      background: Grey likewise.
      stretch: Largest factor by which width or height is stretched.
      file: "any": an array, transparent or JPEG of quality 50, each a third; "array"; "photograph".
    """

    side: tuple[int, int] = (100, 1000)
    fill: tuple[float, float] = (0.3, 0.95)
    stroke_width: tuple[float, float] = (1.0, 1.0)
    ink: float | None = None
    background: float | None = None
    stretch: float = 1.0
    file: str = "any"


def of_doodle(drawing: Drawing) -> Renderer:
    """A simplified drawing in strokes."""

    def draw(size: int, factor: float) -> Array:
        width = STROKE_WIDTH * factor
        side = round(size * (BOX + 1 + width) / (BOX + STROKE_WIDTH))
        return rasterize([drawing], side, width, 0.0)[0] / np.float32(255)

    return draw


def of_digit(bitmap: NDArray[np.uint8]) -> Renderer:
    """A bitmap ``(28, 28)``, enlarged; for broader strokes its outline is moved outwards.

    For finer ones each piece of the centerline is drawn in the fraction ``factor`` of its width.
    """

    def draw(size: int, factor: float) -> Array:
        zoom = size / 20
        side = round(28 * zoom)
        large = Image.fromarray(bitmap).resize((side, side), Image.Resampling.BICUBIC)
        room = round(zoom * max(0.0, 2.5 * (factor - 1) - 3))  # broad strokes go beyond the bitmap's margin of 4
        mask = np.pad(np.asarray(large) > 127, room)
        depth = ndimage.distance_transform_edt(mask)
        if factor == 1:
            return np.clip(np.asarray(large, np.float32) / 255 * 2 - 0.5, 0, 1)
        ridge = depth * (depth >= 0.95 * ndimage.maximum_filter(depth, 3)) * mask
        radius = float(np.median(ridge[ridge > 0]))
        if factor > 1:
            return np.clip(0.5 + radius * (factor - 1) - ndimage.distance_transform_edt(~mask), 0, 1).astype(np.float32)
        line = centerline(mask, len(mask))
        away, nearest = ndimage.distance_transform_edt(~line, return_indices=True)
        return np.clip(0.5 + factor * depth[tuple(nearest)] - away, 0, 1).astype(np.float32)

    return draw


def canvas_of(render: Renderer, canvas: Canvas, rng: np.random.Generator) -> Any:
    """The image as a user's program would hand it in: an array, or a Pillow image."""
    side = int(rng.integers(canvas.side[0], canvas.side[1] + 1))
    size = max(8, round(side * rng.uniform(*canvas.fill)))
    ink = cut(render(size, rng.uniform(*canvas.stroke_width)))
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
    given = (canvas.ink, canvas.background)
    tone, background = (a if b is None else b for a, b in zip(tones, given, strict=True))
    image = np.rint(255 * (background + (tone - background) * sheet)).astype(np.uint8)
    kind = canvas.file if canvas.file != "any" else ("array", "transparent", "JPEG")[rng.integers(3)]
    return FILES[kind](image, sheet, rng)


def photograph(image: Array, sheet: Array, rng: np.random.Generator) -> Any:
    """Pen on paper under a lamp: a gradient, a vignette, half the time a shadow's edge, blur, noise, JPEG, tinted."""
    del image
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
    return jpeg(np.uint8(np.clip(noisy, 0, 255)), 70)


def jpeg(image: Array, quality: int) -> Any:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def _transparent(image: Array, sheet: Array, rng: np.random.Generator) -> Any:
    """Ink of one color on a transparent background."""
    color = np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (*sheet.shape, 3))
    return np.dstack([color, np.rint(255 * sheet).astype(np.uint8)])


#: Kind -> ``(image uint8, ink 0 to 1, rng)`` -> what is handed in.
FILES: dict[str, Callable[[Array, Array, np.random.Generator], Any]] = {
    "array": lambda image, sheet, rng: image,
    "transparent": _transparent,
    "JPEG": lambda image, sheet, rng: jpeg(image, 50),
    "photograph": photograph,
}


def cut(ink: Array) -> Array:
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
