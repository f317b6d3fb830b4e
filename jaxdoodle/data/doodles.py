"""Doodles drawn by a seed instead of a hand, in the manner of Quick, Draw!: training data that needs no download.

For each class a function puts together, out of a few primitives, one of the ways in which people draw the thing
in twenty seconds. ``_by_hand`` then does to every drawing what hands do: lines tremble, parts miss their place,
the whole is turned, sheared and bent. Strokes are complex vectors, ``x + 1j * y`` with y pointing down, in a
frame of about -1..1, until they are finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from jaxdoodle.inference.errors import InputError
from jaxdoodle.inference.strokes import Drawing, rasterise

UP, DOWN, LEFT, RIGHT = -1j, 1j, -1 + 0j, 1 + 0j


def draw(name: str, rng: np.random.Generator) -> Drawing:
    """One drawing of a class as strokes ``(x, y)``, float64, its longer side from 0 to 255."""
    return _draw_many(name, 1, rng)[0]


def generate(name: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Bitmaps of a class: uint8 ``(count, 28, 28)``, white ink on black. Raises ``InputError`` at an unknown name."""
    return rasterise(_draw_many(name, count, rng))


def _draw_many(name: str, count: int, rng: np.random.Generator) -> list[Drawing]:
    if name not in ARTISTS:
        raise InputError(f"no doodles of {name!r}; there are {', '.join(CLASSES)}.")
    return _by_hand([ARTISTS[name](rng) for _ in range(count)], rng)


# What hands do


def _by_hand(drawings: Sequence[list[np.ndarray]], rng: np.random.Generator) -> list[Drawing]:
    """Tremor, misplaced strokes, rotation, shear and bend, all at once over the points of all the drawings."""
    strokes = [stroke for drawing in drawings for stroke in drawing]
    points_each = np.array([len(stroke) for stroke in strokes])
    strokes_each = np.array([len(drawing) for drawing in drawings])
    of_stroke = np.repeat(np.arange(len(strokes)), points_each)
    stroke_of = np.repeat(np.arange(len(drawings)), strokes_each)
    of_drawing = stroke_of[of_stroke]
    first_points = np.cumsum(points_each) - points_each
    first_strokes = np.cumsum(strokes_each) - strokes_each

    z = np.concatenate(strokes)
    along = (np.arange(len(z)) - first_points[of_stroke]) / points_each[of_stroke]

    # Bend: the plane moves by a random quadratic map, so that equal parts are no longer equal.
    count = len(drawings)
    turn, shear = rng.normal(0, 0.1, count), rng.normal(0, 0.1, count)
    stretch = np.exp(rng.laplace(0, 0.13, count))
    bend = _complex_normal(rng, 0.06, (3, count))
    x, y = z.real, z.imag
    z = x * stretch[of_drawing] + shear[of_drawing] * y + 1j * y
    z = z + bend[0, of_drawing] * x * x + bend[1, of_drawing] * x * y + bend[2, of_drawing] * y * y
    z = z * np.exp(1j * turn[of_drawing])

    # Tremor: slow waves along each stroke, and the stroke as a whole beside its place.
    sloppiness = np.exp(rng.normal(0, 0.4, count))[stroke_of]
    length = np.add.reduceat(np.abs(np.diff(z, append=z[-1:])) * (np.diff(of_stroke, append=-1) == 0), first_points)
    for waves in (0.5, 1, 2, 3):
        size = _complex_normal(rng, 0.02, len(strokes)) * sloppiness * np.minimum(length, 1.5) / waves
        phase = rng.uniform(0, 2 * np.pi, len(strokes))
        z = z + size[of_stroke] * np.sin(2 * np.pi * waves * along + phase[of_stroke])
    z = z + (_complex_normal(rng, 0.025, len(strokes)) * sloppiness)[of_stroke]

    # Into the box, the longer side from 0 to 255.
    first = first_points[first_strokes]
    x, y = z.real, z.imag
    left, top = np.minimum.reduceat(x, first), np.minimum.reduceat(y, first)
    side = np.maximum(np.maximum.reduceat(x, first) - left, np.maximum.reduceat(y, first) - top)
    x, y = ((v - low[of_drawing]) * (255 / side)[of_drawing] for v, low in ((x, left), (y, top)))
    finished = [(x[a : a + n], y[a : a + n]) for a, n in zip(first_points, points_each, strict=True)]
    return [finished[a : a + n] for a, n in zip(first_strokes, strokes_each, strict=True)]


