"""The drawings of a page, each preprocessed as if it were alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError, NoDrawingError
from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing import inputs
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.preprocessing.inputs.pictures import pixels_of
from jaxdoodle.preprocessing.inputs.values import content_of
from jaxdoodle.preprocessing.paper.margins import LEAST
from jaxdoodle.preprocessing.paper.readings import ERASED, Reading, readings_of
from jaxdoodle.preprocessing.paper.regions import Parts, parts_of
from jaxdoodle.preprocessing.paper.straight import printed
from jaxdoodle.preprocessing.paper.surroundings import (
    ALONE,
    DASHED,
    INSIDE,
    LARGEST,
    STEPS,
    only,
    without_surroundings,
)
from jaxdoodle.preprocessing.pipeline import MAX_SIDE, Preprocessed, finished, preprocess
from jaxdoodle.preprocessing.resample import shifted
from jaxdoodle.preprocessing.several.groups import from_regions, from_strokes, grouped
from jaxdoodle.preprocessing.several.order import rows_of
from jaxdoodle.strokes.drawing import Drawing
from jaxdoodle.strokes.forms import Columns

#: Cells a side on which the parts of a page are found, and the coverage from which on a cell has ink.
CELLS, LEAST_INK = 384, 0.12
#: Most parts of a page that are grouped, the largest: more take long, and are dust.
MOST_PARTS = 150
#: More than so many drawings beside one another are squares of the paper.
MOST_DRAWINGS = 64
#: Background that is left around a drawing, as a fraction of its longer side.
MARGIN = 0.15
#: Steps that look for one drawing alone; what surrounds several is told by their number.
SURROUNDINGS = frozenset((ALONE, LARGEST, *(name for name, _ in STEPS)))
#: Removed in more than one piece, none of which is a drawing.
OF_PIECES = frozenset((ERASED, DASHED))
#: Removed where a mark or a word was beside the drawing.
BESIDE = "a mark beside it"
#: The step that leaves one drawing.
ONE = "one of several"
#: What reaches from edge to edge is no drawing where all others are shorter than this fraction of it.
ACROSS = 0.7
#: Lines of a mark are shorter than so many times its longer side: the shaft and head of an arrow have up to 1.8, a tick
#: 1.5. One of 100 doodles had less, a banana.
MARK = 1.9
#: A word has so many letters at least, one after the other, and is so many times as wide as high; where its letters
#: run together, so many times.
LETTERS, ROW, BAR = 3, 1.8, 6
#: A piece of a line is so many times as long as wide, and rises by no more than this fraction of its length where it
#: lies; pieces are of one line where their middles are so many cells apart, and it is as long as this fraction of the
#: page.
PIECE, RISE, IN_LINE, LONG_LINE = 6, 0.15, 2, 0.6
#: A drawing beside others is no smaller than this fraction of the largest.
LARGE = 0.4


@frozen
class Division:
    """A page divided into its drawings.

    Attributes:
      drawings: In the order of reading, as a network sees them; their boxes are those on the page.
      at_edge: Of each, whether it touches the edge of the picture.
      rows: How many of them each row has.
    """

    drawings: tuple[Preprocessed, ...]
    at_edge: tuple[bool, ...]
    rows: tuple[int, ...]


Found = list[tuple[Preprocessed, bool]]


def divisions_of(page: Any, preprocessing: Preprocessing, loose: bool) -> tuple[Any, list[Division]]:
    """The ways to divide a page into its drawings, with ever less that may belong to the paper.

    Args:
      page: As ``preprocess`` takes it.
      preprocessing: What the network expects.
      loose: Whether drawings may have many parts, as doodles do; characters have few.

    Returns:
      The page, as float32 pixels (h, w, channels) with the number that they were reduced by or as strokes; and the
      ways, none where nothing is drawn.

    Raises:
      InputError: The input cannot be read, or is used as it is.
    """
    try:
        if preprocessing.as_is:
            raise InputError("the model takes pictures as they are, and finds no drawings on them.")
        content = content_of(page, preprocessing)
        picture = not isinstance(content, list | tuple)
        content = pixels_of(content, MAX_SIDE) if picture else content
        with suppress(NoDrawingError):
            divide: Callable[..., Iterator[Found]] = _of_picture if picture else _of_strokes
            found = list(divide(content, preprocessing, loose))
            if any(len(drawings) > 1 for drawings in found):
                return content, [_in_order(drawings) for drawings in found if drawings]
            alone = preprocess(content[0] if picture else content, preprocessing)  # all that may surround it
            return content, [_in_order([(_enlarged(alone, content[1] if picture else 1), False)])]
        return content, []
    except InputError as error:
        name = os.fspath(page) if inputs.is_path(page) else "the image"
        raise type(error)(f"{name}: {str(error).removeprefix('the image: ')}") from None


def with_parts(found: Preprocessed, preprocessing: Preprocessing, loose: bool) -> Preprocessed:
    """What was preprocessed as one drawing, with the bitmaps of several that it seems to show, if any.

    Args:
      found: With its reading.
      preprocessing: What the network expects.
      loose: As for ``divisions_of``.
    """
    others = [with_parts(other, preprocessing, loose) for other in found.alternatives]
    alone = [other for other in others if ALONE in other.removed]
    drawings = _drawings(alone) if loose else alone
    if len(drawings) < len(alone):
        named = [tuple(BESIDE if name == ALONE else name for name in one.removed) for one in drawings]
        drawings = [replace(one, removed=removed) for one, removed in zip(drawings, named, strict=True)]
        others = [*(other for other in others if ALONE not in other.removed), *drawings]
    erased = any(OF_PIECES & set(other.removed) for other in others)
    if erased:  # in the other ways, what was erased and the pieces of a frame are drawings, too
        others = [other if OF_PIECES & set(other.removed) else replace(other, several=()) for other in others]
    found = replace(found, alternatives=tuple(others))
    reading = found.reading
    if erased or reading is None or not reading.parts.several or (SURROUNDINGS - {INSIDE}) & set(found.removed):
        return found
    parts = reading.parts
    groups = [numbers for numbers in _groups(parts, loose) if not _at_edge(parts, numbers)]
    sides = [_side(parts, numbers) for numbers in groups]
    least = max(LARGE * max(sides, default=0.0), LEAST * max(parts.number.shape))
    large = [numbers for numbers, side in zip(groups, sides, strict=True) if side >= least]
    each = []
    if 1 < len(large) <= MOST_DRAWINGS:
        for numbers in large:
            with suppress(NoDrawingError):
                each.append(_alone(reading, parts, numbers, 1, preprocessing)[0])
    each = _drawings(each) if loose else each
    return replace(found, several=tuple(one.bitmap for one in each) if len(each) > 1 else ())


def _drawings(found: list[Preprocessed]) -> list[Preprocessed]:
    """Those that are more than marks and words beside a drawing, if any are."""
    drawings = [one for one in found if one.reading is None or not (_is_mark(one.reading) or _is_word(one.reading))]
    return drawings or found


def _is_mark(reading: Reading) -> bool:
    """Whether this may be an arrow or a tick."""
    return reading.lines < MARK


def _is_word(reading: Reading) -> bool:
    """Whether these may be letters in a row."""
    _, left, _, right = reading.parts.boxes[1:].T
    order = np.argsort(left)
    letters = 1 + np.count_nonzero(left[order][1:] >= np.maximum.accumulate(right[order])[:-1])
    top, start, bottom, end = reading.box
    return bool(end - start >= (ROW if letters >= LETTERS else BAR) * (bottom - top))


def _groups(parts: Parts, loose: bool) -> list[NDArray[np.intp]]:
    """The numbers of the regions of each drawing."""
    if not parts.several:
        return [np.arange(1, len(parts.areas))]
    each, largest = from_regions(parts), np.argsort(-parts.areas[1:])[:MOST_PARTS]
    top, left, bottom, right = parts.at_edges.T
    across = ((top & bottom) | (left & right))[1:]  # a margin, a page's edge
    in_corner = (top | bottom) & (left | right)  # a desk beside a page, a shadow
    beyond = (in_corner | _of_lines(parts) | _underlines(parts) | printed(parts))[1:]
    if (~across).any() and parts.sides[1:][~across].max() < ACROSS * parts.sides[1:][across].max(initial=0):
        largest = largest[~across[largest]]
    if not beyond[largest].all():
        largest = largest[~beyond[largest]]
    return [largest[group] + 1 for group in grouped([each[i] for i in largest], loose)]


def _of_lines(parts: Parts) -> NDArray[np.bool_]:
    """Of each region, whether it is a piece of a straight line that begins at an edge: a margin that is broken up."""
    found = np.zeros(len(parts.areas), bool)
    for axis, length in enumerate(parts.number.shape):
        first, last = parts.boxes[:, axis], parts.boxes[:, axis + 2]
        left, right = parts.boxes[:, 1 - axis], parts.boxes[:, 3 - axis]
        thin = last - first >= PIECE * (right - left)
        thin[0] = False
        for number in np.flatnonzero(thin & ((first <= 0) | (last >= length))):
            line = thin & (np.abs(left + right - left[number] - right[number]) <= 2 * IN_LINE)
            if last[line].max() - first[line].min() >= LONG_LINE * length:
                found |= line
    return found


def _underlines(parts: Parts) -> NDArray[np.bool_]:
    """Of each region, whether it is a flat line that is longer than all that is none."""
    high, wide = (parts.boxes[:, 2:] - parts.boxes[:, :2]).T
    thick = parts.areas / np.maximum(wide, 1)
    flat = (wide >= PIECE * thick) & (high <= thick + RISE * wide)
    flat[0] = False
    return flat & (wide >= parts.sides[1:][~flat[1:]].max(initial=0))


def _side(parts: Parts, numbers: NDArray[np.intp]) -> float:
    """The longer side of the box of some regions, in cells."""
    return float((parts.boxes[numbers, 2:].max(axis=0) - parts.boxes[numbers, :2].min(axis=0)).max())


def _at_edge(parts: Parts, numbers: NDArray[np.intp]) -> bool:
    """Whether one of some regions touches the picture's edge."""
    return bool(parts.at_edges[numbers].any())


