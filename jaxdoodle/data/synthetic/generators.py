"""One function for each class: its strokes, in one of the ways in which people draw it quickly.

The probabilities of the ways were estimated by looking at drawings of people; no coordinate is taken from these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.data.synthetic.stroke_noise import Strokes, arch, box, clockwise, dot, line, loop, pick, scribble, shaky


def headphones(rng: np.random.Generator) -> Strokes:
    """A band over the head from cup to cup; sometimes a second band, a cable, or a face that wears them."""
    if rng.random() < 0.03:
        return _earbuds(rng)
    height = rng.uniform(0.6, 2.2)
    left, right = complex(-1, rng.normal(0, 0.1)), complex(1, rng.normal(0, 0.1))
    strokes = [arch(rng, left, right, height)]
    if rng.random() < 0.2:
        inner = rng.uniform(0.65, 0.9)
        strokes.append(arch(rng, left * inner, right * inner, height * inner))
    style = pick(rng, loop=0.7, box=0.1, line=0.05, ring=0.07, filled=0.04, open=0.04)
    rx, ry = rng.uniform(0.15, 0.6), rng.uniform(0.25, 0.75)
    outward = rng.uniform(-0.4, 1) if rng.random() < 0.7 else rng.uniform(-1, 0)
    for side, end in ((-1, left), (1, right)):
        if rng.random() < 0.95:
            scale = rng.uniform(0.75, 1.25)
            center = end + scale * complex(side * outward * rx, rng.uniform(0, 1) * ry)
            strokes += _ear_cup(rng, style, center, scale * rx, scale * ry)
    if rng.random() < 0.06:
        strokes.append(line(left + 0.4j, left + 1j, rng.uniform(-0.5, 1) + 1.4j))
    if rng.random() < 0.03:
        strokes += _face(rng, 0.2j, 0.9)
    return strokes


def _ear_cup(rng: np.random.Generator, style: str, center: complex, rx: float, ry: float) -> Strokes:
    styles: dict[str, Callable[[], Strokes]] = {
        "loop": lambda: [loop(rng, center, rx, ry)],
        "box": lambda: [box(center, rx, ry)],
        "line": lambda: [line(center - 1j * ry, center + 1j * ry)],
        "ring": lambda: [loop(rng, center, rx, ry), loop(rng, center, rx / 2, ry / 2)],
        "filled": lambda: [loop(rng, center, rx / 2, ry), scribble(rng, center, 0.7 * min(rx, ry), points=9)],
        "open": lambda: [line(center - 1j * ry, center + rx, center + 1j * ry, center - rx / 2)],
    }
    return styles[style]()


def _earbuds(rng: np.random.Generator) -> Strokes:
    join, size = rng.uniform(0.3, 1.5) * 1j, rng.uniform(0.1, 0.3)
    strokes = [line(join, 2.5j)]
    for end in (-1 - 1j, 1 - 1j):
        strokes += [loop(rng, end, size, size), line(end, 0.8 * end.real + 0.3 * join, join)]
    return strokes


def bucket(rng: np.random.Generator) -> Strokes:
    """Two sides and a bottom, some rim, and a handle that stands up, hangs down or sits at the side."""
    depth, taper = rng.uniform(0.7, 1.7), rng.uniform(0.6, 1.05)
    left, right, low_left, low_right = -1 + 0j, 1 + 0j, complex(-taper, depth), complex(taper, depth)
    lip = rng.uniform(0.12, 0.4)
    match pick(rng, loop=0.4, line=0.35, sagging=0.1, band=0.1, none=0.05):
        case "loop":
            strokes = [loop(rng, 0, 1, lip)]
        case "line":
            strokes = [line(left, right)]
        case "sagging":
            strokes = [line(left, right), arch(rng, right, left, lip)]
        case "band":
            strokes = [box(0, rng.uniform(1, 1.15), lip / 2)]
        case _:
            strokes = []
    match pick(rng, flat=0.52, round=0.35, separate=0.13):
        case "flat":
            strokes.append(line(left, low_left, low_right, right))
        case "round":
            bottom = arch(rng, low_right, low_left, rng.uniform(0.05, 0.45))[::-1]
            strokes.append(np.concatenate([line(left, low_left), bottom[1:-1], line(low_right, right)]))
        case _:
            strokes += [line(left, low_left), line(right, low_right), line(low_left, low_right)]
    match pick(rng, up=0.72, down=0.08, side=0.08, none=0.12):
        case "up":
            reach = rng.uniform(0.6, 1.05)
            strokes.append(arch(rng, -reach, reach, rng.uniform(0.4, 1.3)))
        case "down":
            strokes.append(arch(rng, right, left, rng.uniform(0.4, 0.9)))
        case "side":
            top = complex(rng.uniform(0.8, 1), rng.uniform(0.2, 0.5))
            strokes.append(arch(rng, top, top + 0.5j, rng.uniform(0.3, 0.6)))
    if rng.random() < 0.08:  # water
        strokes.append(line(-0.8 + 0.5j, -0.3 + 0.4j, 0.2 + 0.55j, 0.8 + 0.45j))
    return strokes


def clock(rng: np.random.Generator) -> Strokes:
    """A round face with hands, hours, or both; seldom a square one, a rim, or an alarm clock's feet and bells."""
    strokes = [box(0, 1, 1) if rng.random() < 0.04 else loop(rng, 0, 1, 1)]
    if rng.random() < 0.08:
        rim = rng.uniform(0.7, 0.9)
        strokes.append(loop(rng, 0, rim, rim))
    inside = pick(rng, hands=0.62, hours=0.2, both=0.18)
    if inside != "hours":
        strokes += _hands(rng)
    if inside != "hands":
        strokes += _hours(rng)
    if rng.random() < 0.1:
        strokes.append(dot(rng, 0))
    if rng.random() < 0.04:
        strokes += [line(clockwise(foot), clockwise(foot, 1.3)) for foot in (0.4, 0.6)]
    if rng.random() < 0.04:
        strokes += [loop(rng, clockwise(bell, 1.15), 0.2, 0.2) for bell in (-0.1, 0.1)]
    return strokes


