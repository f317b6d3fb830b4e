"""What a network expects of its images: the size, place and stroke width of the ink, and the scale of the numbers.

Most drawn digits that a demo gets wrong are drawn right and preprocessed wrong. So how the training images were made
is kept in the model file, and prediction preprocesses its input accordingly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.validation import is_count, is_number

CENTERINGS = ("mass", "box", "as-is")
POLARITIES = ("light on dark", "dark on light")
#: Row by row, column by column, color by color.
FLAT_AXES = ("hwc", "whc", "chw", "cwh")
#: Least and largest stroke width, as fractions of the longest side: finer strokes leave no ink, wider ones no lines.
STROKE_WIDTH_LIMITS = (0.01, 0.25)


class PreprocessingError(InputError):
    """Values that no image can meet: what was found and what was expected."""


@frozen
class Preprocessing:
    """Images as the training images are: the place, size and stroke width of the ink, or any images as they are.

    Args:
      image_shape: (height, width, channels) of the bitmap, with 1 channel or 3 (RGB).
      longest_side: Longer side of the ink's box, in pixels of the bitmap; the aspect ratio is kept.
      centering: What is put at ``center``: the ink's center of ``"mass"`` or the middle of its ``"box"``. ``"as-is"``:
        the images are no drawings, or not placed; a picture is resized to ``image_shape`` as a whole, its ink is not
        looked for, and the other fields hold for drawings in strokes alone.
      center: (row, column), counted from the middle of the first pixel: the middle of a 28 x 28 image is (13.5, 13.5).
      stroke_width: In pixels of the bitmap, 0.01 to 0.25 of ``longest_side``; ``None`` keeps that of the picture.
      divisor: The network's input is ``(bitmap / divisor - mean) / std``: 255 for [0, 1], 1 for raw bytes.
      polarity: ``"light on dark"``: ink is 255, background 0; ``"dark on light"``: the other way round.
      mean: See ``divisor``.
      std: See ``divisor``; not 0. A mean of 1 and -1 here show the network black ink on white.
      flat_axes: How a flat array holds an image, the axis that changes last first: ``"hwc"`` row by row, ``"whc"``
        column by column, as MATLAB does, ``"chw"`` color by color, as CIFAR-10 does.

    Raises:
      PreprocessingError: A value that no image can meet.
    """

    image_shape: tuple[int, int, int] = (28, 28, 1)
    longest_side: float = 20.0
    centering: str = "mass"
    center: tuple[float, float] = (14.0, 14.0)
    stroke_width: float | None = None
    divisor: float = 255.0
    polarity: str = POLARITIES[0]
    mean: float = 0.0
    std: float = 1.0
    flat_axes: str = FLAT_AXES[0]

    def __post_init__(self) -> None:
        for name in ("image_shape", "center"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        shape = self.image_shape
        if not isinstance(shape, tuple) or len(shape) != 3 or not all(map(is_count, shape)):
            raise PreprocessingError(f"image_shape is (height, width, channels) in positive integers; got {shape!r}.")
        if shape[2] not in (1, 3):
            raise PreprocessingError(f"image_shape has 1 channel or 3; got {shape!r}.")
        if not _is_positive(self.longest_side) or self.longest_side > min(shape[:2]):
            raise PreprocessingError(f"longest_side fits the {shape[0]}x{shape[1]} image; got {self.longest_side!r}.")
        if self.centering not in CENTERINGS:
            raise PreprocessingError(f'centering is "mass", "box" or "as-is"; got {self.centering!r}.')
        if self.polarity not in POLARITIES:
            raise PreprocessingError(f'polarity is "light on dark" or "dark on light"; got {self.polarity!r}.')
        if self.flat_axes not in FLAT_AXES:
            raise PreprocessingError(f"flat_axes is {', '.join(FLAT_AXES)}; got {self.flat_axes!r}.")
        if not isinstance(self.center, tuple) or len(self.center) != 2 or not all(map(_is_positive, self.center)):
            raise PreprocessingError(f"center is (row, column), each above 0; got {self.center!r}.")
        if any(c > n - 1 for c, n in zip(self.center, shape, strict=False)):
            raise PreprocessingError(f"center lies inside the {shape[0]}x{shape[1]} image; got {self.center!r}.")
        if self.stroke_width is not None:
            least, most = (part * self.longest_side for part in STROKE_WIDTH_LIMITS)
            if not _is_positive(self.stroke_width) or not least <= self.stroke_width <= most:
                raise PreprocessingError(f"stroke_width is {least:g} to {most:g} pixels; got {self.stroke_width!r}.")
        if not _is_positive(self.divisor):
            raise PreprocessingError(f"divisor is a positive number; got {self.divisor!r}.")
        if not is_number(self.mean) or not is_number(self.std) or not self.std:
            raise PreprocessingError(f"mean and std are numbers, std not 0; got {self.mean!r} and {self.std!r}.")

    @property
    def scaling(self) -> tuple[float, float, float]:
        """Divisor, mean and standard deviation."""
        return self.divisor, self.mean, self.std

    @property
    def as_is(self) -> bool:
        """Whether pictures are used as they are, whatever is on them."""
        return self.centering == "as-is"

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types, later ones only where they are not the default; ``from_dict`` reads them back."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.polarity == POLARITIES[0]:  # the model file had no such field at first
            del values["polarity"]
        if self.scaling[1:] == (0, 1):  # nor these
            del values["mean"], values["std"]
        if self.flat_axes == FLAT_AXES[0]:
            del values["flat_axes"]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preprocessing:
        """Read what ``to_dict`` wrote. Raises ``PreprocessingError`` at anything else."""
        names = [f.name for f in fields(cls)]
        if not isinstance(data, Mapping) or set(data) | {"polarity", "mean", "std", "flat_axes"} != set(names):
            found = ", ".join(map(str, data)) if isinstance(data, Mapping) else repr(data)
            raise PreprocessingError(f"preprocessing has {', '.join(names)}; got {found}.")
        return cls(**data)

    def describe(self) -> str:
        """What is expected of an image, in one line."""
        height, width, channels = self.image_shape
        size = f"{width}x{height} {'RGB' if channels == 3 else 'gray'}"
        if self.as_is:
            return f"{size} as is"
        row, column = self.center
        place = f"center of {self.centering} at ({row:.1f}, {column:.1f})"
        strokes = "" if self.stroke_width is None else f", strokes {self.stroke_width:.1f} px wide"
        return f"{size}, {self.polarity}, longest side {self.longest_side:.1f} px, {place}{strokes}"


def _is_positive(value: Any) -> bool:
    return is_number(value) and value > 0


#: Measured on its 10,000 test images: the ink's longer side is 20 px in 9,997, and the mean place of the ink is
#: (13.99, 14.01) with the deviation of rounding to whole pixels (0.29). Half of its stroke widths are 2.0 to 2.7 px.
MNIST = Preprocessing(longest_side=20.0, centering="mass", center=(14.0, 14.0), stroke_width=2.4)

#: Google draws the 255 units of a drawing's longer side in strokes 16 wide at 28 pixels to 304 units: 24.96 px of ink,
#: which touch 26 pixels (in 19,610 of 19,632 bitmaps; their boxes are centered at 13.50, deviation 0.05).
QUICKDRAW = Preprocessing(
    longest_side=(255 + 16) * 28 / 304, centering="box", center=(13.5, 13.5), stroke_width=16 * 28 / 304
)
#: What ``--preprocessing`` calls them.
NAMED = {"mnist": MNIST, "quickdraw": QUICKDRAW}