def _complex_normal(rng: np.random.Generator, scale: float, shape: int | tuple[int, ...]) -> np.ndarray:
    return rng.normal(0, scale, shape) + 1j * rng.normal(0, scale, shape)


# Primitives: each one stroke


def _line(*corners: complex) -> np.ndarray:
    """Straight from corner to corner."""
    steps = 4
    return np.interp(np.arange(steps * (len(corners) - 1) + 1) / steps, np.arange(len(corners)), corners)


def _loop(rng: np.random.Generator, centre: complex, rx: float, ry: float) -> np.ndarray:
    """A closed curve between an ellipse and a box, begun near the top; it may stop short or run over."""
    t = np.linspace(0, 1, 9 if rx + ry < 0.5 else 17)
    sweep = 2 * np.pi * (1 + rng.normal(0.01, 0.04)) * (-1 if rng.random() < 0.8 else 1)
    angle = rng.normal(-1.5, 0.5) + sweep * t
    c, s = np.cos(angle), np.sin(angle)
    power = rng.choice((2.0, 2.0, 2.4, 3.0))
    radius = (np.abs(c) ** power + np.abs(s) ** power) ** (-1 / power) * (1 + rng.normal(0, 0.08) * (t - 0.5))
    return centre + radius * (rx * c + 1j * ry * s)


def _arch(rng: np.random.Generator, start: complex, end: complex, height: float) -> np.ndarray:
    """From start to end over a top that is ``height`` away, to the left of the way; from pointed to square."""
    angle = np.linspace(np.pi, 0, 15)
    square = rng.uniform(0.5, 1.1)
    c, s = np.cos(angle), np.sin(angle)
    across = np.sign(c) * np.abs(c) ** square
    half = (end - start) / 2
    return (start + end) / 2 + half * across - 1j * half / abs(half) * height * s**square


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def _polar(angle: float, radius: float = 1.0) -> complex:
    """Clockwise from 12 o'clock, in turns."""
    return complex(radius * np.sin(2 * np.pi * angle), -radius * np.cos(2 * np.pi * angle))


def _scribble(rng: np.random.Generator, centre: complex, size: float, points: int = 5) -> np.ndarray:
    return centre + size * (rng.uniform(-1, 1, points) + 1j * rng.uniform(-1, 1, points))


def _dot(rng: np.random.Generator, centre: complex) -> np.ndarray:
    return _scribble(rng, centre, 0.03, 2)


# The classes


def _headphones(rng: np.random.Generator) -> list[np.ndarray]:
    if _chance(rng, 0.03):
        return _earbuds(rng)
    height = rng.uniform(0.6, 2.2)
    left, right = complex(-1, rng.normal(0, 0.1)), complex(1, rng.normal(0, 0.1))
    strokes = [_arch(rng, left, right, height)]
    if _chance(rng, 0.2):
        inner = rng.uniform(0.65, 0.9)
        strokes.append(_arch(rng, left * inner, right * inner, height * inner))
    cup = complex(rng.uniform(0.15, 0.6), rng.uniform(0.25, 0.75))
    inward = rng.uniform(-0.4, 1) if _chance(rng, 0.7) else rng.uniform(-1, 0)
    shape = rng.random()
    for side, end in ((-1, left), (1, right)):
        if _chance(rng, 0.05):
            continue
        size = cup * rng.uniform(0.75, 1.25)
        strokes += _ear_cup(rng, end + complex(side * inward * size.real, rng.uniform(0, 1) * size.imag), size, shape)
    if _chance(rng, 0.06):
        strokes.append(_line(left + 0.4j, left + 1j, rng.uniform(-0.5, 1) + 1.4j))
    if _chance(rng, 0.03):
        strokes += _face(rng, 0.2j, 0.9)
    return strokes