def _hands(rng: np.random.Generator) -> Strokes:
    """The two hands, most often at three o'clock."""
    pivot = complex(rng.normal(0, 0.12), rng.normal(0, 0.12))
    minute = rng.normal(0, 0.03) if rng.random() < 0.6 else rng.random()
    hour = rng.normal(0.27, 0.07) if rng.random() < 0.6 else rng.random()
    tips = [pivot + clockwise(minute, rng.uniform(0.4, 1.05)), pivot + clockwise(hour, rng.uniform(0.2, 0.95))]
    match pick(rng, together=0.45, one=0.1, two=0.35, arrows=0.1):
        case "together":
            return [line(tips[0], pivot, tips[1])]
        case "one":
            return [line(pivot, tips[0])]
        case "two":
            return [line(pivot, tip) for tip in tips]
        case _:
            return [line(pivot, tip) for tip in tips] + [_arrow_head(pivot, tip) for tip in tips]


def _arrow_head(start: complex, tip: complex) -> NDArray[np.complex128]:
    back = 0.25 * (start - tip) / abs(start - tip)
    return line(tip + back * np.exp(0.6j), tip, tip + back * np.exp(-0.6j))


def _hours(rng: np.random.Generator) -> Strokes:
    """Marks or figures along the rim, from 12 on; the last ones may be missing."""
    if rng.random() < 0.25:
        hours = [0, 3, 6, 9]
    else:
        hours = list(range(rng.integers(1, 13) if rng.random() < 0.8 else 12))
    rim = rng.uniform(0.75, 1)
    if rng.random() < 0.5:
        length = rng.uniform(0.1, 0.35)
        return [line(clockwise(hour / 12, rim), clockwise(hour / 12, rim - length)) for hour in hours]
    size = rng.uniform(0.07, 0.14)
    return [_figure(rng, clockwise(hour / 12, rim - 0.12), size) for hour in hours]


def _figure(rng: np.random.Generator, center: complex, size: float) -> NDArray[np.complex128]:
    if rng.random() < 0.35:
        return line(center - 1j * size, center + 1j * size)
    return scribble(rng, center, size)


def pizza(rng: np.random.Generator) -> Strokes:
    """A whole pizza, a slice, or a pizza without a slice."""
    match pick(rng, whole=0.6, slice=0.36, bitten=0.04):
        case "whole":
            return _whole_pizza(rng)
        case "slice":
            turn = rng.normal(0, 0.4) if rng.random() < 0.75 else rng.uniform(-np.pi, np.pi)
            return [stroke * np.exp(1j * turn) for stroke in _pizza_slice(rng)]
        case _:
            mouth = rng.random()
            edge = [clockwise(mouth + t) for t in np.linspace(0.08, 0.92, 12)]
            places = [clockwise(rng.random(), 0.6) for _ in range(rng.integers(6))]
            return [line(0, *edge, 0), *_toppings(rng, places)]


