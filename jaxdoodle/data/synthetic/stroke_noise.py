"""Single strokes, and the noise that quick drawing adds to them.

A stroke is a complex vector of points, ``x + 1j * y`` with y pointing down, in a frame of about -1..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdoodle.core.types import NDArray

Strokes = list["NDArray[np.complex128]"]
SimplifiedStrokes = list[tuple["NDArray[np.float64]", "NDArray[np.float64]"]]


def line(*corners: complex) -> NDArray[np.complex128]:
    """Straight lines from corner to corner."""
    steps = 4
    at = np.arange(steps * (len(corners) - 1) + 1) / steps
    return np.asarray(np.interp(at, np.arange(len(corners)), corners))


def box(center: complex, rx: float, ry: float) -> NDArray[np.complex128]:
    falling, rising = complex(rx, ry), complex(rx, -ry)
    return line(center - falling, center - rising, center + falling, center + rising, center - falling)


def loop(rng: np.random.Generator, center: complex, rx: float, ry: float) -> NDArray[np.complex128]:
    """A closed curve between an ellipse and a box that begins near the top; its ends may not meet."""
    t = np.linspace(0, 1, 9 if rx + ry < 0.5 else 17)
    turns = rng.normal(1.01, 0.04) * (-1 if rng.random() < 0.8 else 1)
    angle = rng.normal(-0.25, 0.08) * 2 * np.pi + turns * 2 * np.pi * t
    c, s = np.cos(angle), np.sin(angle)
    power = rng.choice((2.0, 2.0, 2.4, 3.0))  # 2 is an ellipse, more is boxier
    spiral = 1 + rng.normal(0, 0.08) * (t - 0.5)
    return center + (np.abs(c) ** power + np.abs(s) ** power) ** (-1 / power) * spiral * (rx * c + 1j * ry * s)


def arch(rng: np.random.Generator, start: complex, end: complex, height: float) -> NDArray[np.complex128]:
    """A curve from start to end, pointed to square, that bulges to the left (up, where it goes right)."""
    angle = np.linspace(np.pi, 0, 15)
    c, s = np.cos(angle), np.sin(angle)
    power = rng.uniform(0.5, 1.3)
    half = (end - start) / 2
    return (start + end) / 2 + half * (np.sign(c) * np.abs(c) ** power - 1j * height / abs(half) * s**power)


def dot(rng: np.random.Generator, center: complex) -> NDArray[np.complex128]:
    return scribble(rng, center, 0.03, points=2)


def scribble(rng: np.random.Generator, center: complex, size: float, points: int = 5) -> NDArray[np.complex128]:
    x, y = rng.uniform(-1, 1, points), rng.uniform(-1, 1, points)
    return np.asarray(center + size * (x + 1j * y), np.complex128)


def clockwise(turns: float, radius: float = 1.0) -> complex:
    """The point that many turns after 12 o'clock."""
    return complex(radius * np.sin(2 * np.pi * turns), -radius * np.cos(2 * np.pi * turns))


def within(rng: np.random.Generator, radius: float) -> complex:
    """A point of a disc."""
    return complex(radius * rng.random() ** 0.5 * np.exp(2j * np.pi * rng.random()))


def shaky(rng: np.random.Generator, scale: float, shape: int | tuple[int, ...]) -> NDArray[np.complex128]:
    """Complex normal offsets, ``scale`` in each axis."""
    return rng.normal(0, scale, shape) + 1j * rng.normal(0, scale, shape)


def pick(rng: np.random.Generator, **shares: float) -> str:
    """One of the names; the shares add up to 1."""
    at = rng.random()
    for name, share in shares.items():
        at -= share
        if at < 0:
            return name
    return name  # the shares fell short of 1 by rounding


def add_stroke_noise(drawings: Sequence[Strokes], rng: np.random.Generator) -> list[SimplifiedStrokes]:
    """The drawings as simplified strokes, distorted as a whole and stroke by stroke.

    Every step works on the points of all drawings at once: ``stroke`` and ``drawing`` are the indices of the stroke
    and the drawing of each point.
    """
    if not drawings:
        return []
    strokes = [stroke for drawing in drawings for stroke in drawing]
    points = np.array([len(stroke) for stroke in strokes])
    counts = np.array([len(drawing) for drawing in drawings])
    stroke = np.repeat(np.arange(len(strokes)), points)
    drawing = np.repeat(np.arange(len(drawings)), counts)[stroke]

    z = _bend(np.concatenate(strokes), drawing, rng)
    z = _waver(z, stroke, drawing, rng)
    x, y = _fit(z, drawing)

    cuts = np.cumsum(points)[:-1]
    pairs = list(zip(np.split(x, cuts), np.split(y, cuts), strict=True))
    ends = np.cumsum(counts)
    return [pairs[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _bend(z: NDArray[np.complex128], drawing: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.complex128]:
    """Stretch, shear and rotate each drawing, and add a quadratic map that makes equal parts unequal."""
    count = drawing[-1] + 1
    stretch = np.exp(rng.laplace(0, 0.13, count))[drawing]
    shear = rng.normal(0, 0.1, count)[drawing]
    turn = np.exp(1j * rng.normal(0, 0.1, count))[drawing]
    quadratic = shaky(rng, 0.06, (3, count))[:, drawing]
    x, y = z.real, z.imag
    return turn * (
        stretch * x + shear * y + 1j * y + quadratic[0] * x * x + quadratic[1] * x * y + quadratic[2] * y * y
    )


def _waver(
    z: NDArray[np.complex128], stroke: NDArray[np.int64], drawing: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.complex128]:
    """Add slow waves along each stroke, larger for longer ones, and a shift of the whole stroke."""
    first = _starts(stroke)
    count = len(first)
    size = np.diff(np.append(first, len(z)))
    along = (np.arange(len(z)) - first[stroke]) / size[stroke]
    step = np.abs(np.diff(z, append=z[-1]))
    step[first[1:] - 1] = 0  # the line to the next stroke is not drawn
    length = np.minimum(np.add.reduceat(step, first), 1.5)
    sloppiness = np.exp(rng.normal(0, 0.4, drawing[-1] + 1))[drawing[first]]

    offset = shaky(rng, 0.025, count)[stroke]
    for waves in (0.5, 1, 2, 3):
        phase = rng.uniform(0, 2 * np.pi, count)
        offset += (shaky(rng, 0.02 / waves, count) * length)[stroke] * np.sin(2 * np.pi * waves * along + phase[stroke])
    return z + offset * sloppiness[stroke]


def _fit(z: NDArray[np.complex128], drawing: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y as whole numbers; the longer side of each drawing goes from 0 to 255."""
    first = _starts(drawing)
    axes = np.stack([z.real, z.imag])
    low = np.minimum.reduceat(axes, first, axis=1)
    side = (np.maximum.reduceat(axes, first, axis=1) - low).max(0)
    x, y = np.rint((axes - low[:, drawing]) * (255 / side)[drawing])
    return x, y


def _starts(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first index of each run of equal numbers."""
    return np.flatnonzero(np.diff(index, prepend=-1))
