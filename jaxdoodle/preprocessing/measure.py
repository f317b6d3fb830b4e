"""How a set of images was made: measured from the training images, so that predicting prepares its input alike.

Images are taken for drawings if their background is even, their ink lies in the same place at the same size, and
preprocessing with what was measured leaves them as they are. Anything else (garments, photographs, drawings that were
never placed) is used as is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.rows import spread
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.config import MNIST, POLARITIES, QUICKDRAW, STROKE_WIDTH_LIMITS, Preprocessing
from jaxdoodle.preprocessing.paper.foreground import MIN_INK
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.preprocessing.resample import box_of, center_of
from jaxdoodle.preprocessing.stroke_width import redraw

#: Images that are measured, evenly spread, and those of them that are preprocessed for a trial.
MEASURED, TRIED = 1000, 150
#: Levels of 255 within which pixels of the border are background, and the least fraction of them that is.
BACKGROUND_LEVELS, EVEN_BORDER = 26, 0.75
#: Most that half of the images may differ by in the place of their ink and its longest side, as fractions of the image.
PLACE_SPREAD, SIZE_SPREAD = 0.03, 0.03
#: Least fraction of the images that a trial has to leave as they are, and most levels of 255 that their mean changes.
UNCHANGED, CHANGED_LEVELS = 0.97, 8.0
#: Known preprocessing is taken where what was measured is so near: pixels of longest side and center, ratio of widths.
NEAR_SIDE, NEAR_CENTER, NEAR_WIDTH = 0.8, 0.3, 1.35
#: Strokes in images that are used as they are: their longest side as a fraction of the image's shorter one, and their
#: width as a fraction of that.
SIDE_OF_STROKES, STROKE_OF_SIDE = QUICKDRAW.longest_side / 28, (QUICKDRAW.stroke_width or 0) / QUICKDRAW.longest_side

KNOWN = {"MNIST": MNIST, "Quick, Draw!": QUICKDRAW}


@frozen
class Measured:
    """What was found.

    Attributes:
      preprocessing: The preprocessing that gives such images.
      reason: Why they are used as is; "" where they are drawings.
      known: Name of the dataset whose preprocessing it is; "" where it is another.
      mean: Mean of the pixels, 0 to 1.
      std: Standard deviation of the pixels, 0 to 1.
    """

    preprocessing: Preprocessing
    reason: str
    known: str
    mean: float
    std: float

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else f", as {self.known} has it" if self.known else ""
        return f"{self.preprocessing.describe()}{why}; mean {self.mean:.3f}, standard deviation {self.std:.3f}"


def measure(images: NDArray[np.uint8]) -> Measured:
    """Measure how a set of images was made.

    Args:
      images: The training images, uint8 ``(n, height, width, channels)``, n at least 1.

    Returns:
      Their preprocessing, and what was found.
    """
    some = images[spread(len(images), MEASURED)]
    numbers = float(some.mean() / 255), float((some / np.float32(255)).std())
    try:
        preprocessing = _placement(some)
        known = next((name for name, each in KNOWN.items() if _near(preprocessing, each)), "")
        if known:
            preprocessing = replace(KNOWN[known], polarity=preprocessing.polarity)
        _try(some[:: -(-len(some) // TRIED)], preprocessing)
        return Measured(preprocessing, "", known, *numbers)
    except _NotPlacedError as error:
        return Measured(as_is(images.shape[1:]), str(error), "", *numbers)


def as_is(image_shape: tuple[int, ...]) -> Preprocessing:
    """Images of this shape are used as they are; strokes are drawn in their middle."""
    height, width = image_shape[:2]
    side = SIDE_OF_STROKES * min(height, width)
    center = ((height - 1) / 2, (width - 1) / 2)
    return Preprocessing(tuple(image_shape), side, "as-is", center, side * STROKE_OF_SIDE)  # type: ignore[arg-type]


class _NotPlacedError(Exception):
    """The images are no drawings of one size in one place; the reason in words."""


def _placement(images: NDArray[np.uint8]) -> Preprocessing:
    if images.shape[3] != 1:
        raise _NotPlacedError("in color")
    images = images[..., 0]
    background = _background(images)
    ink = np.abs(images - np.float32(background)) / 255
    ink = ink[ink.max(axis=(1, 2)) >= 2 * MIN_INK]
    ink = np.where(ink < MIN_INK * ink.max(axis=(1, 2), keepdims=True), np.float32(0), ink)
    if not len(ink):
        raise _NotPlacedError("nearly all of them are blank")
    boxes = np.array([box_of(each) for each in ink])
    longest = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    side = max(ink.shape[1:])
    if _spread(longest) > SIZE_SPREAD * side:
        raise _NotPlacedError(
            f"their ink is {np.quantile(longest, 0.1):.0f} to {np.quantile(longest, 0.9):.0f} px long"
        )
    found = {}
    for centering in ("mass", "box"):
        trial = replace(MNIST, centering=centering)
        centers = np.array([center_of(each, trial) for each in ink])
        found[centering] = float(max(map(_spread, centers.T))), np.median(centers, axis=0)
    centering = min(found, key=lambda name: found[name][0])
    spread, center = found[centering]
    if spread > PLACE_SPREAD * side:
        raise _NotPlacedError("their ink is in no one place")
    longest_side = float(min(np.median(longest), *ink.shape[1:]))
    widths = []
    for each, (top, left, bottom, right) in list(zip(ink, boxes, strict=True))[:: -(-len(ink) // TRIED)]:
        cut = each[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
        widths.append(redraw(cut, longest_side, 0.12 * longest_side, (0, np.inf)).measured)
    least, most = (part * longest_side for part in STROKE_WIDTH_LIMITS)
    width = float(np.median(widths))
    if not least <= width <= most:
        raise _NotPlacedError(f"their ink is {width:.1f} px wide, no lines")
    polarity = POLARITIES[background > 127]
    place = (float(np.round(center[0], 2)), float(np.round(center[1], 2)))
    shape = (*images.shape[1:], 1)
    return Preprocessing(shape, round(longest_side, 2), centering, place, round(width, 2), polarity=polarity)


def _background(images: NDArray[np.uint8]) -> int:
    """0 or 255, which most of the border is."""
    border = np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)
    background = 255 if np.median(border) > 127 else 0
    if np.mean(np.abs(border - np.float32(background)) <= BACKGROUND_LEVELS) < EVEN_BORDER:
        raise _NotPlacedError("their border is no even background")
    return background


def _spread(values: NDArray[np.float64]) -> float:
    """Between the quartiles."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low)


def _near(found: Preprocessing, known: Preprocessing) -> bool:
    alike = ("image_shape", "centering")
    if any(getattr(found, name) != getattr(known, name) for name in alike):
        return False
    ratio = (found.stroke_width or 1) / (known.stroke_width or 1)
    return (
        abs(found.longest_side - known.longest_side) <= NEAR_SIDE
        and max(abs(a - b) for a, b in zip(found.center, known.center, strict=True)) <= NEAR_CENTER
        and 1 / NEAR_WIDTH <= ratio <= NEAR_WIDTH
    )


def _try(images: NDArray[np.uint8], preprocessing: Preprocessing) -> None:
    """Raise ``_NotPlacedError`` unless preprocessing leaves nearly all of the images as they are."""
    unchanged = 0
    for image in images[..., 0]:
        try:
            bitmap = preprocess(image, preprocessing).bitmap
        except InputError:
            continue
        unchanged += bool(np.abs(bitmap - image.astype(np.float32)).mean() <= CHANGED_LEVELS)
    if unchanged < UNCHANGED * len(images):
        raise _NotPlacedError(f"preprocessing would change {len(images) - unchanged} of {len(images)} of them")