def _in_order(found: Found) -> Division:
    rows = rows_of([drawing.box for drawing, _ in found])
    drawings, at_edge = zip(*(found[index] for row in rows for index in row), strict=True)
    return Division(drawings, at_edge, tuple(map(len, rows)))


def _of_strokes(drawing: Drawing, preprocessing: Preprocessing, loose: bool) -> Iterator[Found]:
    found: Found = []
    for group in grouped(from_strokes(drawing), loose):
        with suppress(NoDrawingError):  # a dot
            found.append((preprocess(Columns(drawing[index] for index in group), preprocessing), False))
    yield found


def _of_picture(content: tuple[NDArray[np.float32], int], preprocessing: Preprocessing, loose: bool) -> Iterator[Found]:
    before = None
    for reading in readings_of(content[0]):
        if SURROUNDINGS & set(reading.removed):
            continue
        parts = parts_of(reading.ink, CELLS, LEAST_INK)
        found: Found = []
        for numbers in _groups(parts, loose):
            with suppress(NoDrawingError):
                found.append(_alone(reading, parts, numbers, content[1], preprocessing))
        boxes = [one.box for one, _ in found]
        if boxes != before:
            before = boxes
            yield found


def _alone(
    reading: Reading, parts: Parts, numbers: NDArray[np.intp], reduced: int, preprocessing: Preprocessing
) -> tuple[Preprocessed, bool]:
    """The drawing of some regions, with and without what may surround it, and whether it touches the picture's edge."""
    first, last = parts.boxes[numbers, :2].min(axis=0), parts.boxes[numbers, 2:].max(axis=0)
    at_edge = _at_edge(parts, numbers)
    room = (int(MARGIN * (last - first).max()) + 1) * parts.cell
    first = np.maximum(first - 1, 0)
    rows, columns = (slice(a, b + 1) for a, b in zip(first, last, strict=True))
    kept = np.zeros(len(parts.areas), bool)
    kept[numbers] = True
    pixels = tuple(slice(axis.start * parts.cell, axis.stop * parts.cell) for axis in (rows, columns))
    ink = np.pad(only(reading.ink[pixels], replace(parts, number=parts.number[rows, columns]), kept), room)
    top, left = (float(n) * parts.cell - room for n in first)
    place = shifted(top, left) if reading.place is None else reading.place @ shifted(top, left)
    steps = (*reading.steps, (ONE, ink))
    alone = replace(reading, ink=ink, found=replace(reading.found, ink=ink), steps=steps, place=place)
    found = [finished(alone, reduced, preprocessing)]
    if len(numbers) > 1:
        for name, less in without_surroundings(ink, alone.parts):
            alone = replace(alone, ink=less, steps=(*alone.steps, (name, less)), removed=(*alone.removed, name))
            with suppress(NoDrawingError):
                found.append(finished(alone, reduced, preprocessing))
    return replace(found[0], alternatives=tuple(found[1:])), at_edge


def _enlarged(one: Preprocessed, by: int) -> Preprocessed:
    """The same with its box on the picture that was reduced by a number before."""
    top, left, bottom, right = (by * edge for edge in one.box)
    others = tuple(_enlarged(other, by) for other in one.alternatives)
    return replace(one, box=(top, left, bottom, right), scale=one.scale / by, alternatives=others)
