"""The strokes in an SVG, as drawing pages save them: lines, paths, circles and rectangles, with their transforms.

Curves and arcs become chords. A ``<rect>`` that has no stroke, or is as large as the picture and behind all else, is
taken for the background; text and what is hidden are left out. Shapes that are defined elsewhere (``<use>``,
``<image>``) are refused by name: leaving them out would change the drawing. Entities, by which a short file can grow
without bounds, are refused where they are declared; nothing outside the file is ever read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from operator import mul
from xml.parsers import expat

from jaxdoodle.core.errors import InputError
from jaxdoodle.strokes.drawing import MAX_COORDINATE, MAX_POINTS, check, shortened

Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]  # a b c d e f: x is a x + c y + e, y is b x + d y + f

CHORDS = 16  # per curve
MAX_DEPTH = 100  # nested elements
MAX_TRANSFORM_LENGTH = 1_000  # characters

_UNSHOWN = {"defs", "symbol", "clipPath", "mask", "pattern", "marker", "text", "title", "desc", "metadata", "style"}
_REFUSED = {"use", "image", "foreignObject"}
#: How a style, or an attribute, says that nothing of an element is shown.
_HIDDEN = re.compile(r"(?:display:none|visibility:hidden|opacity:(?:0(?:\.0*)?|\.0+)(?:;|$))")
#: Part of the picture's sides that a rectangle covers which is as large as the picture.
_COVERS = 0.95
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_FUNCTION = re.compile(r"[\s,]*(\w+)\s*\(([^()]*)\)[\s,]*")
_COMMAND = re.compile(r"([MmZzLlHhVvCcSsQqTtAa])([^MmZzLlHhVvCcSsQqTtAa]*)")
#: The two flags of an arc may be written without a space after them: radii, rotation, flags.
_FLAGS = re.compile(r"((?:[-+.\deE]+[\s,]+){3})([01])[\s,]*([01])[\s,]*")
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "Z": 0, "A": 7}


def strokes_of(text: bytes) -> list[tuple[list[float], list[float]]]:
    """The strokes in the text of an SVG file, in their order, transformed.

    Args:
      text: The content of the file.

    Returns:
      For each stroke its x and its y coordinates, in the units of the SVG.

    Raises:
      InputError: It is no SVG, holds no stroke, or holds a shape that is not read.
    """
    parser = expat.ParserCreate()
    matrices: list[Matrix | None] = []  # of the elements that are open; None within what is not shown
    strokes: list[list[Point]] = []
    points = [0]  # in all strokes so far
    picture: list[Point] = []  # two corners of it

    def begin(tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        try:
            if len(matrices) >= MAX_DEPTH:
                raise InputError(f"is nested more than {MAX_DEPTH} deep.")
            if not matrices and tag != "svg":
                raise InputError("expected an <svg> on the outside.")
            if tag == "svg":  # one within it has units of its own
                picture[:] = [] if matrices else _corners(attributes)
            outer = matrices[-1] if matrices else (1, 0, 0, 1, 0, 0)
            if outer is None or tag in _UNSHOWN or _is_hidden(attributes):
                matrices.append(None)
                return
            matrix = _product(outer, _transform(attributes.get("transform", "")))
            matrices.append(matrix)
            for stroke in _shape(tag, attributes, not strokes):
                moved = [_moved(point, matrix) for point in stroke]
                if tag == "rect" and not strokes and _is_filled(attributes) and _covers(moved, picture):
                    continue
                strokes.append(moved)
                points.append(points[-1] + len(stroke))
                _check_count(points[-1])
        except InputError as error:
            raise InputError(f"line {parser.CurrentLineNumber}, <{tag[:40]}>: {error}") from None

    def declare(name: str, *_: object) -> None:
        raise InputError(f"line {parser.CurrentLineNumber} declares an entity; an SVG with entities is not read.")

    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda tag: matrices.pop()
    parser.EntityDeclHandler = declare
    try:
        parser.Parse(text, True)
    except InputError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise InputError(f"expected an SVG; {error}.") from None
    if not strokes:
        raise InputError("holds no stroke; expected <polyline>, <line>, <path>, <circle> and the like.")
    drawing = [([x for x, _ in stroke], [y for _, y in stroke]) for stroke in strokes]
    check(drawing)
    return drawing


def _is_hidden(attributes: dict[str, str]) -> bool:
    style = attributes.get("style", "").replace(" ", "")
    given = (f"{name}:{attributes[name]}" for name in ("display", "visibility", "opacity") if name in attributes)
    return any(_HIDDEN.match(one.strip()) for one in (*style.split(";"), *given))


def _corners(attributes: dict[str, str]) -> list[Point]:
    """Two corners of the picture in units of its shapes; nothing where it does not say."""
    box = [float(number) for number in _NUMBER.findall(attributes.get("viewBox", ""))]
    if len(box) != 4:
        given = [attributes.get(name, "").strip().removesuffix("px") for name in ("width", "height")]
        box = [0, 0, *(float(one) for one in given if _NUMBER.fullmatch(one))]
    return [(box[0], box[1]), (box[0] + box[2], box[1] + box[3])] if len(box) == 4 else []


def _is_filled(attributes: dict[str, str]) -> bool:
    return attributes.get("fill", "black") != "none" and "fill:none" not in attributes.get("style", "").replace(" ", "")


def _covers(outline: list[Point], picture: list[Point]) -> bool:
    """Does a rectangle reach over the picture, but for a small part of its sides?"""
    if not picture:
        return False
    return all(
        min(at) <= low + (1 - _COVERS) * (high - low) and max(at) >= high - (1 - _COVERS) * (high - low)
        for at, low, high in zip(zip(*outline, strict=True), *picture, strict=True)
    )


def _shape(tag: str, attributes: dict[str, str], first: bool) -> list[list[Point]]:
    """The strokes of an element; ``first``: nothing is drawn before it."""
    if tag in _REFUSED:
        raise InputError("is not read; expected <polyline>, <line>, <path>, <circle> and the like.")
    if tag == "path":
        return _path(attributes.get("d", ""))
    if tag == "line":
        x1, y1, x2, y2 = _lengths(attributes, "x1", "y1", "x2", "y2")
        return [[(x1, y1), (x2, y2)]]
    if tag in ("circle", "ellipse"):
        x, y, r, rx, ry = _lengths(attributes, "cx", "cy", "r", "rx", "ry")
        rx, ry = (r, r) if tag == "circle" else (rx or ry, ry or rx)
        start = (x + rx, y)
        return [[start, *_arc(start, rx, ry, 0, 0, 1, (x - rx, y)), *_arc((x - rx, y), rx, ry, 0, 0, 1, start)]]
    if tag == "rect":
        style = attributes.get("style", "").replace(" ", "")
        lined = attributes.get("stroke", "none") != "none" or ("stroke:" in style and "stroke:none" not in style)
        if not lined or (first and _is_filled(attributes) and attributes.get("width", "").endswith("%")):
            return []
        x, y, width, height = _lengths(attributes, "x", "y", "width", "height")
        return [[(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]]
    if tag in ("polyline", "polygon"):
        numbers = _numbers(attributes.get("points", ""), 2)
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        return [points + points[:1] * (tag == "polygon")] if points else []
    return []


def _path(text: str) -> list[list[Point]]:
    """The strokes of a path; each ``M`` that something follows begins one."""
    strokes: list[list[Point]] = []
    at = start = handle = (0.0, 0.0)  # the current point, the first of this stroke, the last control point of a curve
    previous, count = "", 0
    for command, given in _commands(text):
        kind = command.upper()
        if not previous and kind != "M":
            raise InputError(f"a path begins with M; got {command}.")
        size = _ARGUMENTS[kind]
        numbers = _numbers(_FLAGS.sub(r"\1 \2 \3 ", given) if kind == "A" else given, size)
        if size and not numbers:
            raise InputError(f"{command} in a path takes {size} numbers; got none.")
        for first in range(0, max(len(numbers), 1), max(size, 1)):
            values = numbers[first : first + size]
            x, y = at if command.islower() else (0.0, 0.0)
            if kind == "H":
                points = [(x + values[0], at[1])]
            elif kind == "V":
                points = [(at[0], y + values[0])]
            elif kind == "Z":
                points = [start]
            elif kind == "A":
                points = [(x + values[5], y + values[6])]
            else:
                points = [(x + dx, y + dy) for dx, dy in zip(values[::2], values[1::2], strict=True)]
            if kind in "ST":  # the first control point mirrors the last one of a curve of the same degree
                mirrored = previous in ("CS" if kind == "S" else "QT")
                points.insert(0, (2 * at[0] - handle[0], 2 * at[1] - handle[1]) if mirrored else at)
            if kind == "M" and first == 0:
                start = points[0]
                strokes.append([start])
            else:
                if previous == "Z" and kind != "M":
                    strokes.append([start])
                if kind == "A":
                    rx, ry, turn, large, sweep = values[:5]
                    strokes[-1] += _arc(at, rx, ry, turn, large, sweep, points[0])
                else:
                    strokes[-1] += _curve([at, *points]) if len(points) > 1 else points
            handle, at, previous = points[-2] if len(points) > 1 else at, points[-1], kind
            count += CHORDS if len(points) > 1 or kind == "A" else 1
            _check_count(count)
    return [stroke for stroke in strokes if len(stroke) > 1]


def _commands(text: str) -> list[tuple[str, str]]:
    found = _COMMAND.findall(text)
    before = text[: text.index(found[0][0])] if found else text
    if before.strip():
        raise InputError(f"expected a path, M L H V C S Q T A Z and numbers; got {shortened(before)}.")
    return found


def _arc(start: Point, rx: float, ry: float, turn: float, large: float, sweep: float, end: Point) -> list[Point]:
    """Points along an arc of an ellipse, without its first.

    Reference: Scalable Vector Graphics 1.1 (2011), appendix F.6.5, from endpoints to the center.
    """
    rx, ry, phi = abs(rx), abs(ry), math.radians(turn)
    if not rx or not ry or start == end:
        return [end]
    cosine, sine = math.cos(phi), math.sin(phi)
    dx, dy = (start[0] - end[0]) / 2, (start[1] - end[1]) / 2
    x, y = cosine * dx + sine * dy, cosine * dy - sine * dx
    enlarged = max(1.0, math.hypot(x / rx, y / ry))
    rx, ry = rx * enlarged, ry * enlarged
    across = (rx * y) ** 2 + (ry * x) ** 2
    factor = math.sqrt(max((rx * ry) ** 2 / across - 1, 0)) * (-1 if bool(large) == bool(sweep) else 1)
    cx, cy = factor * rx * y / ry, -factor * ry * x / rx
    first = math.atan2((y - cy) / ry, (x - cx) / rx)
    angle = (math.atan2((-y - cy) / ry, (-x - cx) / rx) - first) % math.tau - (0 if sweep else math.tau)
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    points = []
    for step in range(1, CHORDS):
        at = first + angle * step / CHORDS
        u, v = cx + rx * math.cos(at), cy + ry * math.sin(at)
        points.append((cosine * u - sine * v + middle[0], sine * u + cosine * v + middle[1]))
    return [*points, end]


def _lengths(attributes: dict[str, str], *names: str) -> list[float]:
    """The attributes ``names``, each one number (0 where it is missing), in pixels or without a unit."""
    found = []
    for name in names:
        values = _numbers(attributes.get(name, "0").strip().removesuffix("px"), 1)
        if len(values) != 1:
            raise InputError(f"{', '.join(names)} are one number each.")
        found += values
    return found


def _curve(controls: list[Point]) -> list[Point]:
    """Points along a Bezier curve of any degree, without its first."""
    xs, ys = zip(*controls, strict=True)
    return [(sum(map(mul, weights, xs)), sum(map(mul, weights, ys))) for weights in _bernstein(len(controls) - 1)]


@cache
def _bernstein(degree: int) -> list[list[float]]:
    """The weight of each control point in each point along a curve."""
    along = [step / CHORDS for step in range(1, CHORDS + 1)]
    return [[math.comb(degree, i) * t**i * (1 - t) ** (degree - i) for i in range(degree + 1)] for t in along]


def _numbers(text: str, size: int) -> list[float]:
    """The numbers in a text, with spaces and commas between; a multiple of ``size`` of them."""
    rest = _NUMBER.sub(" ", text).replace(",", " ").strip()
    if rest:
        raise InputError(f"expected numbers; got {shortened(rest)}.")
    numbers = [float(number) for number in _NUMBER.findall(text)]
    if (len(numbers) % size if size else numbers) or not all(abs(n) < MAX_COORDINATE for n in numbers):
        raise InputError(f"expected numbers below a million, {size} or a multiple; got {shortened(text.strip())}.")
    return numbers


def _transform(text: str) -> Matrix:
    if len(text) > MAX_TRANSFORM_LENGTH:
        raise InputError(f"a transform has at most {MAX_TRANSFORM_LENGTH:,} characters; got {len(text):,}.")
    matrix: Matrix = (1, 0, 0, 1, 0, 0)
    rest = _FUNCTION.sub("", text).strip()
    if rest:
        raise InputError(f"expected transforms such as translate(1 2); got {shortened(rest)}.")
    for name, given in _FUNCTION.findall(text):
        numbers = _numbers(given, 1)
        if name not in _TRANSFORMS or len(numbers) not in _TRANSFORMS[name][0]:
            raise InputError(
                f"transforms are {', '.join(_TRANSFORMS)}; got {shortened(name)} of {len(numbers)} numbers."
            )
        matrix = _product(matrix, _TRANSFORMS[name][1](*numbers))
    return matrix


def _rotate(degrees: float, x: float = 0.0, y: float = 0.0) -> Matrix:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return cosine, sine, -sine, cosine, x - cosine * x + sine * y, y - sine * x - cosine * y


#: Of each transform: how many numbers it takes, and the matrix that they make.
_TRANSFORMS: dict[str, tuple[tuple[int, ...], Callable[..., Matrix]]] = {
    "matrix": ((6,), lambda *values: values),
    "translate": ((1, 2), lambda x, y=0.0: (1, 0, 0, 1, x, y)),
    "scale": ((1, 2), lambda x, y=None: (x, 0, 0, x if y is None else y, 0, 0)),
    "rotate": ((1, 3), _rotate),
    "skewX": ((1,), lambda degrees: (1, 0, math.tan(math.radians(degrees)), 1, 0, 0)),
    "skewY": ((1,), lambda degrees: (1, math.tan(math.radians(degrees)), 0, 1, 0, 0)),
}


def _product(outer: Matrix, inner: Matrix) -> Matrix:
    """First ``inner``, then ``outer``."""
    a, b, c, d, e, f = inner
    (x1, y1), (x2, y2), (x3, y3) = (_moved(p, (*outer[:4], 0, 0)) for p in ((a, b), (c, d), (e, f)))
    return x1, y1, x2, y2, x3 + outer[4], y3 + outer[5]


def _moved(point: Point, matrix: Matrix) -> Point:
    (x, y), (a, b, c, d, e, f) = point, matrix
    return a * x + c * y + e, b * x + d * y + f


def _check_count(points: int) -> None:
    if points > MAX_POINTS:
        raise InputError(f"a drawing has at most {MAX_POINTS:,} points; this one has more.")
