"""Scribbles: lines that mean nothing, of ten kinds, for ``generate_outliers``."""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.data.synthetic.stroke_noise import Strokes, line, shaky, within

__all__ = ["SCRIBBLES"]


def _walk(rng: np.random.Generator) -> Strokes:
    """A line whose direction changes slowly, reflected at the edges of the paper."""
    count, keep, push = rng.integers(12, 60), rng.uniform(0.6, 0.95), rng.uniform(0.1, 0.5)
    turns = rng.normal(0, push, count)
    for index in range(1, count):
        turns[index] += keep * turns[index - 1]
    return _on_paper(np.cumsum(rng.uniform(0.15, 0.3) * np.exp(1j * (rng.uniform(0, 2 * np.pi) + np.cumsum(turns)))))


def _curl(rng: np.random.Generator) -> Strokes:
    """The same in small steps: its bends are as wide as the paper or much narrower, and it is short or long."""
    step, length, radius = 0.12, np.exp(rng.uniform(*np.log((2, 16)))), np.exp(rng.uniform(*np.log((0.08, 0.8))))
    keep = np.exp(-step / np.exp(rng.uniform(*np.log((0.1, 1.5)))))
    turns = step / radius * rng.normal(0, 1, int(length / step) + 2)
    for index in range(1, len(turns)):
        turns[index] = keep * turns[index - 1] + np.sqrt(1 - keep**2) * turns[index]
    return _on_paper(np.cumsum(step * np.exp(1j * (rng.uniform(0, 2 * np.pi) + np.cumsum(turns)))))


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
    return [radius * np.exp(2j * np.pi * turns * t) + within(rng, 2.5) * t]


def _curves(rng: np.random.Generator) -> Strokes:
    """Cubic Bezier curves between points anywhere."""
    t = np.linspace(0, 1, 9)[:, None]
    weights = (1 - t) ** np.array([3, 2, 1, 0]) * t ** np.arange(4) * np.array([1, 3, 3, 1])
    return [weights @ (rng.uniform(-1, 1, 4) + 1j * rng.uniform(-1, 1, 4)) for _ in range(rng.integers(2, 7))]


def _waves(rng: np.random.Generator) -> Strokes:
    """A part of a closed curve, the sum of a few circular motions."""
    most = int(rng.integers(2, 9))
    count = np.append(np.arange(-most, 0), np.arange(1, most + 1))
    sizes = shaky(rng, 1, 2 * most) * np.abs(count) ** -rng.uniform(0.3, 1.6)
    return [np.exp(2j * np.pi * np.linspace(0, rng.uniform(0.5, 1), 20 * most)[:, None] * count) @ sizes]


def _smooth(rng: np.random.Generator) -> Strokes:
    """A smooth curve through points anywhere, or through those of a random walk: a spline of Catmull and Rom."""
    count = int(rng.integers(4, 22))
    p = rng.uniform(-1, 1, count) + 1j * rng.uniform(-1, 1, count)
    if rng.random() < 0.5:
        (p,) = _on_paper(np.cumsum(shaky(rng, rng.uniform(0.3, 1.3), count)))
    a, b, c, d = np.concatenate([2 * p[:1] - p[1], p, 2 * p[-1:] - p[-2]])[np.arange(4)[:, None] + np.arange(count - 1)]
    t = np.arange(5)[:, None] / 5
    z = b + (c - a) / 2 * t + (2 * a - 5 * b + 4 * c - d) / 2 * t**2 + (3 * b - a - 3 * c + d) / 2 * t**3
    return [np.append(z.T, p[-1])]


def _loops(rng: np.random.Generator) -> Strokes:
    """Loops, flat or round, along a curve."""
    turns = rng.uniform(3, 14)
    t = np.linspace(0, 1, int(11 * turns))
    z, wide = 0j * t, rng.uniform(0.3, 2)
    for waves in (1, 2, 3):
        z += wide / (1 + waves) * shaky(rng, 1, 1) * np.cos(np.pi * waves * t + rng.uniform(0, 6))
    angle = 2 * np.pi * turns * t + rng.normal(0, 0.7) * np.sin(2 * np.pi * rng.uniform(1, 4) * t)
    radius = rng.uniform(0.15, 0.6) * (1 + 0.6 * np.sin(2 * np.pi * rng.uniform(0, 2) * t + rng.uniform(0, 6)))
    oval = np.cos(angle) + 1j * rng.choice((-1, 1)) * rng.uniform(0.4, 1) * np.sin(angle)
    return [z + radius * np.exp(2j * np.pi * rng.random()) * oval]


def _hatching(rng: np.random.Generator) -> Strokes:
    """Parallel lines; some are crossed by others."""
    count, wide = int(rng.integers(4, 15)), rng.uniform(0.5, 1)
    angle, crossed = rng.uniform(0, np.pi), rng.uniform(0.7, 2.4) if rng.random() < 0.4 else 0
    strokes = []
    for index, place in enumerate(np.linspace(-wide, wide, count)):
        ends = place * 1j + rng.uniform(0.5, 1) * np.array([-1, 1]) + rng.normal(0, 0.1, 2)
        strokes.append(ends * np.exp(1j * (angle + rng.normal(0, 0.08) + crossed * (index % 2))))
    return strokes


def _several(rng: np.random.Generator) -> Strokes:
    """Two or three of them, small or large."""
    strokes = []
    for _ in range(rng.integers(2, 4)):
        (z,) = (_curl, _waves, _smooth, _loops)[rng.integers(4)](rng)
        size = max(np.ptp(z.real), np.ptp(z.imag)) / 2
        strokes.append(rng.uniform(0.2, 0.8) * (z - z.mean()) / size + within(rng, 0.8))
    return strokes


def _on_paper(z: NDArray[np.complex128]) -> Strokes:
    """The line with its mean in the middle, reflected at the edges of the paper."""
    x, y = (np.abs((axis + 1) % 4 - 2) - 1 for axis in ((z - z.mean()).real, (z - z.mean()).imag))
    return [x + 1j * y]


#: Each takes a source of randomness. Those that turn slowly are the most like what people scribble.
SCRIBBLES = (
    _walk, _zigzag, _curl, _corners, _waves, _smooth, _walk, _coil, _loops, _curl, _curves, _waves, _several, _smooth,
    _hatching,
)  # fmt: skip
