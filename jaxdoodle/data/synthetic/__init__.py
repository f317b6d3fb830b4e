"""Doodles drawn from a seed instead of by people, in the manner of Quick, Draw!: training data without a download.

``artists`` puts a thing together from a few strokes, in one of the ways in which people draw it in twenty seconds;
``hand`` has the strokes, and does to them what hands do.
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.synthetic.generators import ARTISTS
from jaxdoodle.data.synthetic.stroke_noise import by_hand
from jaxdoodle.strokes.raster import rasterize

#: The five classes of "Doodle Classifier" (Bilal Ahmad), then others; all are Quick, Draw! categories.
CLASSES = tuple(ARTISTS)


def draw(name: str, rng: np.random.Generator) -> list[tuple[list[int], list[int]]]:
    """One drawing of a class as simplified strokes ``(x, y)``. Raises ``InputError`` at an unknown class."""
    return [(x.astype(int).tolist(), y.astype(int).tolist()) for x, y in _draw_many(name, 1, rng)[0]]


def generate(name: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Bitmaps of a class: uint8 ``(count, 28, 28)``, white ink on black. Raises ``InputError`` at an unknown class."""
    return rasterize(_draw_many(name, count, rng))


def _draw_many(name: str, count: int, rng: np.random.Generator) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    if name not in ARTISTS:
        raise InputError(f"there are no embedded doodles of {name!r}, only of {', '.join(CLASSES)}.")
    return by_hand([ARTISTS[name](rng) for _ in range(count)], rng)
