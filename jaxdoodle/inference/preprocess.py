"""Any drawing -> the bitmap that a network was trained on, by the network's contract.

The order: find the background, and call ink whatever differs from it; drop what is smaller than the pen could leave;
measure the pen and bring it towards the contract's; scale the ink to the contract's longest side and put it in its
place, to fractions of a pixel, by averaging areas.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxdoodle.inference.contract import InputContract
from jaxdoodle.inference.errors import InputError

Array = Any  # numpy.ndarray
#: (top, left, bottom, right) in pixels, fractions allowed: pixel (0, 0) reaches from 0 to 1 both ways.
Box = tuple[float, float, float, float]

MAX_PIXELS = 50_000_000
#: Larger pictures are first reduced to this many pixels a side.
WORK_SIDE = 1024
#: Least difference from the background, where black and white differ by 1, that counts as drawn.
LEAST_CONTRAST = 0.06
#: Fainter than this, where the strongest ink is 1, is paper: smudges, JPEG noise.
PAPER = 0.1
#: A speck has less than this part of the area of a dot made by the pen.
SPECK = 0.3
#: Pens between these parts of the contract's width are left alone: the training images vary as much. A finer one is
#: drawn over with the contract's, a broader one only brought back to the limit: where lines have run together their
#: width is overestimated, and taking off all that seems too much would take the lines with it.
PEN_RANGE = (0.7, 1.5)
#: Pixels to one bitmap pixel while the pen is changed.
FINE = 8


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the network sees, and how it came about.

    ``bitmap``      uint8 (height, width), white ink on black.
    ``background``  "light", "dark" or "transparent"; "strokes" for a drawing in strokes.
    ``box``         of the ink in the picture: (top, left, bottom, right) in its pixels.
    ``scale``       bitmap pixels per pixel of the picture.
    ``pen``         width of the pen in the picture, in its pixels; 0 for strokes.
    ``widened``     bitmap pixels by which the pen was made wider; below 0: finer.
    ``specks``      how many specks were dropped.
    """

    bitmap: Array
    background: str
    box: Box
    scale: float
    pen: float
    widened: float
    specks: int


def preprocess(image: Any, contract: InputContract) -> Prepared:
    """Prepare a picture, or a drawing in strokes, as the contract says.

    A drawing is a list of strokes, see ``strokes``. A picture is a path (opened by Pillow), a Pillow image, or an
    array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of uint8, uint16, bool, or floats from 0 to 1. A bitmap that meets
    the contract already comes back as it is. Raises ``InputError`` where there is no picture or nothing drawn on it.
    """
    try:
        if isinstance(image, list | tuple):
            return _from_strokes(image, contract)
        whole, background = _ink(_pixels(image))
    except InputError as error:
        name = os.fspath(image) if isinstance(image, str | os.PathLike) else "the image"
        raise InputError(f"{name}: {error}") from None
    reduction = max(1.0, max(whole.shape) / WORK_SIDE)
    if reduction > 1:
        height, width = (max(1, round(n / reduction)) for n in whole.shape)
        whole = _resample(whole, 1 / reduction, (0.0, 0.0), (height, width))
        whole /= whole.max()
    ink, specks = _without_specks(np.where(whole < PAPER, np.float32(0), whole))
    box = _box(ink)
    drawing = ink[int(box[0]) : int(box[2]) + 1, int(box[1]) : int(box[3]) + 1]
    pen = _pen_width(drawing)

    if _meets(contract, ink, box):
        scale, widened, bitmap = 1.0, 0.0, np.rint(255 * whole).astype(np.uint8)
    else:
        scale, widened = _fit(contract, box, pen)
        if widened:
            drawing = _with_pen_changed(drawing, FINE * scale, FINE * (pen * scale + widened))
        bitmap = np.rint(255 * place(drawing, contract)).astype(np.uint8)
    return Prepared(
        bitmap=bitmap,
        background=background,
        box=tuple(edge * reduction for edge in box),  # type: ignore[arg-type]
        scale=scale / reduction,
        pen=pen * reduction,
        widened=widened,
        specks=specks,
    )


