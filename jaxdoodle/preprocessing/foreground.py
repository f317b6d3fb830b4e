"""What is drawn on a picture: how much each pixel differs from the paper, in any colour and any light."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxdoodle.core.errors import NoDrawingError
from jaxdoodle.preprocessing.resample import box_of, resample, shrink
from jaxdoodle.preprocessing.stroke_width import by_outline

Array = Any  # numpy.ndarray

#: Least difference from the background, where black and white differ by 1, that counts as drawn.
LEAST_CONTRAST = 0.06
#: Fainter than this, where the strongest ink is 1, is paper: smudges, JPEG noise.
PAPER = 0.1
#: Where "ink" covers more than this part of the picture, and all else is lines finer than this part of its longer side,
#: the picture was cut to a drawing whose outline is its border.
MOSTLY, FRAME = 0.6, 0.06
#: The paper is unevenly lit if this part of the picture's border differs from the rest of it, but less than ink does.
UNEVEN = 0.15
#: Of a photograph: fainter than the first part of the ink's strength is paper, stronger than the second is ink.
SHADES = (0.3, 0.7)
#: Cells along the longer side on which the light is measured, and how many of them a line or a shape may be wide.
CELLS, WINDOW = 96, 12
#: A speck has less than this part of the area of a dot made by the pen.
SPECK = 0.3


def ink_of(pixels: Array) -> tuple[Array, str, bool]:
    """float32 (h, w, 1, 3 or 4) -> ink (h, w), 0 to 1; "light", "dark" or "transparent" paper; if it is unevenly lit.

    Paper is the median of the border, unless that is a frame: thin lines around and through what covers most. On
    transparent paper ink is whatever is not transparent, of any colour, unless that fills its own box with more than
    one colour: a page with transparent surroundings.
    """
    if pixels.shape[2] == 4:
        colors, alpha = pixels[..., :3], pixels[..., 3]
        if alpha.min() < 1:
            solid = alpha > 0.5
            if not solid.any():
                raise NoDrawingError("the picture is blank: all of it is transparent.")
            top, left, bottom, right = map(int, box_of(solid.astype(np.float32)))
            filled = solid[top:bottom, left:right].mean() > 0.9
            if not (filled and np.ptp(colors[solid], axis=0).max() > 0.25):
                return _levelled(alpha), "transparent", False
            page = _middle(colors[solid])
            colors = page + (colors - page) * alpha[..., None]
        pixels = colors
    border = _border(pixels.shape[:2])
    paper = _middle(pixels[border])
    ink = np.abs(pixels - paper).max(axis=2)
    levelled = _levelled(ink)
    edge = levelled[border]
    if np.mean((edge > PAPER) & (edge < 0.6)) > UNEVEN:
        ink, background = _unevenly_lit(pixels.mean(axis=2))
        return ink, background, True
    drawn = pixels[levelled >= 0.5]
    if MOSTLY * levelled.size < len(drawn) < levelled.size and by_outline(1 - levelled) < FRAME * max(levelled.shape):
        return 1 - levelled, "dark" if paper.mean() > drawn.mean() else "light", False
    return levelled, "light" if paper.mean() > drawn.mean() else "dark", False


def _border(shape: tuple[int, int]) -> Array:
    frame = max(1, min(shape) // 50)
    border = np.ones(shape, bool)
    border[frame:-frame, frame:-frame] = False
    return border


def _middle(colors: Array) -> Array:
    """The median of each channel; ``np.median`` would import numpy.ma, a tenth of the time to the first prediction."""
    return np.sort(colors, axis=0)[len(colors) // 2]


def _levelled(ink: Array) -> Array:
    strongest = ink.max()
    if strongest < LEAST_CONTRAST:
        raise NoDrawingError(
            f"the picture is blank: nothing differs from its background by more than {strongest:.2f} of 1."
        )
    return ink / strongest


def _unevenly_lit(grey: Array) -> tuple[Array, str]:
    """Ink (h, w) and the paper's kind, where gradients, shadows and noise lie over the paper.

    The paper under a line is as bright as the brightest nearby (morphological closing), seen on coarse cells.
    """
    step = -(-max(grey.shape) // CELLS)
    coarse = shrink(grey[..., None], step)[..., 0]
    relief = coarse - _filtered(np.add.reduce, coarse) / (2 * WINDOW + 1) ** 2
    dark = (relief**3).sum() > 0  # a few spots far brighter than their surroundings: chalk on a board
    if dark:
        grey, coarse = 1 - grey, 1 - coarse
    paper = _filtered(np.minimum.reduce, _filtered(np.maximum.reduce, coarse))
    rows, columns = grey.shape
    paper = resample(np.pad(paper, 1, mode="edge"), step, (1.0, 1.0), (rows, columns))
    ink = np.clip(1 - grey / np.maximum(paper, 1e-3), 0, 1)
    if ink.max() < LEAST_CONTRAST:
        raise NoDrawingError(f"the picture is blank: nothing is darker than its surroundings by {LEAST_CONTRAST} of 1.")
    strength = np.sort(ink[ink > 0.5 * ink.max()])
    low, high = (part * strength[len(strength) // 2] for part in SHADES)
    ink = _without_corners(np.clip((ink - low) / (high - low), 0, 1))
    return ink, "dark" if dark else "light"


def _without_corners(ink: Array) -> Array:
    """Without what touches the picture's edge, unless it is most of what there is: corners of shadows, of the desk."""
    areas, region = regions(ink)
    edge = np.zeros(len(areas), bool)
    for side in (region[0], region[-1], region[:, 0], region[:, -1]):
        edge[side] = True
    return np.where((edge & (areas < areas.max() / 2))[region], np.float32(0), ink)


