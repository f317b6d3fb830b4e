"""The forms that programs give strokes in -> a drawing: a list of ``(x, y)``, two equally long lists for each stroke.

    [xs, ys], [xs, ys, times]              two or three lists for each stroke, as Quick, Draw! has it
    [[x, y], ...], [{"x": x, "y": y}, ...] a list of points for each stroke, with a time or pressure or without
    {"objects": [...]}                     fabric.js, which canvases in the browser are made with

Two lists of two numbers may be either of the first two, and three of three where the last are no times; they are told
apart by the other strokes of the drawing, else by tuples (``(xs, ys)``, or ``[(x, y), (x, y)]``), else it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from numbers import Real
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.strokes.drawing import Drawing, check, shortened

COLUMNS, POINTS = "columns", "points"


class Columns(list[Any]):
    """A drawing of which it is known that its strokes are ``(x, y)``."""


def drawing_of(found: Any, published: bool = False) -> Drawing:
    """A drawing in any form, checked.

    Args:
      found: Strokes, one stroke of points, or a mapping that holds them as ``"drawing"``, ``"strokes"`` or
        ``"objects"``.
      published: Whether it is known to be in Quick, Draw!'s form where it may be either.

    Returns:
      ``(x, y)``, or ``(x, y, times)``, of each stroke, as ``Columns``.

    Raises:
      InputError: It is no drawing, or may be read in two ways.
    """
    if isinstance(found, Columns):
        return found
    if isinstance(found, Mapping):
        if isinstance(found.get("objects"), Sequence):
            return _fabric(found["objects"])
        key = next((key for key in ("drawing", "strokes", "lines", "points") if key in found), None)
        if key is None and not {"x", "y"} <= found.keys():
            raise InputError(f'expected a JSON object with a "drawing"; got {shortened(found)}.')
        found = [found] if key is None else found[key]
    if isinstance(found, list | tuple) and found and all(isinstance(one, Mapping) for one in found):
        held = [next((_pairs(one[key]) for key in ("points", "path", "paths") if key in one), None) for one in found]
        points = all(isinstance(one.get("x"), Real) for one in found)
        found = held if None not in held else [found] if points else found
    if not isinstance(found, list | tuple) or not found:
        check(found)
    if len(found) > 2 and all(isinstance(one, list | tuple) and len(one) == 2 and _numbers(one) for one in found):
        found = [found]  # the points of one stroke
    strokes = [_without_names(stroke) for stroke in found]
    forms = _forms(strokes)
    told = next((form for form in map(_told, strokes) if form), None) if len(forms) > 1 else None
    if len(forms) > 1 and not published and told is None:
        raise InputError(
            "the strokes may be lists of x and of y, or lists of points; "
            'give each as a tuple (xs, ys), or each point as {"x": x, "y": y}.'
        )
    if forms == {POINTS} or (not published and told == POINTS):
        strokes = [tuple([point[axis] for point in stroke] for axis in (0, 1)) for stroke in strokes]
    check(strokes)
    return Columns(strokes)


def _numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, Real) for value in values)


def _pairs(points: Any) -> Any:
    """Points as Konva has them, x and y in turn, as pairs; others as they are."""
    if not isinstance(points, list) or not points or len(points) % 2 or not _numbers(points):
        return points
    return list(zip(points[::2], points[1::2], strict=True))


def _without_names(stroke: Any) -> Any:
    """Points ``{"x": x, "y": y}`` as tuples, lists ``{"x": xs, "y": ys}`` as a tuple."""
    try:
        if isinstance(stroke, Mapping):
            return stroke["x"], stroke["y"]
        if isinstance(stroke, list | tuple) and stroke and all(isinstance(point, Mapping) for point in stroke):
            return [(point["x"], point["y"]) for point in stroke]
    except KeyError:
        raise InputError(f'a point has an "x" and a "y"; got {shortened(stroke)}.') from None
    return stroke.tolist() if isinstance(stroke, np.ndarray) else stroke


def _forms(strokes: Sequence[Any]) -> set[str]:
    """The forms that all the strokes may be in; what is in none is given to ``check`` as columns."""
    lengths: set[int] = set()
    sizes: set[int] = set()
    timed = True
    for stroke in strokes:
        if not isinstance(stroke, list | tuple) or any(isinstance(part, str | Mapping) for part in stroke):
            return {COLUMNS}
        try:
            parts = [list(part) for part in stroke]
        except TypeError:
            return {COLUMNS}
        if len({len(part) for part in parts}) > 1 or not all(map(_numbers, parts)):
            return {COLUMNS}
        lengths.add(len(parts))
        sizes.update(len(part) for part in parts)
        timed &= len(parts) < 3 or _ascends(parts[2])
    if not sizes or not sizes <= {2, 3}:
        return {COLUMNS}
    if lengths not in ({2}, {3}) or (sizes == {2} and not timed):
        return {POINTS}
    return {COLUMNS} if timed and 3 in sizes else {COLUMNS, POINTS}


def _ascends(times: Sequence[Any]) -> bool:
    return all(a <= b for a, b in zip(times, times[1:], strict=False))


def _told(stroke: Any) -> str | None:
    """What tuples say: ``(xs, ys)``, or a list of ``(x, y)``."""
    if not isinstance(stroke, list | tuple):
        return None
    inner = {isinstance(part, tuple) for part in stroke}
    if isinstance(stroke, tuple) and inner == {False}:
        return COLUMNS
    return POINTS if isinstance(stroke, list) and inner == {True} else None


def _fabric(objects: Sequence[Any]) -> Drawing:
    """The objects of a fabric.js canvas, by way of SVG: paths are in its coordinates, the others begin at ``left``."""
    from jaxdoodle.strokes import svg

    parts = []
    for one in objects:
        if not isinstance(one, Mapping):
            raise InputError(f"an object of a canvas has a type; got {shortened(one)}.")
        kind = str(one.get("type", "")).lower()
        values = {name: escape(str(value)) for name, value in one.items() if isinstance(value, Real | str)}
        place = f'transform="{_placed(one, kind == "line")}"'
        if kind == "path" and isinstance(one.get("path"), Sequence):
            text = (
                one["path"] if isinstance(one["path"], str) else " ".join(str(v) for part in one["path"] for v in part)
            )
            parts.append(f'<path d="{escape(text)}"/>')
        elif kind == "line":
            ends = " ".join(f'{name}="{values.get(name, 0)}"' for name in ("x1", "y1", "x2", "y2"))
            parts.append(f"<line {ends} {place}/>")
        elif kind == "rect":
            sides = f'width="{values.get("width", 0)}" height="{values.get("height", 0)}"'
            parts.append(f'<rect {sides} stroke="black" {place}/>')
        elif kind == "circle":
            radius = values.get("radius", 0)
            parts.append(f'<circle r="{radius}" cx="{radius}" cy="{radius}" {place}/>')
        elif kind == "ellipse":
            rx, ry = values.get("rx", 0), values.get("ry", 0)
            parts.append(f'<ellipse rx="{rx}" ry="{ry}" cx="{rx}" cy="{ry}" {place}/>')
        elif "text" not in kind:
            raise InputError(
                f"{shortened(kind)} of a canvas is not read; expected path, line, rect, circle or ellipse."
            )
    return Columns(svg.strokes_of(f"<svg>{''.join(parts)}</svg>".encode()))


def _placed(one: Mapping[str, Any], middle: bool) -> str:
    """The transform of an object of fabric.js, which lies from its corner or around its ``middle``."""
    numbers = {name: value for name, value in one.items() if isinstance(value, Real)}
    corner = []
    for side, origin in (("width", "originX"), ("height", "originY")):
        share = {"center": 0.5, "right": 1.0, "bottom": 1.0}.get(str(one.get(origin)), 0.0)
        corner.append((0.5 * middle - share) * float(numbers.get(side, 0)))
    place = f"translate({numbers.get('left', 0)} {numbers.get('top', 0)}) rotate({numbers.get('angle', 0)})"
    return f"{place} scale({numbers.get('scaleX', 1)} {numbers.get('scaleY', 1)}) translate({corner[0]} {corner[1]})"