def _ear_cup(rng: np.random.Generator, centre: complex, size: complex, shape: float) -> list[np.ndarray]:
    rx, ry = size.real, size.imag
    if shape < 0.7:
        return [_loop(rng, centre, rx, ry)]
    if shape < 0.8:
        return [_box(centre, rx, ry)]
    if shape < 0.85:
        return [_line(centre - 1j * ry, centre + 1j * ry)]
    if shape < 0.92:
        return [_loop(rng, centre, rx, ry), _loop(rng, centre, rx / 2, ry / 2)]
    if shape < 0.96:
        return [_loop(rng, centre, rx / 2, ry), _scribble(rng, centre, 0.7 * min(rx, ry), 9)]
    return [_line(centre - 1j * ry, centre + rx, centre + 1j * ry, centre - rx / 2)]


def _earbuds(rng: np.random.Generator) -> list[np.ndarray]:
    join, size = rng.uniform(0.3, 1.5) * 1j, rng.uniform(0.1, 0.3)
    strokes = []
    for end in (-1 - 1j, 1 - 1j):
        strokes += [_loop(rng, end, size, size), _line(end, 0.8 * end.real + 0.3 * join, join)]
    return [*strokes, _line(join, 2.5j)]


def _face(rng: np.random.Generator, centre: complex, radius: float) -> list[np.ndarray]:
    eyes = [centre + radius * complex(x, -0.3) for x in (-0.35, 0.35)]
    strokes = [_loop(rng, centre, radius, radius)]
    if _chance(rng, 0.5):
        strokes += [_dot(rng, eye) for eye in eyes]
    else:
        strokes += [_loop(rng, eye, 0.12 * radius, 0.15 * radius) for eye in eyes]
    mouth = 0.5 * radius
    return [*strokes, _arch(rng, centre + complex(mouth, 0.3 * radius), centre + complex(-mouth, 0.3 * radius), 0.3 * radius)]


def _box(centre: complex, rx: float, ry: float) -> np.ndarray:
    a, b = complex(rx, ry), complex(rx, -ry)
    return _line(centre - a, centre - b, centre + a, centre + b, centre - a)


def _bucket(rng: np.random.Generator) -> list[np.ndarray]:
    depth, taper = rng.uniform(0.7, 1.7), rng.uniform(0.6, 1.05)
    left, right = -1 + 0j, 1 + 0j
    low_left, low_right = complex(-taper, depth), complex(taper, depth)
    bottom = _chance(rng, 0.35)
    strokes = []
    rim = rng.random()
    lip = rng.uniform(0.12, 0.4)
    if rim < 0.4:
        strokes.append(_loop(rng, 0, 1.0, lip))
    elif rim < 0.75:
        strokes.append(_line(left, right))
    elif rim < 0.85:
        strokes += [_line(left, right), _arch(rng, right, left, lip)]
    elif rim < 0.95:
        wide = rng.uniform(1.0, 1.15)
        strokes.append(_box(0, wide, lip / 2))
    if bottom:
        curve = _arch(rng, low_right, low_left, rng.uniform(0.05, 0.45))[::-1]
        strokes.append(np.concatenate([_line(left, low_left)[:-1], curve, _line(low_right, right)[1:]]))
    elif _chance(rng, 0.2):
        strokes += [_line(left, low_left), _line(right, low_right), _line(low_left, low_right)]
    else:
        strokes.append(_line(left, low_left, low_right, right))
    handle = rng.random()
    if handle < 0.72:
        reach = rng.uniform(0.6, 1.05)
        strokes.append(_arch(rng, left * reach, right * reach, rng.uniform(0.4, 1.3)))
    elif handle < 0.8:
        strokes.append(_arch(rng, right, left, rng.uniform(0.4, 0.9)))
    elif handle < 0.88:
        side = complex(rng.uniform(0.8, 1), rng.uniform(0.2, 0.5))
        strokes.append(_arch(rng, side, side + 0.5j, rng.uniform(0.3, 0.6)))
    if _chance(rng, 0.08):
        strokes.append(_line(-0.8 + 0.5j, -0.3 + 0.4j, 0.2 + 0.55j, 0.8 + 0.45j))
    return strokes


