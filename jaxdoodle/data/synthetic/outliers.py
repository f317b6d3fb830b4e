"""Drawings of no class, generated from a seed: what a network is to refuse. See ``training.steps.outliers``.

Four in ten are invented things: shapes with parts, mirrored or repeated. The others are embedded doodles, scribbles of
five kinds, and one to five lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.data.synthetic.generators import GENERATORS
from jaxdoodle.data.synthetic.stroke_noise import Strokes, add_stroke_noise, arch, box, clockwise, line, loop, shaky
from jaxdoodle.preprocessing import Preprocessing
from jaxdoodle.preprocessing.render import render_simplified

__all__ = ["generate_outliers"]

#: Most strokes of an invented thing, so that it is not a patch of ink.
MOST_STROKES = 14


def generate_outliers(
    preprocessing: Preprocessing, count: int, rng: np.random.Generator, *, classes: Sequence[str] = ()
) -> NDArray[np.uint8]:
    """Generate drawings as a network would see them.

    Args:
      preprocessing: How they are rendered.
      count: How many.
      rng: Source of randomness.
      classes: Names of embedded doodles that are not among them.

    Returns:
      uint8 ``(count, *preprocessing.image_shape)``.
    """
    doodles = [make for name, make in GENERATORS.items() if name not in classes] or [_thing]
    things, lines = [_thing], [_lines]
    kinds = things, SCRIBBLES, things, doodles, lines, things, SCRIBBLES, things, doodles, SCRIBBLES
    drawings = []
    for index in range(count):
        turn, kind = divmod(index, len(kinds))
        drawings.append(kinds[kind][turn % len(kinds[kind])](rng))
    images = render_simplified(add_stroke_noise(drawings, rng), preprocessing)
    return images.reshape(count, *preprocessing.image_shape)


def _thing(rng: np.random.Generator) -> Strokes:
    """A shape with up to four parts, some of them mirrored, in a ring or in a row."""
    strokes = _shape(rng, 0, 1)
    for _ in range(rng.integers(5)):
        part = _shape(rng, _within(rng, 1.3), rng.uniform(0.1, 0.7))
        count, turn = rng.integers(2, 7), rng.random() < 0.5
        match rng.integers(4):
            case 0:
                part += [-stroke.conj() for stroke in part]
            case 1:
                step = np.exp(2j * np.pi * (1 / count if turn else rng.uniform(0.02, 0.1)))
                part = [stroke * step**index for index in range(count) for stroke in part]
            case 2:
                step = _within(rng, 0.4)
                part = [stroke + step * index for index in range(count) for stroke in part]
        strokes += part
    return strokes[:MOST_STROKES]


def _shape(rng: np.random.Generator, center: complex, size: float) -> Strokes:
    width, height = size * rng.uniform(0.3, 1, 2)
    along = width * np.exp(2j * np.pi * rng.random())
    match rng.integers(8):
        case 0 | 1:
            return [loop(rng, center, width, height)]
        case 2:
            return [box(center, width, height)]
        case 3:
            sides = rng.integers(3, 9)
            corners = [clockwise(rng.random() / sides + index / sides) for index in range(sides)]
            return [line(*(center + width * z.real + 1j * height * z.imag for z in [*corners, corners[0]]))]
        case 4:
            return [arch(rng, center - width, center + width, rng.uniform(0.2, 2) * height)]
        case 5:
            return [line(center - along, center + along)]
        case 6:
            return [line(*center + size * shaky(rng, 0.5, int(rng.integers(3, 6))))]
        case _:
            return [center + along * stroke for stroke in SCRIBBLES[rng.integers(len(SCRIBBLES))](rng)]


def _within(rng: np.random.Generator, radius: float) -> complex:
    """A point of a disc."""
    return complex(radius * rng.random() ** 0.5 * np.exp(2j * np.pi * rng.random()))


def _lines(rng: np.random.Generator) -> Strokes:
    """One to five lines, a little bent; often parallel."""
    count = rng.choice((1, 1, 1, 2, 2, 3, 4, 5))
    angles = rng.uniform(0, np.pi, count) if rng.random() < 0.6 else np.full(count, rng.uniform(0, np.pi))
    strokes = []
    for angle in angles + rng.normal(0, 0.05, count):
        half, center = rng.uniform(0.3, 1) * np.exp(1j * angle), _within(rng, 0.7 * (count > 1))
        strokes.append(np.array([center - half, center + rng.normal(0, 0.1) * 1j * half, center + half]))
    return strokes


def _walk(rng: np.random.Generator) -> Strokes:
    """A line whose direction changes slowly, reflected at the edges of the paper."""
    count, keep, push = rng.integers(12, 60), rng.uniform(0.6, 0.95), rng.uniform(0.1, 0.5)
    turns = rng.normal(0, push, count)
    for index in range(1, count):
        turns[index] += keep * turns[index - 1]
    z = np.cumsum(rng.uniform(0.15, 0.3) * np.exp(1j * (rng.uniform(0, 2 * np.pi) + np.cumsum(turns))))
    x, y = (np.abs((axis + 1) % 4 - 2) - 1 for axis in ((z - z.mean()).real, (z - z.mean()).imag))
    return [x + 1j * y]


def _zigzag(rng: np.random.Generator) -> Strokes:
    count = int(rng.integers(4, 16))
    across = np.where(np.arange(count) % 2, 1, -1) * rng.uniform(0.2, 1.2) * rng.uniform(0.6, 1, count)
    z = np.linspace(-1, 1, count) + 1j * across + shaky(rng, 0.05, count)
    return [line(*z * np.exp(2j * np.pi * rng.random()))]


def _corners(rng: np.random.Generator) -> Strokes:
    count = rng.integers(4, 14)
    return [line(*rng.uniform(-1, 1, count) + 1j * rng.uniform(-1, 1, count))]


def _coil(rng: np.random.Generator) -> Strokes:
    turns = rng.uniform(2, 8)
    t = np.linspace(0, 1, int(12 * turns))
    radius = rng.uniform(0.2, 1) * (1 + rng.uniform(-0.9, 0.6) * t)
    return [radius * np.exp(2j * np.pi * turns * t) + _within(rng, 2.5) * t]


def _curves(rng: np.random.Generator) -> Strokes:
    """Cubic Bezier curves between points anywhere."""
    t = np.linspace(0, 1, 9)[:, None]
    weights = (1 - t) ** np.array([3, 2, 1, 0]) * t ** np.arange(4) * np.array([1, 3, 3, 1])
    return [weights @ (rng.uniform(-1, 1, 4) + 1j * rng.uniform(-1, 1, 4)) for _ in range(rng.integers(2, 7))]


#: The walk is the most like what people scribble, and the most varied.
SCRIBBLES = [_walk, _zigzag, _corners, _walk, _coil, _curves]