def _whole_pizza(rng: np.random.Generator) -> Strokes:
    strokes = [loop(rng, 0, 1, 1)]
    if rng.random() < 0.3:
        crust = rng.uniform(0.7, 0.88)
        strokes.append(loop(rng, 0, crust, crust))
    cut = rng.random() < 0.8
    if cut:
        count, turn = rng.choice((2, 3, 3, 4, 4, 4, 4, 5)), rng.random()
        for angle in turn + np.arange(count) / (2 * count) + rng.normal(0, 0.015, count):
            strokes.append(line(clockwise(angle, rng.normal(1, 0.1)), clockwise(angle + 0.5, rng.normal(1, 0.1))))
    if not cut or rng.random() < 0.35:
        places = [clockwise(rng.random(), 0.85 * rng.random() ** 0.5) for _ in range(rng.integers(4, 10))]
        strokes += _toppings(rng, places)
    if rng.random() < 0.12:  # seen from the side
        flat = rng.uniform(0.35, 0.6)
        strokes = [stroke.real + 1j * flat * stroke.imag for stroke in strokes]
    return strokes


def _pizza_slice(rng: np.random.Generator) -> Strokes:
    """A slice with its tip at the bottom."""
    half = rng.uniform(0.35, 0.9)
    tip, left, right = complex(rng.normal(0, 0.2), 1), complex(-half, -1), complex(half, -1)
    match pick(rng, line=0.4, band=0.25, curve=0.18, curves=0.17):
        case "line":
            crust = rng.uniform(0.1, 0.22)
            inside = line(left + crust * (tip - left), right + crust * (tip - right))
            strokes = [line(left, tip, right, left), inside]
        case "band":
            strokes = [line(left, tip, right), loop(rng, -1.1j, half * 1.1, rng.uniform(0.1, 0.25))]
        case style:
            bulge = rng.uniform(0.02, 0.37)
            strokes = [line(left, tip, right), arch(rng, left, right, bulge)]
            if style == "curves":
                strokes.append(arch(rng, 0.85 * left - 0.1j, 0.85 * right - 0.1j, bulge))
    if rng.random() < 0.85:
        down = rng.uniform(0.1, 0.75, rng.integers(2, 8))
        across = rng.uniform(-0.75, 0.75, len(down)) * half * (1 - down)
        strokes += _toppings(rng, -1j + down * (tip + 1j) + across)
    return strokes


def _toppings(rng: np.random.Generator, places: Iterable[complex]) -> Strokes:
    if rng.random() < 0.35:
        return [dot(rng, place) for place in places]
    size = rng.uniform(0.06, 0.16)
    return [loop(rng, place, size, size * rng.uniform(0.7, 1.3)) for place in places]


def hexagon(rng: np.random.Generator) -> Strokes:
    """Six corners, sometimes five or seven; often not closed."""
    sides = rng.choice((5, 6, 6, 6, 6, 6, 6, 7))
    turn = (1 / 12 if rng.random() < 0.65 else 0.0) + rng.integers(sides) / sides
    corners = [clockwise(turn - i / sides) for i in range(sides + 1)] + shaky(rng, 0.1, sides + 1)
    corners[-1] = corners[0] + shaky(rng, 0.08, 1)[0]
    if rng.random() < 0.3:
        corners = corners[: -rng.integers(1, 4)]
    match pick(rng, one=0.5, two=0.2, each=0.3):
        case "one":
            return [line(*corners)]
        case "two":
            pause = rng.integers(1, len(corners) - 1)
            return [line(*corners[: pause + 1]), line(*corners[pause:])]
        case _:
            return [line(a, b) for a, b in pairwise(corners)]


def smiley_face(rng: np.random.Generator) -> Strokes:
    """A face, sometimes without the outline of the head."""
    strokes = _face(rng, 0, 1)
    return strokes[1:] if rng.random() < 0.3 else strokes


def _face(rng: np.random.Generator, center: complex, radius: float) -> Strokes:
    strokes = [loop(rng, 0, 1, 1)]
    apart, height, size = rng.uniform(0.15, 0.5), rng.uniform(-0.5, -0.1), rng.uniform(0.06, 0.25)
    style = pick(rng, dots=0.3, bars=0.3, loops=0.4)
    for eye in (complex(-apart, height), complex(apart, height)):
        match style:
            case "dots":
                strokes.append(dot(rng, eye))
            case "bars":
                strokes.append(line(eye - 1j * size, eye + 1j * size))
            case _:
                strokes.append(loop(rng, eye, size, size))
    corner, height, depth = rng.uniform(0.25, 0.85), rng.uniform(0, 0.35), rng.uniform(0.1, 0.7)
    strokes.append(arch(rng, complex(corner, height), complex(-corner, height), depth))
    if rng.random() < 0.15:  # laughing
        strokes.append(line(complex(-corner, height), complex(corner, height)))
    return [center + radius * stroke for stroke in strokes]