def _from_strokes(drawing: Any, contract: InputContract) -> Prepared:
    from jaxdoodle.inference import render, strokes  # they are not needed to prepare a picture

    strokes.check(drawing)
    low, high = ([edge(edge(stroke[axis]) for stroke in drawing) for axis in (1, 0)] for edge in (min, max))
    side = max(last - first for first, last in zip(low, high, strict=True))
    scale = (contract.longest_side - (contract.stroke_width or 0)) / side if side else 1.0
    return Prepared(render.render(drawing, contract), "strokes", (*low, *high), scale, 0.0, 0.0, 0)


def _pixels(image: Any) -> Array:
    """Any picture as float32 (h, w, 1, 3 or 4), 0 to 1."""
    if isinstance(image, str | os.PathLike):
        image = _read(image)
    elif hasattr(image, "getbands"):
        image = _from_pillow(image)
    elif not isinstance(image, np.ndarray):
        raise InputError(
            f"a drawing is a path, a Pillow image, a NumPy array or a list of strokes; got {type(image).__name__}."
        )
    pixels = image[..., None] if image.ndim == 2 else image
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not 0 < pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS:
        raise InputError(
            f"a picture has the shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) and 1 to {MAX_PIXELS:,} pixels; "
            f"got {image.shape}."
        )
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    if pixels.dtype == bool:
        return pixels.astype(np.float32)
    if not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(f"a picture holds uint8, uint16, bool or floats from 0 to 1; got {pixels.dtype}.")
    if not (pixels.min() >= 0 and pixels.max() <= 1):
        raise InputError(f"a picture of floats goes from 0 to 1; got {pixels.min():g} to {pixels.max():g}.")
    return pixels.astype(np.float32)


def _read(path: str | os.PathLike[str]) -> Array:
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(
                    f"the picture has {image.width}x{image.height} pixels; at most {MAX_PIXELS:,} are read."
                )
            return _from_pillow(image)
    except InputError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{error.strerror}.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        reason = "" if isinstance(error, Image.UnidentifiedImageError) else f" ({error})"
        raise InputError(f"not a picture that can be read{reason}; expected PNG, JPEG, GIF and the like.") from None


