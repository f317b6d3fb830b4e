"""The ink of a picture: how much each pixel differs from the background, in any color and any light."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdoodle.core.errors import NoDrawingError
from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import (
    REGION_CELLS,
    Parts,
    enlarged,
    filled,
    filtered,
    in_cells,
    labeled,
    parts_of,
    thicker,
    without,
)
from jaxdoodle.preprocessing.resample import box_of, shrink
from jaxdoodle.preprocessing.stroke_width import width_by_outline

#: Least difference from the background that counts as ink; black and white differ by 1.
MIN_CONTRAST = 0.06
#: Ink fainter than this, where the strongest is 1, counts as background: smudges, JPEG noise.
MIN_INK = 0.1
#: Where ink covers more than this fraction of the picture, and all else is lines finer than this fraction of its longer
#: side, the picture was cut to a drawing whose outline is its border: ink and background are exchanged.
FRAME_COVERAGE, FRAME_STROKE_WIDTH = 0.6, 0.06
#: Ink on this fraction of the picture's edge may be no drawing.
EDGE_INK = 0.04
#: Ink of this strength is strong; there may be this fraction as much of paler ink away from it without a doubt. Lines
#: fall to pieces where there are so many more regions, of those larger than this fraction of the largest.
STRONG, PALE_PART, TORN, PIECE = 0.55, 0.1, 2, 0.1
#: Strokes fade where pale ink beside strong ink is nearly as strong, and the palest (this quantile) is paler than that
#: by this factor: a mark of another pen is of one strength, and paler from its edge on.
NEARLY, PALEST, FADED = 0.84, 0.2, 0.8
#: A card is looked for on so many cells a side; it is this part of the picture at least, wider than lines by this
#: fraction of the picture's longer side, and this part of it is bare. So many cells along its edge are its shadow's.
CARD_CELLS, LEAST_CARD, CARD_WIDTH, CARD_BARE, CARD_EDGE = 128, 0.06, 0.12, 0.6, 2
#: What is on a dark card may be as bright as what is beyond it where the card fills this part of its box, as no wide
#: stroke with its holes does.
RECTANGLE = 0.92
#: Opaque pixels that fill this fraction of their box are a page, or this fraction of the picture: one erased in places.
FILLED, FILLED_WITH_HOLES = 0.9, 0.75
#: Opaque pixels as light as this were erased with white, if there are others as well.
WHITE, WHITE_PART = 0.9, 0.98
#: The background is unevenly lit if this fraction of the border's pixels differs from its median, but less than ink.
UNEVEN_BORDER_FRACTION = 0.15
#: In uneven light: fractions of the median strength of the ink that become 0 and 1.
INK_RANGE = (0.3, 0.7)
#: The light is measured on so many cells along the longer side, each with so many cells to every side of it.
LIGHT_CELLS, LIGHT_RADIUS = 96, 12
#: Where ink of this fraction of the strongest is broader than a square of so many cells to every side, the light is
#: measured within that, unless more than the last fraction is lost of the ink that is at least so strong as lines are.
BROAD_INK, NEAR_RADIUS, PALER, LOST = 0.2, 4, 0.8, 0.01
#: Of full strength are lines of which a tenth is as strong as this.
FULL = 0.8
#: A desk lies along so much of an edge of the picture, and fills so much of its box, as squares of the paper do not;
#: what is drawn beside it is no smaller than this fraction of the picture.
DESK, DESK_FILLS, LEAST_DRAWN = 0.8, 0.15, 0.1
#: A speck has less than this area, in squares whose side is the stroke width.
SPECK_AREA = 0.3


@frozen
class Foreground:
    """The ink of a picture.

    Attributes:
      ink: float32 (h, w), from 0 (background) to 1.
      background: ``"light"``, ``"dark"`` or ``"transparent"``.
      uneven: Whether the background is unevenly lit, as on a photograph.
    """

    ink: NDArray[np.float32]
    background: str
    uneven: bool = False


def foreground_of(pixels: NDArray[np.float32]) -> Foreground:
    """Separate the ink from the background.

    The background is the median color of the border, unless the border is ink itself: thin lines around and through
    what covers most of the picture. On a transparent background every opaque pixel is ink, of any color, unless the
    opaque pixels fill their box with more than one color: a page with transparent surroundings.

    Args:
      pixels: (h, w, channels), 0 to 1, with 1 (gray), 3 (RGB) or 4 (RGB and alpha) channels.

    Raises:
      NoDrawingError: The picture is blank.
    """
    pixels = opaque(pixels)
    if pixels.shape[2] == 4:
        return Foreground(_leveled(pixels[..., 3]), "transparent")
    background = _median(_border(pixels))
    ink = _leveled(_channels(np.maximum, np.abs(pixels - background)))
    edge = _border(ink)
    if np.mean((edge > MIN_INK) & (edge < 0.6)) > UNEVEN_BORDER_FRACTION:
        return _unevenly_lit(gray_of(pixels))
    drawn = ink >= 0.5
    count = np.count_nonzero(drawn)
    darker = background.mean() > np.mean([channel[drawn].mean() for channel in np.moveaxis(pixels, 2, 0)])
    framed = FRAME_COVERAGE * ink.size < count < ink.size
    if framed and width_by_outline(1 - ink) < FRAME_STROKE_WIDTH * max(ink.shape):
        return Foreground(1 - ink, "dark" if darker else "light")
    return Foreground(ink, "light" if darker else "dark")


def opaque(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The picture without alpha, where nothing is transparent or what is not is a page; else as it is.

    Raises:
      NoDrawingError: All of it is transparent.
    """
    if pixels.shape[2] < 4:
        return pixels
    colors, alpha = pixels[..., :3], pixels[..., 3:]
    if alpha.min() == 1:
        return colors
    solid = alpha[..., 0] > 0.5
    if not solid.any():
        raise NoDrawingError("the picture is blank: all of it is transparent.")
    if not _is_page(colors, solid):
        return pixels
    page = _median(colors[solid])
    return page + (colors - page) * alpha


