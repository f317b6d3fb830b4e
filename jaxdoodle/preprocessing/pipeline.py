"""Any drawing -> the bitmap that a network was trained on, by the network's contract.

The order: find the paper, and call ink whatever differs from it (``ink``); drop what is smaller than the pen could
leave; refuse what shows no drawing (``refusals``); measure the pen and bring it to the contract's (``pen``); scale the
ink to the contract's longest side and put it in its place, to fractions of a pixel, by averaging areas (``resample``).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.frozen import frozen
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.preprocessing.foreground import PAPER, full_strength, ink_of, without_specks
from jaxdoodle.preprocessing.pictures import pixels_of
from jaxdoodle.preprocessing.rejection import reject_image, reject_strokes
from jaxdoodle.preprocessing.resample import Box, box_of, center_of, place
from jaxdoodle.preprocessing.stroke_width import by_outline, redrawn_to

__all__ = ["PEN_RANGE", "Preprocessed", "place", "preprocess"]

Array = Any  # numpy.ndarray

#: Larger pictures are first reduced, by a whole number, to at most this many pixels a side.
WORK_SIDE = 1024
#: Pens between these parts of the contract's width are left alone: the training images vary as much.
PEN_RANGE = (0.75, 1.2)


@frozen
class Preprocessed:
    """What the network sees, and how it came about.

    ``bitmap``      uint8 (height, width), white ink on black.
    ``background``  "light", "dark" or "transparent"; "strokes" for a drawing in strokes.
    ``uneven``      whether the paper was unevenly lit, as on a photograph.
    ``box``         of the ink in the picture: (top, left, bottom, right) in its pixels.
    ``scale``       bitmap pixels per pixel of the picture.
    ``pen``         width of the pen in the picture, in its pixels; 0 for strokes.
    ``widened``     bitmap pixels by which the pen was made wider; below 0: finer.
    ``specks``      how many specks were dropped.
    """

    bitmap: Array
    background: str
    uneven: bool
    box: Box
    scale: float
    pen: float
    widened: float
    specks: int

    __eq__, __hash__ = object.__eq__, object.__hash__  # arrays have no one answer


def preprocess(image: Any, preprocessing: Preprocessing, steps: list[tuple[str, Array]] | None = None) -> Preprocessed:
    """Prepare a picture, or a drawing in strokes, as the contract says.

    A drawing is a list of strokes, see ``strokes``. A picture is a path (opened by Pillow), a Pillow image, or an
    array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of uint8, uint16, bool, or floats from 0 to 1. A bitmap that meets
    the contract already comes back as it is. Raises ``InputError`` where there is no picture, ``NoDrawingError`` where
    no drawing is on it. To ``stages``, if given, what was done is added in turn: its name, and the picture after it as
    floats from 0 to 1, (h, w) with white ink on black, or (h, w, 1, 3 or 4) as it came.
    """
    steps = [] if steps is None else steps
    try:
        if isinstance(image, list | tuple):
            return _from_strokes(image, preprocessing, steps)
        return _from_pixels(*pixels_of(image, WORK_SIDE), preprocessing, steps)
    except InputError as error:
        name = os.fspath(image) if isinstance(image, str | os.PathLike) else "the image"
        raise type(error)(f"{name}: {error}") from None


def _from_strokes(drawing: Any, preprocessing: Preprocessing, steps: list[tuple[str, Array]]) -> Preprocessed:
    from jaxdoodle.preprocessing import render
    from jaxdoodle.strokes import drawing as strokes  # they are not needed to prepare a picture

    strokes.check(drawing)
    low, high = ([edge(edge(stroke[axis]) for stroke in drawing) for axis in (1, 0)] for edge in (min, max))
    side = max(last - first for first, last in zip(low, high, strict=True))
    lines = sum(float(np.hypot(*(np.diff(np.asarray(axis, float)) for axis in stroke[:2])).sum()) for stroke in drawing)
    reject_strokes(side, lines)
    bitmap = render.render(drawing, preprocessing)
    steps.append(("strokes rendered", bitmap / np.float32(255)))
    scale = (preprocessing.longest_side - render.pen_of(preprocessing)) / side
    return Preprocessed(bitmap, "strokes", False, (*low, *high), scale, 0.0, 0.0, 0)


def _from_pixels(
    pixels: Array, step: int, preprocessing: Preprocessing, steps: list[tuple[str, Array]]
) -> Preprocessed:
    """From pixels that were reduced by ``step``."""
    steps.append(("picture", pixels))
    whole, background, uneven = ink_of(pixels)
    steps.append(("ink, light evened out" if uneven else f"ink on {background}", whole))
    ink, specks = without_specks(np.where(whole < PAPER, np.float32(0), whole))
    ink = full_strength(ink)
    if specks:
        steps.append((f"without {specks} specks", ink))
    box = box_of(ink)
    drawing = ink[int(box[0]) : int(box[2]) + 1, int(box[1]) : int(box[3]) + 1]
    pen, scale, widened = by_outline(drawing), 1.0, 0.0
    reject_image(ink, box, pen, uneven)

    if _meets(preprocessing, ink, box):
        bitmap = np.rint(255 * whole).astype(np.uint8)
    else:
        steps.append(("cut to the ink", drawing))
        scale = preprocessing.longest_side / max(box[2] - box[0], box[3] - box[1])
        if preprocessing.stroke_width is not None:
            drawing, pen, scale, widened = redrawn_to(
                drawing, preprocessing.longest_side, preprocessing.stroke_width, PEN_RANGE
            )
            if widened:
                steps.append((f"pen {'wider' if widened > 0 else 'finer'} by {abs(widened):.1f} px", drawing))
        bitmap = np.rint(255 * place(drawing, preprocessing)).astype(np.uint8)
    steps.append(("bitmap", bitmap / np.float32(255)))
    return Preprocessed(
        bitmap=bitmap,
        background=background,
        uneven=uneven,
        box=tuple(edge * step for edge in box),  # type: ignore[arg-type]
        scale=scale / step,
        pen=pen * step,
        widened=widened,
        specks=specks,
    )


def _meets(preprocessing: Preprocessing, ink: Array, box: Box) -> bool:
    """Whether this is a bitmap as the contract has it: right in size, and in place to the rounding of whole pixels."""
    if ink.shape != preprocessing.image_shape[:2]:
        return False
    longest = max(box[2] - box[0], box[3] - box[1])
    offsets = [abs(c - goal) for c, goal in zip(center_of(ink, preprocessing), preprocessing.center, strict=True)]
    return abs(longest - preprocessing.longest_side) <= 1 and max(offsets) <= 0.75
