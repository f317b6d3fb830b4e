"""Drawings of no class, generated from a seed: what a network is to refuse. See ``training.steps.outliers``.

Three in ten are invented things: shapes with parts, mirrored or repeated; four are scribbles. The others are embedded
doodles, and one to five lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.data.synthetic.generators import GENERATORS
from jaxdoodle.data.synthetic.scribbles import SCRIBBLES
from jaxdoodle.data.synthetic.signs import SIGNS, draw_sign
from jaxdoodle.data.synthetic.stroke_noise import (
    Strokes,
    add_stroke_noise,
    arch,
    box,
    clockwise,
    line,
    loop,
    shaky,
    within,
)  # fmt: skip
from jaxdoodle.preprocessing import Preprocessing
from jaxdoodle.preprocessing.render import render_simplified

__all__ = ["generate_outliers", "generate_scribbles", "generate_signs"]

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
    kinds = things, SCRIBBLES, things, doodles, SCRIBBLES, lines, things, SCRIBBLES, doodles, SCRIBBLES
    drawings = []
    for index in range(count):
        turn, kind = divmod(index, len(kinds))
        drawings.append(kinds[kind][turn % len(kinds[kind])](rng))
    return _rendered(drawings, preprocessing, rng)


def generate_scribbles(
    preprocessing: Preprocessing, count: int, rng: np.random.Generator, *, classes: Sequence[str] = ()
) -> NDArray[np.uint8]:
    """Scribbles alone: arguments and what comes back as of ``generate_outliers``."""
    return _rendered([SCRIBBLES[index % len(SCRIBBLES)](rng) for index in range(count)], preprocessing, rng)


def generate_signs(
    preprocessing: Preprocessing, count: int, rng: np.random.Generator, *, classes: Sequence[str] = ()
) -> NDArray[np.uint8]:
    """Signs and letters alone, for networks of digits: arguments and what comes back as of ``generate_outliers``."""
    learned = {name.upper() for name in classes}
    names = [name for name in SIGNS if name.upper() not in learned]
    return _rendered([draw_sign(names[index % len(names)], rng) for index in range(count)], preprocessing, rng)


def _rendered(drawings: Sequence[Strokes], preprocessing: Preprocessing, rng: np.random.Generator) -> NDArray[np.uint8]:
    images = render_simplified(add_stroke_noise(drawings, rng), preprocessing)
    return images.reshape(len(drawings), *preprocessing.image_shape)


def _thing(rng: np.random.Generator) -> Strokes:
    """A shape with one to four parts, mirrored, in a ring or in a row; alone it might be a 0 or a circle."""
    strokes = _shape(rng, 0, 1)
    for _ in range(rng.integers(1, 5)):
        part = _shape(rng, within(rng, 1.3), rng.uniform(0.1, 0.7))
        count, turn = rng.integers(2, 7), rng.random() < 0.5
        match rng.integers(4):
            case 0:
                part += [-stroke.conj() for stroke in part]
            case 1:
                step = np.exp(2j * np.pi * (1 / count if turn else rng.uniform(0.02, 0.1)))
                part = [stroke * step**index for index in range(count) for stroke in part]
            case 2:
                step = within(rng, 0.4)
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


def _lines(rng: np.random.Generator) -> Strokes:
    """One to five lines, a little bent; often parallel."""
    count = rng.choice((1, 1, 1, 2, 2, 3, 4, 5))
    angles = rng.uniform(0, np.pi, count) if rng.random() < 0.6 else np.full(count, rng.uniform(0, np.pi))
    strokes = []
    for angle in angles + rng.normal(0, 0.05, count):
        half, center = rng.uniform(0.3, 1) * np.exp(1j * angle), within(rng, 0.7 * (count > 1))
        strokes.append(np.array([center - half, center + rng.normal(0, 0.1) * 1j * half, center + half]))
    return strokes
