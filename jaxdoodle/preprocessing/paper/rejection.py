"""Rejection rules: inputs that show no drawing are rejected, with the reason.

None of the 10,000 MNIST test digits and of 10,785 doodles of all 345 classes is rejected, nor any canvas of the
experiment ``preprocessing``.
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.errors import NoDrawingError
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.resample import Box

#: Fraction of the picture that ink covers. Of 200 canvases with digits in three times their stroke width, at most 0.8.
MAX_COVERAGE = 0.9
#: A dot is at most so many stroke widths long (digits and doodles: 2.2 and more), and this fraction of the picture.
DOT_LENGTH, DOT_FRACTION = 2.3, 0.2
#: Length of all lines together, in longer sides of the drawing (doodles: up to 7; a page of text: 23 and more).
MAX_LINE_LENGTH = 15.0
#: The same where the light is uneven and ink reaches every edge: scenery, noise (6 and more).
MAX_LINE_LENGTH_UNEVEN = 4.0
#: The same for drawings in strokes, which overlap (15,792 doodles: up to 141).
MAX_STROKE_LENGTH = 200


def reject_image(ink: NDArray[np.float32], box: Box, stroke_width: float, uneven: bool) -> None:
    """Raise ``NoDrawingError`` if a picture shows no drawing.

    Args:
      ink: (h, w), 0 to 1.
      box: Of the ink, in pixels.
      stroke_width: Of the ink, in pixels.
      uneven: Whether the background is unevenly lit.
    """
    top, left, bottom, right = box
    longest = max(bottom - top, right - left)
    if longest <= max(DOT_LENGTH * stroke_width, 1) and longest <= max(DOT_FRACTION * max(ink.shape), 2):
        raise NoDrawingError(f"the picture shows a single dot, {longest:.0f} pixels wide; expected lines.")
    cover = float((ink > 0.5).mean())
    if cover > MAX_COVERAGE:
        raise NoDrawingError(f"the picture is full: {100 * cover:.0f} % of it is ink; expected lines on a background.")
    lines = float(ink.sum()) / (stroke_width * longest)
    if lines > _most_lines(box, ink.shape, uneven):
        raise NoDrawingError(
            f"the picture is too busy: its lines are {lines:.0f} times as long as it and cover "
            f"{100 * cover:.0f} %; expected one drawing on an even background."
        )


def is_busy(ink: NDArray[np.float32], box: Box, stroke_width: float, uneven: bool, most: float) -> bool:
    """Whether the ink (h, w) would be rejected for its many lines, or has more than ``most``, in longer sides."""
    longest = max(box[2] - box[0], box[3] - box[1])
    return float(ink.sum()) > min(most, _most_lines(box, ink.shape, uneven)) * stroke_width * longest


def _most_lines(box: Box, shape: tuple[int, ...], uneven: bool) -> float:
    everywhere = uneven and box[0] < 1 and box[1] < 1 and box[2] > shape[0] - 1 and box[3] > shape[1] - 1
    return MAX_LINE_LENGTH_UNEVEN if everywhere else MAX_LINE_LENGTH


def reject_strokes(side: float, length: float) -> None:
    """Raise ``NoDrawingError`` if a drawing in strokes shows nothing.

    Args:
      side: Longer side of the drawing, in its own units.
      length: Length of all strokes together, in the same units.
    """
    if not side:
        raise NoDrawingError("the strokes are a single dot; expected lines.")
    if length > MAX_STROKE_LENGTH * side:
        raise NoDrawingError(
            f"the strokes are too busy: {length / side:.0f} times as long as the drawing; at most {MAX_STROKE_LENGTH}."
        )
