"""What shows no drawing is refused, with the reason.

None of the 10,000 test digits and of 10,785 doodles of all 345 classes is, nor any canvas of the experiment
"preparation".
"""

from __future__ import annotations

from typing import Any

from jaxdoodle.core.errors import NoDrawingError
from jaxdoodle.preprocessing.resample import Box

Array = Any  # numpy.ndarray

#: Of the picture. The fullest of 200 canvases with digits drawn by three times their pen has 0.8.
FULL = 0.9
#: A dot is at most so many pens long (digits and doodles: 2.2 and more), and at most this part of the picture.
DOT, SMALL = 2.3, 0.2
#: All lines together, in longer sides of the drawing (doodles: up to 7; a page of text: 23 and more).
LINES = 15.0
#: The same, where there is no even paper and ink reaches every edge: scenery, noise (6 and more).
LINES_EVERYWHERE = 4.0
#: As lines, for strokes, which go over themselves (15,792 doodles: up to 141).
STROKES = 200


def reject_image(ink: Array, box: Box, pen: float, uneven: bool) -> None:
    """Raise ``NoDrawingError`` if the ink (h, w), in its ``box`` and drawn by a ``pen`` so wide, is no drawing."""
    (top, left, bottom, right), (height, width) = box, ink.shape
    longest = max(bottom - top, right - left)
    if longest <= max(DOT * pen, 1) and longest <= max(SMALL * max(ink.shape), 2):
        raise NoDrawingError(f"the picture shows a single dot, {longest:.0f} pixels wide; expected lines.")
    cover = float((ink > 0.5).mean())
    if cover > FULL:
        raise NoDrawingError(f"the picture is full: {100 * cover:.0f} % of it is ink; expected lines on empty paper.")
    lines = float(ink.sum()) / (pen * longest)
    everywhere = uneven and top < 1 and left < 1 and bottom > height - 1 and right > width - 1
    if lines > (LINES_EVERYWHERE if everywhere else LINES):
        raise NoDrawingError(
            f"the picture is too busy: its lines are {lines:.0f} times as long as it and cover "
            f"{100 * cover:.0f} %; expected one drawing on even paper."
        )


def reject_strokes(side: float, lines: float) -> None:
    """Raise ``NoDrawingError`` at strokes whose longer side is ``side`` and which are ``lines`` long together."""
    if not side:
        raise NoDrawingError("the strokes are a single dot; expected lines.")
    if lines > STROKES * side:
        raise NoDrawingError(
            f"the strokes are too busy: {lines / side:.0f} times as long as the drawing; at most {STROKES}."
        )
