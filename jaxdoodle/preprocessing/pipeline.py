"""Any picture or drawing -> the bitmap that a network was trained on.

In this order: find the ink (``foreground``); drop specks smaller than a dot of the stroke width; reject what shows no
drawing (``rejection``); measure the stroke width and bring it to the expected one (``stroke_width``); scale the ink to
the longest side and center it, to fractions of a pixel, by averaging areas (``resample``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdoodle.core.errors import InputError, NoDrawingError
from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing import inputs
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.preprocessing.hard_edges import softened
from jaxdoodle.preprocessing.inputs.pictures import pixels_of
from jaxdoodle.preprocessing.inputs.values import content_of
from jaxdoodle.preprocessing.paper.foreground import WHITE
from jaxdoodle.preprocessing.paper.readings import Reading, readings_of
from jaxdoodle.preprocessing.paper.rejection import reject_image, reject_strokes
from jaxdoodle.preprocessing.resample import Box, center_of, inked, moved, place, resize
from jaxdoodle.preprocessing.stroke_width import redraw

if TYPE_CHECKING:
    from jaxdoodle.strokes.drawing import Drawing

#: Larger pictures are first reduced, by a whole number, to at most this many pixels a side.
MAX_SIDE = 1024
#: Stroke widths between these multiples of the expected one are kept: the training images vary as much.
STROKE_WIDTH_TOLERANCE = (0.75, 1.2)

#: Bitmaps that differ by less than this in the mean, of 255, are the same to a network.
SAME_BITMAP = 2.0

#: Weights of red, green and blue in gray (ITU-R BT.601), as Pillow has them.
LUMA = (0.299, 0.587, 0.114)

Steps = list[tuple[str, Any]]


@frozen
class Preprocessed:
    """What the network sees, and how it was made.

    Attributes:
      bitmap: uint8 (height, width), white ink on black unless the preprocessing says otherwise; (height, width, 3) of
        RGB images.
      background: ``"light"``, ``"dark"`` or ``"transparent"``; ``"strokes"`` for a drawing in strokes, ``"as is"``
        where the ink is not looked for.
      uneven: Whether the background was unevenly lit, as on a photograph.
      box: Box of the ink in the picture: (top, left, bottom, right) in its pixels.
      scale: Bitmap pixels per pixel of the picture.
      stroke_width: In the picture, in its pixels; 0 for a drawing in strokes.
      widened: Bitmap pixels by which the strokes were made wider; below 0: narrower.
      specks: How many specks were dropped.
      steps: The preprocessing steps in order: the name of each, and the picture after it as float32 from 0 to 1,
        (h, w) with white ink on black, or (h, w, 1, 3 or 4) as it came.
      removed: What was taken from the drawing that may be a part of it: a frame, a line under it.
      alternatives: The same with less of the ink taken for the drawing, where a line, a frame or anything else seems to
        stand around it, and with grays at edges that have none: which of them shows a class is for the network to say.
      several: Bitmaps of the drawings that it may show in place of one, where ``several.with_parts`` looked for them.
      reading: What it was made of, where the ink was cut out of a picture.
    """

    bitmap: NDArray[np.uint8]
    background: str
    uneven: bool
    box: Box
    scale: float
    stroke_width: float
    widened: float
    specks: int
    steps: tuple[tuple[str, NDArray[np.float32]], ...]
    removed: tuple[str, ...] = ()
    alternatives: tuple[Preprocessed, ...] = ()
    several: tuple[NDArray[np.uint8], ...] = ()
    reading: Reading | None = None

    __eq__, __hash__ = object.__eq__, object.__hash__  # type: ignore[assignment]  # arrays have no single truth value

    def __repr__(self) -> str:
        size = "x".join(map(str, self.bitmap.shape))
        return f"<Preprocessed {size}, {self.background}: {', '.join(name for name, _ in self.steps)}>"


def preprocess(image: Any, preprocessing: Preprocessing, *, paper: bool = True) -> Preprocessed:
    """Prepare a picture, or a drawing in strokes, for a network.

    Args:
      image: A picture: a path (opened by Pillow), its bytes, an open file, a data URL, a Pillow image, or an array
        (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), alone or in a batch of one, or flat, of bool, whole numbers or
        floats to 1 or 255. Or a drawing: strokes in any form of ``strokes.forms``, JSON, SVG. Or what Gradio,
        streamlit-canvas and fabric.js give. A bitmap that meets ``preprocessing`` already comes back unchanged.
      preprocessing: What the network expects.
      paper: Whether anything but the drawing may be on a picture: lines, edges, shadows, grain. Looking for them takes
        more than half of the time.

    Returns:
      The bitmap, and how it was made.

    Raises:
      InputError: The input cannot be read.
      NoDrawingError: The input shows no drawing; its ``steps`` are those up to here.
    """
    steps: Steps = []
    try:
        content = content_of(image, preprocessing)
        if isinstance(content, list | tuple):
            return _from_strokes(content, preprocessing, steps)
        return _from_pixels(*pixels_of(content, MAX_SIDE), preprocessing, steps, paper)
    except InputError as error:
        name = inputs.named(image) if inputs.is_path(image) else "the image"
        named = type(error)(f"{name}: {error}")
        if isinstance(named, NoDrawingError):
            named.steps = tuple(steps)
        raise named from None


def _from_strokes(drawing: Drawing, preprocessing: Preprocessing, steps: Steps) -> Preprocessed:
    from jaxdoodle.preprocessing.render import render_drawing, stroke_width_of
    from jaxdoodle.strokes import drawing as strokes  # neither is needed to preprocess a picture

    strokes.check(drawing)
    low, high = ([edge(edge(stroke[axis]) for stroke in drawing) for axis in (1, 0)] for edge in (min, max))
    side = max(last - first for first, last in zip(low, high, strict=True))
    lines = (np.hypot(*(np.diff(np.asarray(axis, float)) for axis in stroke[:2])) for stroke in drawing)
    length = sum(float(line.sum()) for line in lines)
    reject_strokes(side, length)
    bitmap = render_drawing(drawing, preprocessing)
    steps.append(("strokes rendered", bitmap / np.float32(255)))
    scale = (preprocessing.longest_side - stroke_width_of(preprocessing)) / side
    return Preprocessed(bitmap, "strokes", False, (*low, *high), scale, 0.0, 0.0, 0, tuple(steps))


def _from_pixels(
    pixels: NDArray[np.float32], reduced: int, preprocessing: Preprocessing, steps: Steps, paper: bool
) -> Preprocessed:
    """From pixels that were reduced by ``reduced``."""
    steps.append(("picture", pixels))
    if preprocessing.as_is:
        return _as_is(pixels, reduced, preprocessing, steps)
    found: list[Preprocessed] = []
    rejected = _add_ways(found, pixels, reduced, preprocessing, paper)
    if not found:
        steps[:], error = rejected or (steps, NoDrawingError("the picture is blank."))
        raise error
    if (soft := softened(pixels, preprocessing.image_shape[:2])) is not None:
        _add_ways(found, soft[0], soft[1] * reduced, preprocessing, paper)
    return replace(found[0], alternatives=tuple(found[1:]))


def _add_ways(
    found: list[Preprocessed], pixels: NDArray[np.float32], reduced: int, preprocessing: Preprocessing, paper: bool
) -> tuple[Steps, NoDrawingError] | None:
    """To what was found, what else the readings of the pixels show; gives why the first that shows nothing does."""
    rejected = None
    for reading in readings_of(pixels, paper and pixels.shape[:2] != preprocessing.image_shape[:2]):
        try:
            one = finished(reading, reduced, preprocessing)
            if not any(_same(one, other) for other in found):
                found.append(one)
        except NoDrawingError as error:
            rejected = rejected or ([*reading.steps], error)
    return rejected


def _same(one: Preprocessed, other: Preprocessed) -> bool:
    return bool(np.abs(one.bitmap.astype(np.float32) - other.bitmap).mean() < SAME_BITMAP)


def finished(reading: Reading, reduced: int, preprocessing: Preprocessing) -> Preprocessed:
    """The bitmap of what a reading takes for the drawing."""
    ink, box, drawing, steps = reading.ink, reading.box, reading.drawing, list(reading.steps)
    stroke_width, scale, widened = reading.stroke_width, 1.0, 0.0
    reject_image(ink, box, stroke_width, reading.found.uneven)

    meets = _meets(preprocessing, ink, box)
    if meets:
        bitmap = np.rint(255 * reading.found.ink).astype(np.uint8)
    else:
        steps.append(("cut to the ink", drawing))
        scale = preprocessing.longest_side / max(box[2] - box[0], box[3] - box[1])
        if preprocessing.stroke_width is not None:
            redrawn = redraw(drawing, preprocessing.longest_side, preprocessing.stroke_width, STROKE_WIDTH_TOLERANCE)
            drawing, stroke_width, scale, widened = redrawn.ink, redrawn.measured, redrawn.scale, redrawn.widened
            if widened:
                steps.append((f"strokes {abs(widened):.1f} px {'wider' if widened > 0 else 'narrower'}", drawing))
        bitmap = np.rint(255 * place(drawing, preprocessing)).astype(np.uint8)
    bitmap = inked(bitmap, preprocessing)
    steps.append(("bitmap", bitmap / np.float32(255)))
    return Preprocessed(
        bitmap=bitmap,
        background=reading.found.background,
        uneven=reading.found.uneven,
        box=tuple(edge * reduced for edge in (box if reading.place is None else moved(box, reading.place))),  # type: ignore[arg-type]
        scale=scale / reduced,
        stroke_width=stroke_width * reduced,
        widened=widened,
        specks=reading.specks,
        steps=tuple(steps),
        removed=reading.removed,
        reading=None if meets else reading,
    )


def _as_is(pixels: NDArray[np.float32], reduced: int, preprocessing: Preprocessing, steps: Steps) -> Preprocessed:
    """The picture as a whole, resized to the bitmap by averaging areas, with as many channels as that has."""
    height, width, channels = preprocessing.image_shape
    if pixels.shape[2] == 4:
        pixels = pixels[..., :3] * pixels[..., 3:] + ground(pixels) * (1 - pixels[..., 3:])
    if channels == 1 and pixels.shape[2] == 3:
        pixels = pixels @ np.array(LUMA, np.float32)[:, None]
    scale = height / len(pixels)
    if pixels.shape[:2] != (height, width):
        pixels = np.stack([resize(pixels[..., c], (height, width)) for c in range(pixels.shape[2])], axis=2)
    bitmap = np.rint(255 * np.repeat(pixels, channels // pixels.shape[2], axis=2)).astype(np.uint8)
    bitmap = bitmap[..., 0] if channels == 1 else bitmap
    steps.append(("bitmap", bitmap / np.float32(255)))
    box = (0.0, 0.0, height / scale * reduced, width / scale * reduced)
    return Preprocessed(bitmap, "as is", False, box, scale / reduced, 0.0, 0.0, 0, tuple(steps))


def ground(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """What pictures (..., h, w, 4) that are used as they are lie on: 1, white; 0 where all that they show is white."""
    shown = np.where(pixels[..., 3:] > 0, pixels[..., :3], np.float32(1))
    return (shown.min(axis=(-3, -2, -1), keepdims=True) <= WHITE).astype(np.float32)


def _meets(preprocessing: Preprocessing, ink: NDArray[np.float32], box: Box) -> bool:
    """Whether this is such a bitmap already: right in size, and in place to the rounding of whole pixels."""
    if ink.shape != preprocessing.image_shape[:2]:
        return False
    longest = max(box[2] - box[0], box[3] - box[1])
    offsets = [abs(c - goal) for c, goal in zip(center_of(ink, preprocessing), preprocessing.center, strict=True)]
    unit = max(1.0, max(ink.shape) / 28)
    return abs(longest - preprocessing.longest_side) <= unit and max(offsets) <= 0.75 * unit