def _from_pillow(image: Any) -> Array:
    """As an array of uint8 or float, upright."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):
        grey = np.asarray(image, np.float32)
        return (grey - grey.min()) / max(np.ptp(grey), 1e-9) if np.ptp(grey) > 0 else np.zeros_like(grey)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))


def _ink(pixels: Array) -> tuple[Array, str]:
    """How much each pixel differs from the background, 0 to 1, and what the background is.

    The background is the median of the border. On transparent paper ink is whatever is not transparent, of any
    colour, unless that fills its own box with more than one colour: a page with transparent surroundings.
    """
    if pixels.shape[2] == 4:
        colours, alpha = pixels[..., :3], pixels[..., 3]
        if alpha.min() < 1:
            solid = alpha > 0.5
            if not solid.any():
                raise InputError("the picture is blank: all of it is transparent.")
            top, left, bottom, right = map(int, _box(solid.astype(np.float32)))
            filled = solid[top:bottom, left:right].mean() > 0.9
            if not (filled and np.ptp(colours[solid], axis=0).max() > 0.25):
                return _levelled(alpha), "transparent"
            page = _middle(colours[solid])
            colours = page + (colours - page) * alpha[..., None]
        pixels = colours
    frame = max(1, min(pixels.shape[:2]) // 50)
    inside = np.zeros(pixels.shape[:2], bool)
    inside[frame:-frame, frame:-frame] = True
    paper = _middle(pixels[~inside])
    ink = np.abs(pixels - paper).max(axis=2)
    drawn = pixels[ink >= 0.5 * ink.max()]
    return _levelled(ink), "light" if paper.mean() > drawn.mean() else "dark"


def _middle(colours: Array) -> Array:
    """The median of each channel; ``np.median`` would import numpy.ma, a tenth of the time to the first prediction."""
    return np.sort(colours, axis=0)[len(colours) // 2]


def _levelled(ink: Array) -> Array:
    strongest = ink.max()
    if strongest < LEAST_CONTRAST:
        raise InputError(
            f"the picture is blank: nothing differs from its background by more than {strongest:.2f} of 1."
        )
    return ink / strongest


def _box(ink: Array) -> Box:
    """Where the ink begins and ends; the strength of the outermost row or column says how far into it the ink goes."""
    edges = []
    for profile in (ink.max(axis=1) / ink.max(), ink.max(axis=0) / ink.max()):
        drawn = np.flatnonzero(profile)
        first, last = int(drawn[0]), int(drawn[-1])
        edges.append((first + 1 - float(profile[first]), last + float(profile[last])))
    (top, bottom), (left, right) = edges
    return top, left, bottom, right


def _pen_width(ink: Array) -> float:
    """Twice the area by the length of the outline: exact for a long stroke.

    The outline is the total variation, here over squares of four pixels, which count slanted edges right.
    """
    p = np.pad(ink, 1)
    a, b, c, d = p[:-1, :-1], p[:-1, 1:], p[1:, :-1], p[1:, 1:]
    return float(2 * ink.sum() / (np.hypot(b + d - a - c, c + d - a - b).sum() / 2))


def _without_specks(ink: Array) -> tuple[Array, int]:
    """The ink without what is smaller than a dot of its pen, and how many specks that were."""
    cell = -(-max(ink.shape) // 128)
    rows, columns = (np.arange(0, n, cell) for n in ink.shape)
    area = np.add.reduceat(np.add.reduceat(ink, rows, axis=0), columns, axis=1)
    labels = _components(area > 0)
    areas = np.bincount(labels.ravel(), weights=area.ravel())
    areas[0] = 0
    if np.count_nonzero(areas) == 1:
        return ink, 0
    label_of = np.repeat(np.repeat(labels, cell, axis=0), cell, axis=1)[: ink.shape[0], : ink.shape[1]]
    pen = _pen_width(np.where(label_of == areas.argmax(), ink, np.float32(0)))
    speck = (areas > 0) & (areas < SPECK * pen**2)
    return np.where(speck[label_of], np.float32(0), ink), int(speck.sum())


def _components(mask: Array) -> Array:
    """Label each 8-connected region of a mask with a number above 0, by spreading the largest number through it."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        spread = np.pad(labels, 1)
        for axis in (0, 1):
            parts = [np.take(spread, range(i, spread.shape[axis] - 2 + i), axis=axis) for i in range(3)]
            spread = np.maximum.reduce(parts)
        spread = np.where(mask, spread, 0)
        spread = spread.ravel()[np.maximum(spread, 1).ravel() - 1].reshape(mask.shape) * mask  # jump to its own label
        if (spread == labels).all():
            return labels
        labels = spread


def _meets(contract: InputContract, ink: Array, box: Box) -> bool:
    """Whether this is a bitmap as the contract has it: right in size, and in place to the rounding of whole pixels."""
    if ink.shape != contract.image_shape[:2]:
        return False
    longest = max(box[2] - box[0], box[3] - box[1])
    offsets = [abs(c - goal) for c, goal in zip(_centre(ink, contract), contract.centre, strict=True)]
    return abs(longest - contract.longest_side) <= 1 and max(offsets) <= 0.75


def _centre(ink: Array, contract: InputContract) -> tuple[float, float]:
    """The (row, column) to be put at the contract's centre, counted from the middle of the first pixel."""
    if contract.centring == "box":
        top, left, bottom, right = _box(ink)
        return (top + bottom - 1) / 2, (left + right - 1) / 2
    rows, columns = ink.sum(axis=1), ink.sum(axis=0)
    return float(rows @ np.arange(len(rows)) / rows.sum()), float(columns @ np.arange(len(columns)) / columns.sum())


