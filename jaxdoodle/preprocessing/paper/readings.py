"""What on a picture may be the drawing: its ink, and with ever less of what lies around it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from jaxdoodle.core.errors import NoDrawingError
from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.fine import without_fine_lines
from jaxdoodle.preprocessing.paper.foreground import (
    MIN_INK,
    Foreground,
    erased,
    foreground_of,
    full_strength,
    opaque,
    others_of,
    without_specks,
)
from jaxdoodle.preprocessing.paper.grain import RADII, is_speckled, smoothed, stands_out
from jaxdoodle.preprocessing.paper.margins import inside_margins
from jaxdoodle.preprocessing.paper.outlines import OUTLINED, strokes_within
from jaxdoodle.preprocessing.paper.pane import pane_of
from jaxdoodle.preprocessing.paper.regions import Parts, in_cells
from jaxdoodle.preprocessing.paper.rejection import MAX_LINE_LENGTH, is_busy
from jaxdoodle.preprocessing.paper.rules import is_lined, without_lines
from jaxdoodle.preprocessing.paper.sheet import SHEET, Sheet, sheet_of
from jaxdoodle.preprocessing.paper.surroundings import groups_of, only, regions_of, without_surroundings
from jaxdoodle.preprocessing.resample import Box, box_of, shifted
from jaxdoodle.preprocessing.stroke_width import width_by_outline

#: So many lines from edge to edge are the paper's, whatever is drawn. Where they end before the edge of the picture,
#: they are looked for on what has so many pixels a side at least: fewer are a drawing, or the sides of a frame.
PARALLEL, LINED = 3, 64
#: What is smoothed has lines of at most this length in its longer sides; so many ways to smooth are told.
FEW_LINES, SMOOTHINGS = 8.0, 3
#: A sheet whose edge parts a region of the ink so that each part has this fraction of it is none; regions that are
#: smaller than this fraction of the largest do not count.
ACROSS = 0.1
#: A dark board on something brighter is this part of the picture at least; less is a bar code, a filled shape.
LEAST_BOARD = 0.25
#: Removed from a canvas on which white may have been the eraser.
ERASED = "what was erased"
#: Removed where the paper may have a line or two: a margin, the border of a cell.
LINES = "lines from edge to edge"
#: Removed where lines are far finer than the strokes.
FINE = "fine lines"
#: Removed from a picture whose pane has an edge without a border: the picture may be cut to a drawing.
BARS = "bars of a window"
Steps = tuple[tuple[str, Any], ...]


@frozen
class Reading:
    """One way to see a picture.

    Attributes:
      ink: float32 (h, w), 0 to 1, of what is taken for the drawing.
      found: The ink of all of the picture, and its background.
      specks: How many specks were dropped.
      steps: The steps that led here, as ``Preprocessed`` has them.
      removed: What was taken from the drawing that may be a part of it.
      place: (3, 3), which brings (x, y, 1) of its pixels to those of the picture; ``None`` where they are the same.
    """

    ink: NDArray[np.float32]
    found: Foreground
    specks: int
    steps: Steps
    removed: tuple[str, ...] = ()
    place: NDArray[np.float64] | None = None

    __eq__, __hash__ = object.__eq__, object.__hash__  # type: ignore[assignment]  # arrays have no single truth value

    @cached_property
    def parts(self) -> Parts:
        """The regions of the ink, found once."""
        return regions_of(self.ink)

    @cached_property
    def box(self) -> Box:
        """The box of the ink, in pixels."""
        return box_of(self.ink)

    @property
    def drawing(self) -> NDArray[np.float32]:
        """The ink cut to its box."""
        top, left, bottom, right = map(int, self.box)
        return self.ink[top : bottom + 1, left : right + 1]

    @cached_property
    def stroke_width(self) -> float:
        """The width of the strokes, by their outline, in pixels."""
        return width_by_outline(self.drawing)

    @property
    def lines(self) -> float:
        """The length of all lines, in longer sides from middle to middle of the strokes."""
        top, left, bottom, right = self.box
        side = max(bottom - top, right - left) - self.stroke_width
        return float(self.ink.sum()) / (self.stroke_width * max(side, 1.0))

    def is_busy(self, most: float = MAX_LINE_LENGTH) -> bool:
        """Whether the ink would be rejected for its many lines, or has more than ``most``, in longer sides."""
        return is_busy(self.ink, self.box, self.stroke_width, self.found.uneven, most)


def readings_of(pixels: NDArray[np.float32], paper: bool = True) -> list[Reading]:
    """The ways to see a picture (h, w, channels), 0 to 1: with most of the ink first, with ever less after it.

    A sheet that is seen whole, several parallel lines and grain are no part of a drawing; of anything else, the first
    reading has it and a later one does not.

    Args:
      pixels: The picture.
      paper: Whether anything but the drawing can be on it; a bitmap of the network's size has no room for it.

    Raises:
      NoDrawingError: The picture is blank.
    """
    steps: Steps = (("picture", pixels),)
    if not paper:
        return [_read(foreground_of(pixels), steps)]
    pixels = opaque(pixels)
    if pixels.shape[2] == 3 and all(np.array_equal(pixels[..., 0], pixels[..., other]) for other in (1, 2)):
        pixels = np.ascontiguousarray(pixels[..., :1])
    white = erased(pixels)
    if white is not None:
        step = ("on white", white)
        first, *others = _cleaned(pixels, steps)
        return [first, *(_less(one, ERASED) for one in _cleaned(white, (*steps, step))), *others]
    window = pane_of(pixels)
    if window is not None:
        pane, row, column, bordered = window
        with suppress(NoDrawingError):  # the bars are the drawing
            found = _cleaned(pane, (*steps, ("pane of a window", pane)))
            found = [replace(one, place=shifted(row, column)) for one in found]
            return found if bordered else [*_cleaned(pixels, steps), *(_less(one, BARS) for one in found)]
    sheet = sheet_of(pixels) or _board_of(pixels)
    if sheet is None:
        return _cleaned(pixels, steps)
    name, part, whole, place = sheet
    try:
        found = [replace(one, place=place) for one in _cleaned(part, (*steps, (name, part)))]
    except NoDrawingError:  # the sheet is the drawing
        return _cleaned(pixels, steps)
    if whole:
        return found
    readings = _cleaned(pixels, steps)
    on_paper = place is None and readings[0].found.background == "light"
    if on_paper and _is_cut(readings[0], (part != pixels).any(axis=2)):  # the edge of a shadow
        return readings
    around = "what is beyond the sheet" if place is None else SHEET
    return [*readings, *(_less(one, around) for one in found)]


def _board_of(pixels: NDArray[np.float32]) -> Sheet | None:
    """A dark quadrilateral on something brighter, as ``sheet_of`` gives a sheet; it may be drawn."""
    board = sheet_of(1 - pixels) if pixels.shape[2] != 4 else None
    if board is None or board[3] is None or board[1].size < LEAST_BOARD * pixels.size:
        return None
    return "board, seen from above", 1 - board[1], False, board[3]


def _is_cut(reading: Reading, gone: NDArray[np.bool_]) -> bool:
    """Whether a part of the picture that is gone has much of a region of the ink, but not all."""
    parts = reading.parts
    left = in_cells(gone.astype(np.float32), parts.cell) / parts.cell**2
    counts = np.bincount(parts.number.ravel())
    share = np.bincount(parts.number.ravel(), weights=left.ravel())[1:] / counts[1:]
    large = counts[1:] >= ACROSS * counts[1:].max(initial=0)
    return bool((large & (share > ACROSS) & (share < 1 - ACROSS)).any())


def _read(found: Foreground, steps: Steps) -> Reading:
    name = "ink, light evened out" if found.uneven else f"ink on {found.background}"
    ink = np.where(found.ink < MIN_INK, np.float32(0), found.ink)
    return _tidied(Reading(ink, found, 0, steps), name, ink)


def _tidied(reading: Reading, name: str, ink: NDArray[np.float32]) -> Reading:
    """A reading of which ``ink`` is left, without specks."""
    steps = (*reading.steps, (name, ink))
    ink, specks = without_specks(ink)
    ink = full_strength(ink)
    if specks:
        steps = (*steps, (f"without {specks} speck{'s' * (specks > 1)}", ink))
    return Reading(ink, reading.found, reading.specks + specks, steps, reading.removed)


def _cleaned(pixels: NDArray[np.float32], before: Steps) -> list[Reading]:
    """The ink of a picture, and what is left of it without lines, grain and surroundings."""
    first = foreground_of(pixels)
    readings = _bared(pixels, _read(first, before))
    for name, found in others_of(pixels, first):
        if (found.ink > MIN_INK).any():
            readings += _bared(pixels, _less(_read(found, before), name))
    return readings


def _bared(pixels: NDArray[np.float32], reading: Reading) -> list[Reading]:
    """A reading without lines, grain and surroundings: ever less of it."""
    found = _without_margins(_unruled(_without_margins(reading)))
    readings = [found] if found.removed == reading.removed else [reading, found]
    bases = [found]
    if found.is_busy() or is_speckled(found.found.ink):
        smooth = _smooth(pixels, reading.steps[:-1], reading.removed)
        if smooth and found.is_busy(FEW_LINES):  # its lines are grain
            readings, bases = smooth, smooth[-1:]
        else:
            readings, bases = [*smooth, *readings], [*smooth[-1:], found]
    strokes = without_fine_lines(bases[-1].ink)
    if strokes is not None:
        bases.append(_less(_tidied(bases[-1], FINE, strokes), FINE))
        readings.append(bases[-1])
    for last in bases:
        whole = strokes_within(last.ink, last.parts)
        if whole is not None:
            readings.append(_less(_tidied(last, OUTLINED, whole), OUTLINED))
        for name, ink in without_surroundings(last.ink, last.parts):
            last = _less(_tidied(last, name, ink), name)
            readings.append(last)
        readings += [_less(_tidied(last, name, ink), name) for name, ink in groups_of(last.ink, last.parts)]
    return readings


def _smooth(pixels: NDArray[np.float32], before: Steps, removed: tuple[str, ...]) -> list[Reading]:
    """The picture without grain, by the least smoothing that leaves few lines and by the next."""
    readings: list[Reading] = []
    for radius in RADII:
        part = smoothed(pixels, radius)
        reading = _read(foreground_of(part), (*before, (f"smoothed by {radius:g} px", part)))
        reading = _unruled(replace(reading, removed=removed))
        if readings or not reading.is_busy(FEW_LINES):
            if stands_out(pixels, part, reading.ink, radius):
                readings.append(reading)
            if len(readings) == SMOOTHINGS:
                break
    return readings


def _less(reading: Reading, name: str) -> Reading:
    return replace(reading, removed=(*reading.removed, name))


def _unruled(reading: Reading) -> Reading:
    """The reading without lines from edge to edge of the picture, or several from edge to edge of all ink."""
    ink, counts = without_lines(reading.ink) if _touches_edges(reading.ink) else (reading.ink, (0, 0))
    certain = max(counts) >= PARALLEL
    if not any(counts) and min(reading.drawing.shape) >= LINED and is_lined(reading.drawing, PARALLEL):
        held, counts = without_lines(reading.drawing)
        if max(counts) >= PARALLEL and not any(0 < count < PARALLEL for count in counts):
            ink = _placed(reading, held)
    count = sum(counts)
    if ink is reading.ink or not ink.any():
        return reading
    name = f"without {count} line{'s' * (count > 1)}"
    found = _tidied(reading, name, ink)
    return found if certain else _less(found, LINES)


def _placed(reading: Reading, drawing: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ink of a reading of which ``drawing`` is left in its box."""
    ink, (top, left, bottom, right) = np.zeros_like(reading.ink), map(int, reading.box)
    ink[top : bottom + 1, left : right + 1] = drawing
    return ink


def _without_margins(reading: Reading) -> Reading:
    """The reading without what lies in the margins of the page."""
    kept = inside_margins(reading.parts) if reading.parts.several else None
    return reading if kept is None else _tidied(reading, "inside the margins", only(reading.ink, reading.parts, kept))


def _touches_edges(ink: NDArray[np.float32]) -> bool:
    """Whether ink reaches opposite edges."""
    return bool((ink[0].any() and ink[-1].any()) or (ink[:, 0].any() and ink[:, -1].any()))