def _is_page(colors: NDArray[np.float32], solid: NDArray[np.bool_]) -> bool:
    """Whether the opaque pixels are a page with something drawn on it: of more than one color, they fill their box."""
    top, left, bottom, right = map(int, box_of(solid.astype(np.float32)))
    filled = solid[top:bottom, left:right].mean() > FILLED or solid.mean() > FILLED_WITH_HOLES
    return bool(filled and np.ptp(colors[solid], axis=0).max() > 0.25)


def erased(pixels: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """A transparent picture over white, where some of what is opaque is white: erased with white. Else ``None``."""
    if pixels.shape[2] != 4:
        return None
    colors, alpha = pixels[..., :3], pixels[..., 3:]
    solid = alpha[..., 0] > 0.5
    white = solid & (colors.min(axis=2) > WHITE)
    if not white.any() or white.sum() > WHITE_PART * solid.sum():
        return None
    return 1 + (colors - 1) * alpha


def others_of(pixels: NDArray[np.float32], found: Foreground) -> Iterator[tuple[str, Foreground]]:
    """Other ways to tell ink from background than the first ``found``, with what they leave out.

    Ink at the picture's edge may be a shadow, a desk, the page's edge; pale ink away from strong ink may be a stain, a
    highlighter, a watermark, the back of the page, or the end of a stroke that fades, which is made as strong.
    """
    if not found.uneven and found.background != "transparent" and at_edge(found.ink) > EDGE_INK:
        with suppress(NoDrawingError):
            yield "shadow", _unevenly_lit(gray_of(pixels))
    cell = -(-max(found.ink.shape) // CARD_CELLS)
    most, ink = in_cells(found.ink, cell, np.maximum), found.ink
    if found.background != "transparent":
        card = _card(pixels, ink) if _has_area(most > MIN_INK) else None
        if card is not None:
            with suppress(NoDrawingError):
                yield "what is beyond the card", foreground_of(card)
        if pixels.shape[2] == 3:  # pale is what is nearly as bright, of any color
            gray = gray_of(pixels)
            with suppress(NoDrawingError):
                ink = np.minimum(ink, _leveled(np.abs(gray - float(_median(_border(gray))))))
    strong = (most if ink is found.ink else in_cells(ink, cell, np.maximum)) > STRONG
    inked = most > MIN_INK
    pale = inked & ~thicker(strong, 1)
    if strong.any() and pale.sum() > PALE_PART * strong.sum() and not _is_torn(strong, inked):
        beside, palest = most[pale & thicker(strong, 2)], float(np.quantile(most[pale], PALEST))
        fades = len(beside) > 0 and np.median(beside) > NEARLY * STRONG and palest < FADED * np.median(beside)
        name, low, high = ("fading of the ink", MIN_INK, palest) if fades else ("pale ink", STRONG, 1.0)
        yield name, replace(found, ink=np.clip((ink - low) / (high - low), 0, 1).astype(np.float32))


def _is_torn(strong: NDArray[np.bool_], inked: NDArray[np.bool_]) -> bool:
    """Whether lines fall to pieces without their pale parts: of large pixels, of a dry pen; no pale rules join them."""
    if _border(inked).any():
        return False
    sizes = np.bincount(labeled(strong)[strong])
    return bool(np.count_nonzero(sizes > PIECE * sizes.max()) > labeled(inked).max() + TORN)


def _channels(combine: np.ufunc, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The channels (h, w, channels) combined to one, far faster than over a last axis that is so short."""
    total: NDArray[np.float32] = pixels[..., 0]
    for channel in range(1, pixels.shape[2]):
        total = combine(total, pixels[..., channel])
    return total


def gray_of(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of red, green and blue, or the one channel there is."""
    colors = pixels[..., :3]
    if colors.shape[2] == 1:
        return colors[..., 0]
    return _channels(np.add, colors) / np.float32(colors.shape[2])


def _has_area(mask: NDArray[np.bool_]) -> bool:
    """Whether the mask has a square wider than the lines of drawings are."""
    side = max(2, int(CARD_WIDTH * max(mask.shape)))
    total = np.cumsum(np.cumsum(np.pad(mask, ((1, 0), (1, 0))), axis=0), axis=1)
    if min(mask.shape) < side:
        return False
    squares = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    return bool(squares.max() == side * side)


def _card(pixels: NDArray[np.float32], ink: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The picture with all but its largest region of ink as that is, where that is an area of one color, not lines."""
    parts = parts_of(ink, CARD_CELLS, MIN_INK)
    if len(parts.areas) < 2:
        return None
    counts = np.bincount(parts.number.ravel())
    region = parts.number == 1 + int(counts[1:].argmax())
    whole = ~thicker(~filled(region), 1)
    if whole.mean() < LEAST_CARD or width_by_outline(whole.astype(np.float32)) < CARD_WIDTH * max(whole.shape):
        return None
    inside, core = (enlarged(some, parts.cell, ink.shape) for some in (whole, ~thicker(~whole, 1)))
    color, background = _median(pixels[inside]), _median(_border(pixels))
    away = np.abs(pixels[inside] - color).max(axis=1)
    if np.abs(color - background).max() < MIN_CONTRAST or (away < MIN_CONTRAST).mean() < CARD_BARE:
        return None
    if not (away[core[inside]] >= away.max() / 2).any():  # nothing but its soft edge
        return None
    drawn = _median(pixels[inside][away >= away.max() / 2])
    is_hole = np.abs(drawn - background).max() < np.abs(color - background).max() / 2
    top, left, bottom, right = map(int, box_of(whole.astype(np.float32)))
    dark = color.mean() < background.mean()
    if is_hole and not (dark and whole[top:bottom, left:right].mean() >= RECTANGLE):  # of a wide stroke, a sheet
        return None
    inner = enlarged(~thicker(~whole, CARD_EDGE), parts.cell, ink.shape)
    return np.where(inner[..., None], pixels, color)


def at_edge(ink: NDArray[np.float32]) -> float:
    """The fraction of the picture's outermost pixels that have ink."""
    return float((_border(ink) > MIN_INK).mean())


def _border(picture: NDArray[Any]) -> NDArray[Any]:
    """The outermost pixels of (h, w, ...), one after the other."""
    frame = max(1, min(picture.shape[:2]) // 50)
    inner = picture[frame:-frame]
    parts = picture[:frame], picture[-frame:], inner[:, :frame], inner[:, -frame:]
    return np.concatenate([part.reshape(-1, *picture.shape[2:]) for part in parts])


def _median(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median of each channel; ``np.median`` would import numpy.ma, a tenth of the time to the first prediction."""
    return np.partition(colors, len(colors) // 2, axis=0)[len(colors) // 2]  # type: ignore[no-any-return]


def _leveled(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ink with its strongest pixel at 1."""
    strongest = ink.max()
    if strongest < MIN_CONTRAST:
        raise NoDrawingError(f"the picture is blank: nothing differs from its background by {MIN_CONTRAST} of 1.")
    return ink / strongest


def _unevenly_lit(gray: NDArray[np.float32]) -> Foreground:
    """The ink where gradients, shadows and noise lie over the background.

    The background under a line is as bright as the brightest spot nearby (morphological closing).
    """
    step = -(-max(gray.shape) // LIGHT_CELLS)
    coarse = shrink(gray[..., None], step)[..., 0]
    cells = 2 * LIGHT_RADIUS + 1
    relief = coarse - _sums(coarse, cells) / cells**2
    dark = (relief**3).sum() > 0  # a few spots far brighter than their surroundings: chalk on a board
    if dark:
        gray = 1 - gray
    ink = _darker(gray, cells * step | 1)
    if ink.max() < MIN_CONTRAST:
        raise NoDrawingError(f"the picture is blank: nothing is darker than its surroundings by {MIN_CONTRAST} of 1.")
    cells = 2 * NEAR_RADIUS + 1
    broad = shrink(ink[..., None], step)[..., 0] > BROAD_INK * ink.max()
    if (~thicker(~broad, NEAR_RADIUS)).any():
        ink = _narrow(ink, _darker(gray, cells * step | 1))
    strength = np.sort(ink[ink > 0.5 * ink.max()])
    low, high = (part * strength[len(strength) // 2] for part in INK_RANGE)
    ink = _without_corners(np.clip((ink - low) / (high - low), 0, 1))
    return Foreground(ink, "dark" if dark else "light", True)


def _darker(gray: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """By how much each pixel is darker than the light around it, of 1; what is broader than ``side`` is light."""
    return np.clip(1 - gray / np.maximum(closed(gray, side), np.float32(1e-3)), 0, 1)


def _narrow(ink: NDArray[np.float32], near: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ink that light measured ``near`` leaves, if all that it leaves out is paler: a hand, its shadow, a desk."""
    drawn = np.sort(near[near >= near.max() / 2])
    strong = ink > PALER * drawn[len(drawn) // 2]
    return near if np.mean(near[strong] < ink[strong] / 2) < LOST else ink


def _without_corners(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Remove regions that touch the picture's edge, unless they are most of the ink: corners of shadows or a desk.

    What lies along one goes, too, where ink is left that could be drawn. Nothing goes where what is left reaches
    opposite edges, as the picture may be cut to the drawing, or is too faint to be ink.
    """
    parts = parts_of(ink, REGION_CELLS, 0)
    gone = parts.at_edges.any(axis=1) & (parts.areas < parts.areas.max() / 2)
    beside = gone | _is_desk(parts)
    if _is_drawable(parts, ~beside):
        gone = beside
    top, left, bottom, right = parts.at_edges[~gone].any(axis=0)
    rest = without(ink, parts, gone)
    return ink if (top and bottom) or (left and right) or rest.max() <= MIN_INK else rest


def _is_desk(parts: Parts) -> NDArray[np.bool_]:
    size = parts.boxes[:, 2:] - parts.boxes[:, :2]
    return (parts.along.max(axis=1) > DESK) & (parts.areas >= DESK_FILLS * size.prod(axis=1))


def _is_drawable(parts: Parts, left: NDArray[np.bool_]) -> bool:
    """Whether one of the regions that are left is as large as what is drawn."""
    return bool(parts.sides[left & (parts.areas > 0)].max(initial=0) >= LEAST_DRAWN * max(parts.number.shape))


def closed(gray: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """The picture (h, w) with what is darker and narrower than ``side`` pixels as bright as what is around it."""
    return filtered(np.minimum, filtered(np.maximum, gray, side), side)


def _sums(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Each pixel the sum of the square of ``side`` pixels, an odd number, around it."""
    for _ in range(2):
        total = np.cumsum(np.pad(image, ((side // 2 + 1, side // 2), (0, 0)), mode="edge"), axis=0)
        image = (total[side:] - total[:-side]).T
    return image


def without_specks(ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """The ink (h, w) without regions smaller than a dot of its stroke width, and how many specks that were.

    That is the width of the largest region, of those beside a desk if one of them could be drawn.
    """
    parts = parts_of(ink, REGION_CELLS, 0)
    if not parts.several:
        return ink, 0
    areas, beside = parts.areas * parts.cell**2, ~_is_desk(parts)
    stroke = (areas * beside if _is_drawable(parts, beside) else areas).argmax()
    width = width_by_outline(without(ink, parts, np.arange(len(areas)) != stroke))
    speck = (areas > 0) & (areas < min(SPECK_AREA * width**2, areas.max()))
    return without(ink, parts, speck), int(speck.sum())


def full_strength(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale the ink so that nine tenths of it are at most 1, if those are paler: gray lines with a darker spot."""
    count = np.count_nonzero(ink)
    if np.count_nonzero(ink >= FULL) >= count - 9 * count // 10:
        return ink
    return np.minimum(ink / np.sort(ink[ink > 0])[9 * count // 10], np.float32(1))
