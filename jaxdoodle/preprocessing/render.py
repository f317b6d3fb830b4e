"""A drawing in strokes -> the bitmap that a network was trained on.

Strokes need no measuring: stroke width, scale and place are those of the network's ``Preprocessing``. Every drawing in
strokes that a model predicts is rendered here, and on the page by the same rules in JavaScript (``web/strokes.js``).
The embedded doodles and the data audit paint simplified drawings with ``raster.rasterize``, as Quick, Draw! does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.preprocessing.resample import inked
from jaxdoodle.strokes.drawing import BOX, Drawing, simplify
from jaxdoodle.strokes.raster import middles, paint

#: Stroke width where ``Preprocessing.stroke_width`` is None, as a fraction of the longest side.
DEFAULT_STROKE_WIDTH = 1 / 8


def stroke_width_of(preprocessing: Preprocessing) -> float:
    """The width that strokes are drawn with, in pixels of the bitmap."""
    return preprocessing.stroke_width or preprocessing.longest_side * DEFAULT_STROKE_WIDTH


def render_drawing(drawing: Drawing, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """A drawing as the bitmap that a network expects.

    Args:
      drawing: Its strokes, raw or simplified.
      preprocessing: Where the ink goes, and how wide the strokes are. With ``QUICKDRAW`` the published bitmap results.

    Returns:
      uint8 ``(height, width)``, white ink on black unless ``preprocessing`` says otherwise; with a last axis for RGB.

    Raises:
      InputError: It is no drawing.
    """
    return render_drawings([drawing], preprocessing)[0]


def render_drawings(drawings: Sequence[Drawing], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Many drawings at once, as ``render_drawing`` has it.

    Args:
      drawings: Raw or simplified.
      preprocessing: As for ``render_drawing``.

    Returns:
      uint8 ``(n, height, width)``, in the same way.

    Raises:
      InputError: One of them is no drawing.
    """
    return render_simplified([simplify(drawing) for drawing in drawings], preprocessing)


def render_simplified(simple: Sequence[Drawing], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The same of drawings that are simplified already.

    For centering by mass they are painted in the middle, their center of mass is measured, and they are painted again
    where they belong.
    """
    shape = preprocessing.image_shape[:2]
    stroke_width = stroke_width_of(preprocessing)
    scale = (preprocessing.longest_side - stroke_width) / (BOX - 1)  # bitmap pixels to a unit of the simplified drawing

    def painted(centers: NDArray[np.float64]) -> NDArray[np.uint8]:
        """With the middle of each drawing at its (row, column), counted from the middle of the first pixel."""
        return paint(simple, shape, scale, stroke_width, centers[:, ::-1] + 0.5 - scale * middles(simple))

    goal = np.tile(preprocessing.center, (len(simple), 1))
    if preprocessing.centering != "mass":
        return inked(painted(goal), preprocessing)
    middle = np.tile((np.array(shape) - 1) / 2, (len(simple), 1))
    return inked(painted(middle + goal - _centers_of_mass(painted(middle))), preprocessing)


def _centers_of_mass(bitmaps: NDArray[np.uint8]) -> NDArray[np.float64]:
    """``(n, height, width)`` -> (row, column) of each, ``(n, 2)``; of blank ones (0, 0)."""
    rows, columns = (bitmaps.sum(axis=axis, dtype=np.float64) for axis in (2, 1))
    total = np.maximum(rows.sum(axis=1), 1)
    return np.stack([side @ np.arange(side.shape[1]) / total for side in (rows, columns)], axis=1)
