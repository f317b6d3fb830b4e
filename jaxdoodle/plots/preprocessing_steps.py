"""How a picture became the network's input, as a strip of pictures. Needs Pillow alone."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE, GAP, HEADING = 180, 14, 24  # pixels


def draw_stages(steps: Sequence[tuple[str, np.ndarray]], path: str | os.PathLike[str]) -> None:
    """Write the ``stages`` that ``preprocess`` collected, in a row with their names, as one picture.

    Each is floats 0 to 1: (h, w) with white ink on black, which is shown black on white, or (h, w, 1, 3 or 4) as is.
    """
    font = ImageFont.load_default(12)
    strip = Image.new("RGB", (GAP + len(steps) * (SIDE + GAP), HEADING + SIDE + GAP), "#f3f3f3")
    pen = ImageDraw.Draw(strip)
    for index, (name, picture) in enumerate(steps):
        left = GAP + index * (SIDE + GAP)
        pen.text((left, HEADING - 4), name, "#222222", font, anchor="ls")
        shown = _picture(picture)
        zoom = SIDE / max(shown.size)
        size = [max(1, round(n * zoom)) for n in shown.size]
        shown = shown.resize(size, Image.Resampling.NEAREST if zoom > 2 else Image.Resampling.BOX)
        strip.paste(shown, (left + (SIDE - size[0]) // 2, HEADING + (SIDE - size[1]) // 2), shown)
    strip.save(path)


def _picture(pixels: np.ndarray) -> Image.Image:
    """As RGBA; nothing, where it is transparent."""
    levels = np.rint(255 * (1 - pixels if pixels.ndim == 2 else pixels)).astype(np.uint8)
    return Image.fromarray(levels[..., 0] if levels.ndim == 3 and levels.shape[2] == 1 else levels).convert("RGBA")
