"""The preprocessing steps of one input as a row of pictures. Needs Pillow alone."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxdoodle.core.types import NDArray

#: Sizes of the strip, in pixels.
SIDE, GAP, HEADING = 180, 14, 24


def draw_steps(steps: Sequence[tuple[str, NDArray[np.float32]]], path: str | os.PathLike[str]) -> None:
    """Draw preprocessing steps in a row with their names.

    Args:
      steps: ``Preprocessed.steps``. (h, w) with white ink on black is drawn black on white, (h, w, 1, 3 or 4) as it is.
      path: The picture to write; its suffix says the format.
    """
    font = ImageFont.load_default(12)
    strip = Image.new("RGB", (GAP + len(steps) * (SIDE + GAP), HEADING + SIDE + GAP), "#f3f3f3")
    canvas = ImageDraw.Draw(strip)
    for index, (name, picture) in enumerate(steps):
        left = GAP + index * (SIDE + GAP)
        canvas.text((left, HEADING - 4), name, "#222222", font, anchor="ls")
        levels = np.rint(255 * (1 - picture if picture.ndim == 2 else picture)).astype(np.uint8)
        shown = Image.fromarray(levels[..., 0] if levels.ndim == 3 and levels.shape[2] == 1 else levels).convert("RGBA")
        zoom = SIDE / max(shown.size)
        size = [max(1, round(n * zoom)) for n in shown.size]
        shown = shown.resize(size, Image.Resampling.NEAREST if zoom > 2 else Image.Resampling.BOX)
        strip.paste(shown, (left + (SIDE - size[0]) // 2, HEADING + (SIDE - size[1]) // 2), shown)
    strip.save(path)