def _clock(rng: np.random.Generator) -> list[np.ndarray]:
    strokes = [_box(0, 1, 1) if _chance(rng, 0.04) else _loop(rng, 0, 1, 1)]
    if _chance(rng, 0.08):
        rim = rng.uniform(0.7, 0.9)
        strokes.append(_loop(rng, 0, rim, rim))
    style = rng.random()
    if style < 0.8:
        strokes += _hands(rng)
    if style > 0.62:
        strokes += _dial(rng)
    if _chance(rng, 0.1):
        strokes.append(_dot(rng, 0))
    if _chance(rng, 0.04):
        strokes += [_line(_polar(a), _polar(a, 1.3)) for a in (0.4, 0.6)]
    if _chance(rng, 0.04):
        strokes += [_loop(rng, _polar(a, 1.15), 0.2, 0.2) for a in (-0.1, 0.1)]
    return strokes


def _hands(rng: np.random.Generator) -> list[np.ndarray]:
    pivot = _complex_normal(rng, 0.12, 1)[0]
    minute = rng.normal(0, 0.03) if _chance(rng, 0.6) else rng.random()
    hour = rng.normal(0.27, 0.07) if _chance(rng, 0.6) else rng.random()
    tips = [pivot + _polar(minute, rng.uniform(0.4, 1.05)), pivot + _polar(hour, rng.uniform(0.2, 0.95))]
    style = rng.random()
    if style < 0.45:
        return [_line(tips[0], pivot, tips[1])]
    if style < 0.55:
        return [_line(pivot, tips[0])]
    strokes = [_line(pivot, tip) for tip in tips]
    if style > 0.9:
        strokes += [_arrow_head(pivot, tip) for tip in tips]
    return strokes


def _arrow_head(start: complex, tip: complex) -> np.ndarray:
    back = (start - tip) / abs(start - tip) * 0.25
    return _line(tip + back * np.exp(0.6j), tip, tip + back * np.exp(-0.6j))


def _dial(rng: np.random.Generator) -> list[np.ndarray]:
    """Marks or figures around the edge, begun at 12; a guesser who is quick stops the drawer early."""
    step = rng.choice((1, 1, 1, 3))
    hours = list(range(0, 12, step))
    if step == 1:
        hours = hours[: rng.integers(1, 13)] if _chance(rng, 0.8) else hours
    outer, length = rng.uniform(0.75, 1.0), rng.uniform(0.1, 0.35)
    if _chance(rng, 0.5):
        return [_line(_polar(h / 12, outer), _polar(h / 12, outer - length)) for h in hours]
    return [_figure(rng, _polar(h / 12, outer - 0.12), rng.uniform(0.07, 0.14)) for h in hours]


def _figure(rng: np.random.Generator, centre: complex, size: float) -> np.ndarray:
    if _chance(rng, 0.35):
        return _line(centre - 1j * size, centre + 1j * size)
    return _scribble(rng, centre, size, 5)


def _pizza(rng: np.random.Generator) -> list[np.ndarray]:
    style = rng.random()
    if style < 0.6:
        return _whole_pizza(rng)
    if style < 0.96:
        return _pizza_slice(rng)
    mouth = rng.uniform(0, 1)
    edge = [_polar(mouth + t) for t in np.linspace(0.08, 0.92, 12)]
    return [_line(0, *edge, 0), *_toppings(rng, [_polar(rng.random(), 0.6) for _ in range(rng.integers(0, 6))])]


