"""A drawing in strokes -> the bitmap that a network was trained on, by the network's contract.

Strokes need no guessing: the pen, the scale and the place are the contract's own. Whatever a model is asked about in
strokes is rendered by this, also in a ``.pyz`` and, told again in JavaScript, on the page (``app/strokes.js``). The
embedded doodles and the data doctor paint simplified drawings with ``raster.rasterise``: Quick, Draw!'s contract alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.strokes.drawing import BOX, Drawing, simplify
from jaxdoodle.strokes.raster import middles, paint

#: Where a contract leaves the pen open: this part of its longest side.
PEN = 1 / 8


def pen_of(preprocessing: Preprocessing) -> float:
    """The width that strokes are drawn with, in pixels of the bitmap."""
    return preprocessing.stroke_width or preprocessing.longest_side * PEN


def render(drawing: Drawing, preprocessing: Preprocessing) -> np.ndarray:
    """A raw or simplified drawing as uint8 ``(height, width)``, white ink on black.

    By the Quick, Draw! contract this is the published bitmap. Raises ``InputError`` at what is no drawing.
    """
    return render_all([drawing], preprocessing)[0]


def render_all(drawings: Sequence[Drawing], preprocessing: Preprocessing) -> np.ndarray:
    """Many drawings at once: uint8 ``(n, height, width)``.

    Where the contract centers by mass, they are painted in the middle, weighed, and painted again where they belong.
    """
    simple = [simplify(drawing) for drawing in drawings]
    shape = preprocessing.image_shape[:2]
    pen = pen_of(preprocessing)
    scale = (preprocessing.longest_side - pen) / (BOX - 1)  # bitmap pixels to a unit of the simplified drawing

    def painted(centers: np.ndarray) -> np.ndarray:
        """With the middle of each drawing at its (row, column), counted from the middle of the first pixel."""
        return paint(simple, shape, scale, pen, centers[:, ::-1] + 0.5 - scale * middles(simple))

    goal = np.tile(preprocessing.center, (len(simple), 1))
    if preprocessing.centering == "box":
        return painted(goal)
    middle = np.tile((np.array(shape) - 1) / 2, (len(simple), 1))
    return painted(middle + goal - _centers_of_mass(painted(middle)))


def _centers_of_mass(bitmaps: np.ndarray) -> np.ndarray:
    """``(n, height, width)`` -> (row, column) of each, ``(n, 2)``; of blank ones, as a hair leaves, the middle."""
    sides = [np.maximum(bitmaps.sum(axis=axis, dtype=np.float64), 1e-9) for axis in (2, 1)]
    return np.stack([side @ np.arange(side.shape[1]) / side.sum(axis=1) for side in sides], axis=1)