def _fit(contract: InputContract, box: Box, pen: float) -> tuple[float, float]:
    """The scale, and by how many bitmap pixels to widen the pen, that bring the ink to the contract's size.

    What the pen's middle went through is scaled; the pen is added to it.
    """
    longest = max(box[2] - box[0], box[3] - box[1])
    scale = contract.longest_side / longest
    if contract.stroke_width is None or pen > longest / 2:
        return scale, 0.0
    low, high = (contract.stroke_width * part for part in PEN_RANGE)
    if low <= pen * scale <= high:
        return scale, 0.0
    goal = contract.stroke_width if pen * scale < low else high
    scale = (contract.longest_side - goal) / (longest - pen)
    return scale, goal - pen * scale


def _with_pen_changed(ink: Array, zoom: float, pen: float) -> Array:
    """The drawing ``zoom`` times as large, as if drawn by a pen ``pen`` wide there: its outline is moved."""
    height, width = (int(np.ceil(n * zoom)) for n in ink.shape)
    if zoom >= 1:
        mask = _resample(ink, zoom, (0.0, 0.0), (height, width)) > 0.5
    else:  # the strongest in each place, not the mean: a pen finer than a pixel must not fade away
        rows, columns = ((np.arange(n) / zoom).astype(int) for n in (height, width))
        mask = np.maximum.reduceat(np.maximum.reduceat(ink, rows, axis=0), columns, axis=1) > 0.5
    outwards = (pen - _pen_width(mask.astype(np.float32))) / 2
    reach = int(np.ceil(abs(outwards))) + 2
    mask = np.pad(mask, reach)
    if outwards > 0:
        return np.clip(outwards + 1 - _distance(mask, reach), 0, 1)
    return np.clip(_distance(~mask, reach) + outwards, 0, 1)


def _distance(mask: Array, reach: int) -> Array:
    """Euclidean distance of each pixel to the nearest in the mask, as far as ``reach``: along columns, then rows."""
    squared = np.where(mask, np.float32(0), np.float32((reach + 1) ** 2))
    for axis in (0, 1):
        padded = np.pad(squared, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        best = squared
        for step in range(-reach, reach + 1):
            start = reach + step
            moved = padded[start : start + mask.shape[0]] if axis == 0 else padded[:, start : start + mask.shape[1]]
            best = np.minimum(best, moved + np.float32(step * step))
        squared = best
    return np.sqrt(squared)


def place(ink: Array, contract: InputContract) -> Array:
    """Ink on (h, w), 0 for none, at the size and in the place that the contract says: float32, in the same units."""
    top, left, bottom, right = _box(ink)
    scale = contract.longest_side / max(bottom - top, right - left)
    corner = tuple(
        at + 0.5 - (goal + 0.5) / scale for at, goal in zip(_centre(ink, contract), contract.centre, strict=True)
    )
    return _resample(ink, scale, corner, contract.image_shape[:2])  # type: ignore[arg-type]


def _resample(ink: Array, scale: float, corner: tuple[float, float], shape: tuple[int, int]) -> Array:
    """The part of ``ink`` that begins at ``corner``, ``scale`` times as large, on ``shape`` pixels.

    Each pixel is the mean over its area; when enlarging, over the area of one source pixel, which is linear
    interpolation.
    """
    rows, columns = (_weights(n, scale, at, m) for n, at, m in zip(ink.shape, corner, shape, strict=True))
    return rows @ ink @ columns.T


def _weights(size: int, scale: float, corner: float, outputs: int) -> Array:
    """Matrix (outputs, size): how much of each output's stretch of the source each source pixel makes up."""
    middle = corner + (np.arange(outputs)[:, None] + 0.5) / scale
    half = max(1.0, 1 / scale) / 2
    pixel = np.arange(size)
    overlap = np.minimum(middle + half, pixel + 1) - np.maximum(middle - half, pixel)
    return (np.maximum(overlap, 0) / (2 * half)).astype(np.float32)
