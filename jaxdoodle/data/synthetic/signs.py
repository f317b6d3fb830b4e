"""Signs and letters that are no digits, however they are turned or mirrored, for ``generate_signs``.

Turned or mirrored, E, M and W are a 3, N is a 2, F a 7, T a 1 and P a 9: they are not among them.
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.data.synthetic.stroke_noise import Strokes, line, shaky

__all__ = ["SIGNS", "draw_sign"]

#: Name -> strokes, from point to point; a point is its column and row on a grid of 5 by 5.
SIGNS = {
    "+": "02-42 20-24", "=": "01-41 03-43", "x": "00-44 40-04", "*": "20-24 01-43 41-03",
    "#": "10-14 30-34 01-41 03-43", "%": "40-04 00-10-11-01-00 33-43-44-34-33", "<>": "20-42-24-02-20",
    "±": "01-41 20-22 03-43", "÷": "02-42 20-20 24-24", "≠": "01-41 03-43 30-14", "→": "02-42 31-42-33",
    "↔": "02-42 31-42-33 11-02-13", "A": "04-20-44 12-32", "H": "00-04 40-44 02-42", "K": "00-04 40-02-44",
    "R": "04-00-30-41-32-02 22-44", "X": "00-44 40-04", "Π": "04-00-40-44", "triangle": "20-44-04-20",
    "heart": "24-01-10-21-30-41-24", "star": "20-34-01-41-14-20", "tent": "04-20-44 20-24",
    "ladder": "10-14 30-34 11-31 12-32 13-33", "window": "00-40-44-04-00 20-24 02-42",
}  # fmt: skip
#: Deviation of the points, of the distance of two of the grid.
UNSURE = 0.15


def draw_sign(name: str, rng: np.random.Generator) -> Strokes:
    """A sign, its points where a hand might put them, as wide as 1 to 2 times its height or the other way round."""
    wide, tall = np.exp(rng.uniform(-0.35, 0.35, 2))
    strokes = []
    for stroke in SIGNS[name].split():
        columns, rows = np.array([[int(digit) for digit in point] for point in stroke.split("-")], float).T
        z = wide * (columns - 2) + 1j * tall * (rows - 2)
        strokes.append(line(*(z + shaky(rng, UNSURE, len(z))) / 2))
    return strokes
