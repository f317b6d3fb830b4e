"""What a network expects of its images: the contract that travels with the model.

Most drawn digits that a demo gets wrong are drawn right and prepared wrong. So how the training images were
made is written down, kept in the model file, and handed to ``preprocess`` by whoever predicts.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.frozen import frozen

CENTERINGS = ("mass", "box")
#: Of the longest side: finer pens leave no ink, broader ones no lines.
PENS = (0.01, 0.25)


class PreprocessingError(InputError):
    """A contract that no image can meet: what was found and what to do instead."""


@frozen
class Preprocessing:
    """White ink (255) on black, one channel, placed and scaled like the training images.

    ``image_shape``    (height, width, 1) of the bitmap.
    ``longest_side``   of the ink, in pixels; the other side follows, the aspect is kept.
    ``centering``       what is put at ``center``: the ink's center of ``"mass"`` or the middle of its ``"box"``.
    ``center``         (row, column), counted from the middle of the first pixel: a 28 x 28 image has its own
                       middle at (13.5, 13.5).
    ``stroke_width``   of the pen, in pixels of the bitmap; ``None`` leaves the pen as it is.
    ``divisor``        the network's input is ``bitmap / divisor``: 255 for [0, 1], 1 for raw bytes.
    """

    image_shape: tuple[int, int, int] = (28, 28, 1)
    longest_side: float = 20.0
    centering: str = "mass"
    center: tuple[float, float] = (14.0, 14.0)
    stroke_width: float | None = None
    divisor: float = 255.0

    def __post_init__(self):
        for name in ("image_shape", "center"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        shape = self.image_shape
        if not isinstance(shape, tuple) or len(shape) != 3 or not all(type(n) is int and n > 0 for n in shape):
            raise PreprocessingError(f"image_shape is (height, width, 1) in positive integers; got {shape!r}.")
        if shape[2] != 1:
            raise PreprocessingError(f"image_shape has one channel; got {shape!r}.")
        if not _is_positive(self.longest_side) or self.longest_side > min(shape[:2]):
            raise PreprocessingError(f"longest_side fits the {shape[0]}x{shape[1]} image; got {self.longest_side!r}.")
        if self.centering not in CENTERINGS:
            raise PreprocessingError(f'centering is "mass" or "box"; got {self.centering!r}.')
        if not isinstance(self.center, tuple) or len(self.center) != 2 or not all(map(_is_positive, self.center)):
            raise PreprocessingError(f"center is (row, column), each above 0; got {self.center!r}.")
        if any(c > n - 1 for c, n in zip(self.center, shape, strict=False)):
            raise PreprocessingError(f"center lies inside the {shape[0]}x{shape[1]} image; got {self.center!r}.")
        if self.stroke_width is not None:
            least, most = (part * self.longest_side for part in PENS)
            if not _is_positive(self.stroke_width) or not least <= self.stroke_width <= most:
                raise PreprocessingError(f"stroke_width is {least:g} to {most:g} pixels; got {self.stroke_width!r}.")
        if not _is_positive(self.divisor):
            raise PreprocessingError(f"divisor is a positive number; got {self.divisor!r}.")

    def to_dict(self) -> dict[str, Any]:
        """The contract as JSON types; ``from_dict`` reads it back."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preprocessing:
        """Read what ``to_dict`` wrote. Raises ``ContractError`` at anything else."""
        names = [f.name for f in fields(cls)]
        if not isinstance(data, Mapping) or set(data) != set(names):
            found = ", ".join(map(str, data)) if isinstance(data, Mapping) else repr(data)
            raise PreprocessingError(f"a contract has {', '.join(names)}; got {found}.")
        return cls(**data)


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= sys.float_info.max


#: Measured on its 10,000 test images: the ink's longer side is 20 px in 9,997, and the mean place of the ink is
#: (13.99, 14.01) with the deviation of rounding to whole pixels (0.29). Half of its pens are 2.0 to 2.7 px wide.
MNIST = Preprocessing(longest_side=20.0, centering="mass", center=(14.0, 14.0), stroke_width=2.4)

#: Google draws the 255 units of a drawing's longer side with a pen of 16 at 28 pixels to 304 units: 24.96 px of ink,
#: which touch 26 pixels (in 19,610 of 19,632 bitmaps; their boxes are centered at 13.50, deviation 0.05).
QUICKDRAW = Preprocessing(
    longest_side=(255 + 16) * 28 / 304, centering="box", center=(13.5, 13.5), stroke_width=16 * 28 / 304
)