def _whole_pizza(rng: np.random.Generator) -> list[np.ndarray]:
    flat = rng.uniform(0.35, 0.6) if _chance(rng, 0.12) else 1.0
    strokes = [_loop(rng, 0, 1, flat)]
    if _chance(rng, 0.3):
        inner = rng.uniform(0.7, 0.88)
        strokes.append(_loop(rng, 0, inner, inner * flat))
    cut = _chance(rng, 0.8)
    if cut:
        count = rng.choice((2, 3, 3, 4, 4, 4, 4, 5))
        turn = rng.random()
        for i in range(count):
            a = turn + i / (2 * count) + rng.normal(0, 0.015)
            ends = [_polar(a, rng.normal(1, 0.1)), _polar(a + 0.5, rng.normal(1, 0.1))]
            strokes.append(_line(*(complex(z.real, z.imag * flat) for z in ends)))
    if not cut or _chance(rng, 0.35):
        places = [_polar(rng.random(), 0.85 * rng.random() ** 0.5) for _ in range(rng.integers(4, 10))]
        strokes += _toppings(rng, [complex(z.real, z.imag * flat) for z in places])
    return strokes


def _pizza_slice(rng: np.random.Generator) -> list[np.ndarray]:
    wide = rng.uniform(0.35, 0.9)
    tip, left, right = 1j + rng.normal(0, 0.2), -wide - 1j, wide - 1j
    bulge = rng.uniform(0, 0.35)
    style = rng.random()
    if style < 0.4:
        crust = rng.uniform(0.1, 0.22)
        a, b = left + crust * (tip - left), right + crust * (tip - right)
        strokes = [_line(left, tip, right, left), _line(a, b)]
    elif style < 0.65:
        strokes = [_line(left, tip, right), _loop(rng, -1.1j, wide * 1.1, rng.uniform(0.1, 0.25))]
    else:
        strokes = [_line(left, tip, right), _arch(rng, left, right, 0.02 + bulge)]
        if _chance(rng, 0.5):
            strokes.append(_arch(rng, left * 0.85 - 0.1j, right * 0.85 - 0.1j, 0.02 + bulge))
    if _chance(rng, 0.85):
        places = []
        for _ in range(rng.integers(2, 8)):
            down = rng.uniform(0.1, 0.75)
            middle = -1j + down * (tip + 1j)
            places.append(middle + rng.uniform(-0.75, 0.75) * wide * (1 - down))
        strokes += _toppings(rng, places)
    turn = rng.normal(0, 0.4) if _chance(rng, 0.75) else rng.uniform(-np.pi, np.pi)
    return [stroke * np.exp(1j * turn) for stroke in strokes]


def _toppings(rng: np.random.Generator, places: list[complex]) -> list[np.ndarray]:
    if _chance(rng, 0.35):
        return [_dot(rng, place) for place in places]
    size = rng.uniform(0.06, 0.16)
    return [_loop(rng, place, size, size * rng.uniform(0.7, 1.3)) for place in places]


def _hexagon(rng: np.random.Generator) -> list[np.ndarray]:
    sides = rng.choice((5, 6, 6, 6, 6, 6, 6, 7))
    turn = 1 / 12 if _chance(rng, 0.65) else 0.0
    corners = [_polar(turn - i / sides) + _complex_normal(rng, 0.1, 1)[0] for i in range(sides)]
    first = rng.integers(0, sides)
    corners = corners[first:] + corners[:first]
    corners.append(corners[0] + _complex_normal(rng, 0.08, 1)[0])
    if _chance(rng, 0.3):
        corners = corners[: -rng.integers(1, 4)]
    if _chance(rng, 0.3):
        return [_line(a, b) for a, b in pairwise(corners)]
    if _chance(rng, 0.3):
        split = rng.integers(1, len(corners) - 1)
        return [_line(*corners[: split + 1]), _line(*corners[split:])]
    return [_line(*corners)]


ARTISTS = {
    "headphones": _headphones,
    "bucket": _bucket,
    "clock": _clock,
    "pizza": _pizza,
    "hexagon": _hexagon,
}
CLASSES = tuple(ARTISTS)
