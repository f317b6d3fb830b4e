"""A drawing in strokes -> the bitmap that a network was trained on, by the network's contract.

Strokes need no guessing: the pen, the scale and the place are the contract's own. Training data, ``predict`` and the
exported programs all render by this one function.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxdoodle.inference.contract import InputContract
from jaxdoodle.inference.preprocess import place
from jaxdoodle.inference.strokes import BOX, Drawing, rasterise, simplify

#: Pixels, each way, of a drawing that is still to be shrunk into its place.
SIDE = 256
#: Where a contract leaves the pen open: this part of its longest side.
PEN = 1 / 8


def render(drawing: Drawing, contract: InputContract) -> Any:
    """A raw or simplified drawing as uint8 (height, width), white ink on black.

    By the Quick, Draw! contract this is the published bitmap. Raises ``InputError`` at what is no drawing.
    """
    height, width, _ = contract.image_shape
    pen = contract.stroke_width or contract.longest_side * PEN
    scale = (contract.longest_side - pen) / (BOX - 1)  # bitmap pixels to a unit of the simplified drawing
    simple = [simplify(drawing)]
    padding = ((height - pen) / scale - BOX) / 2
    middle = ((height - 1) / 2, (width - 1) / 2)
    if contract.centring == "box" and height == width and contract.centre == middle and padding >= 0:
        return rasterise(simple, height, pen / scale, padding)[0]
    return np.rint(place(rasterise(simple, SIDE, pen / scale)[0], contract)).astype(np.uint8)