def _filtered(reduce: Any, image: Array) -> Array:
    """Each pixel the sum, or the largest, or the least, of the square of ``2 * WINDOW + 1`` pixels around it."""
    for axis in (0, 1):
        padded = np.pad(image, [(WINDOW, WINDOW) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        image = reduce(np.lib.stride_tricks.sliding_window_view(padded, 2 * WINDOW + 1, axis=axis), axis=2)
    return image


def without_specks(ink: Array) -> tuple[Array, int]:
    """The ink without what is smaller than a dot of its pen, and how many specks that were."""
    areas, region = regions(ink)
    if np.count_nonzero(areas) == 1:
        return ink, 0
    pen = by_outline(np.where(region == areas.argmax(), ink, np.float32(0)))
    speck = (areas > 0) & (areas < SPECK * pen**2)
    return np.where(speck[region], np.float32(0), ink), int(speck.sum())


def full_strength(ink: Array) -> Array:
    """The ink, brought to 1 where nine tenths of it are below half the strongest: grey lines with a darker spot."""
    drawn = np.sort(ink[ink > 0])
    level = drawn[9 * len(drawn) // 10]
    return ink if level >= 0.5 else np.minimum(ink / level, np.float32(1))


def regions(ink: Array) -> tuple[Array, Array]:
    """The connected regions of the ink, seen on at most 128 cells a side.

    The area of each by its number, that of the paper, 0, being 0; and the number of each pixel's region (h, w).
    """
    cell = -(-max(ink.shape) // 128)
    starts = [np.arange(0, n, cell) for n in ink.shape]
    area = np.add.reduceat(np.add.reduceat(ink, starts[0], axis=0), starts[1], axis=1)
    labels = _labelled(area > 0)
    areas = np.bincount(labels.ravel(), weights=area.ravel())
    return areas, np.repeat(np.repeat(labels, cell, axis=0), cell, axis=1)[: ink.shape[0], : ink.shape[1]]


def _labelled(mask: Array) -> Array:
    """Number the 8-connected regions of a mask from 1 on: of any two neighbours, the later one's region joins."""
    number = np.zeros(np.add(mask.shape, (1, 2)), np.intp)  # a row and columns of 0 around
    inner = number[:-1, 1:-1]
    inner[mask] = np.arange(1, np.count_nonzero(mask) + 1)
    others = number[:-1, 2:], number[1:, :-2], number[1:, 1:-1], number[1:, 2:]
    pairs = np.concatenate([np.stack([inner, other])[:, (inner > 0) & (other > 0)] for other in others], axis=1)
    region = np.arange(number.max() + 1)
    while (apart := region[pairs[0]] != region[pairs[1]]).any():
        one, other = region[pairs[:, apart]]
        np.minimum.at(region, np.maximum(one, other), np.minimum(one, other))
        while (region[region] != region).any():
            region = region[region]
    return np.unique(region, return_inverse=True)[1][inner]