def house(rng: np.random.Generator) -> Strokes:
    """A box under a roof, and any of a door, windows and a chimney."""
    floor, peak = rng.uniform(0.8, 2.2), rng.uniform(0.5, 1.7)
    eaves = 1.0 if rng.random() < 0.4 else rng.uniform(0.95, 1.3)
    walls = [-1 + 0j, complex(-1, floor), complex(1, floor), 1 + 0j]
    if rng.random() < 0.5:
        walls.append(walls[0])
    roof = [complex(-eaves, 0), complex(rng.normal(0, 0.15), -peak), complex(eaves, 0)]
    if rng.random() < 0.5:
        roof.append(roof[0])
    strokes = [line(*walls), line(*roof)]
    if rng.random() < 0.7:
        x, half, height = rng.uniform(-0.5, 0.5), rng.uniform(0.12, 0.25), rng.uniform(0.4, 0.8)
        foot, top = complex(x, floor), complex(x, floor - height)
        strokes.append(line(foot - half, top - half, top + half, foot + half))
    size = rng.uniform(0.12, 0.22)
    for x in (-0.6, 0.6):
        if rng.random() < 0.3:
            strokes.append(box(complex(x, 0.4 * floor), size, size))
    if rng.random() < 0.15:
        strokes.append(line(0.5 - 0.4j, complex(0.5, -peak), complex(0.75, -peak), 0.75 - 0.2j))
    return strokes


def star(rng: np.random.Generator) -> Strokes:
    """Five points, in one crossed line or along the outline; sometimes two triangles."""
    match pick(rng, crossed=0.55, outline=0.37, triangles=0.08):
        case "crossed":
            begin = rng.integers(5)
            corners = [clockwise((begin + 2 * i) / 5) for i in range(6)]
        case "outline":
            inner = rng.uniform(0.3, 0.55)
            corners = [clockwise(i / 10, inner if i % 2 else 1) for i in range(11)]
        case _:
            return [line(*(clockwise(turn + i / 3) for i in range(4))) for turn in (0, 0.5)]
    return [line(*corners + shaky(rng, 0.08, len(corners)))]


def fish(rng: np.random.Generator) -> Strokes:
    """One line from tail fin to tail fin, or a body and a tail; it faces left or right."""
    fat, tail, height = rng.uniform(0.25, 0.9), rng.uniform(0.3, 1), rng.uniform(0.25, 0.9)
    upper, lower = complex(1 + tail, -height), complex(1 + tail, height)
    if rng.random() < 0.6:
        cross = rng.uniform(0.75, 0.95)
        angle = 2 * np.pi * np.linspace(0.07, 0.93, 15)
        body = cross * np.cos(angle) + 1j * fat * np.sin(angle)
        ends = [lower] if rng.random() < 0.3 else [lower, upper]
        strokes = [np.concatenate([line(upper, body[0])[:-1], body, line(body[-1], *ends)[1:]])]
    else:
        strokes = [loop(rng, 0, 1, fat), line(1, upper, lower, 1)]
    if rng.random() < 0.65:
        eye = complex(-0.6, -0.25 * fat)
        strokes.append(dot(rng, eye) if rng.random() < 0.6 else loop(rng, eye, 0.08, 0.08))
    if rng.random() < 0.2:
        strokes.append(line(complex(-0.95, 0.1 * fat), complex(-0.6, 0.25 * fat)))
    if rng.random() < 0.2:
        strokes.append(arch(rng, complex(-0.4, -0.9 * fat), complex(0.3, -0.9 * fat), 0.3))
    if rng.random() < 0.2:
        strokes.append(arch(rng, complex(-0.3, -0.7 * fat), complex(-0.3, 0.7 * fat), 0.15))
    return strokes if rng.random() < 0.5 else [-stroke.conj() for stroke in strokes]


def sun(rng: np.random.Generator) -> Strokes:
    """A disc with rays, or with a crown of points."""
    radius = rng.uniform(0.3, 0.75)
    if rng.random() < 0.15:
        points = rng.integers(7, 13)
        crown = [clockwise(i / (2 * points), 1.1 * radius if i % 2 else 1) for i in range(2 * points + 1)]
        return [loop(rng, 0, radius, radius), line(*crown)]
    count = rng.integers(5, 15)
    begin = min(radius * rng.uniform(0.9, 1.3), 0.8)
    angles = rng.random() + np.arange(count) / count + rng.normal(0, 0.2 / count, count)
    if rng.random() < 0.15:
        angles = angles[: rng.integers(2, count)]
    rays = [line(clockwise(angle, begin), clockwise(angle, rng.uniform(0.8, 1.3))) for angle in angles]
    return [loop(rng, 0, radius, radius), *rays]


#: Class name -> its function.
GENERATORS = {
    function.__name__.replace("_", " "): function
    for function in (headphones, bucket, clock, pizza, hexagon, smiley_face, house, star, fish, sun)
}
