"""What a model says: of one drawing, and of a page with several."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdoodle.core.frozen import frozen
from jaxdoodle.preprocessing import Preprocessed
from jaxdoodle.preprocessing.resample import Box

if TYPE_CHECKING:
    from PIL.Image import Image

#: Letters of an annotated picture, as a part of the height of what they name, their fewest pixels, and their most as a
#: part of the picture's shorter side.
LETTERS, LEAST_LETTERS, MOST_LETTERS = 0.35, 11, 0.04
#: Colors of answers and of what is unknown.
ANSWERED, UNKNOWN = (22, 96, 190), (190, 60, 30)
#: Shorter side of an annotated picture, at least; longer side of one of strokes.
LEAST_SIDE, STROKES_SIDE = 240, 800


@frozen
class Prediction:
    """What a model says of one picture or drawing.

    Args:
      probabilities: By class name, in the model's order; empty where nothing is drawn.
      reason: Why the model abstains, in words; ``None`` where it answers.
      preprocessed: What the network saw and how it came about; ``None`` where nothing is drawn.
    """

    probabilities: dict[str, float]
    reason: str | None
    preprocessed: Preprocessed | None

    @property
    def abstained(self) -> bool:
        """Whether the answer is "unknown": this looks like none of the model's classes."""
        return self.reason is not None

    @property
    def label(self) -> str | None:
        """The most probable class, also where the model abstains; ``None`` where nothing is drawn."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default=None)

    def top(self, k: int) -> list[tuple[str, float]]:
        """The ``k`` most probable classes with their probabilities, best first; equal ones in the model's order."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:k]

    def __repr__(self) -> str:
        guesses = ", ".join(f"{label} {100 * share:.1f} %" for label, share in self.top(3))
        unknown = f"unknown: {self.reason}" + "; most like " * bool(guesses) if self.abstained else ""
        return f"<Prediction {unknown}{guesses}>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escaped(label)}</td><td>{100 * p:.1f} %</td></tr>" for label, p in self.top(5))
        return f"<p>{escaped(f'unknown: {self.reason}') if self.abstained else ''}</p><table>{rows}</table>"


@frozen
class PageDrawing:
    """One drawing of a page.

    Attributes:
      box: (top, left, bottom, right), in pixels of the picture or units of the strokes.
      prediction: What the model says of it.
    """

    box: Box
    prediction: Prediction

    def __repr__(self) -> str:
        top, left, bottom, right = self.box
        return f"<PageDrawing at {left:.0f}, {top:.0f}, {right - left:.0f} x {bottom - top:.0f}: {self.prediction!r}>"


@frozen
class Row:
    """The drawings of a row, from left to right.

    Attributes:
      drawings: At least one.
    """

    drawings: tuple[PageDrawing, ...]

    @property
    def text(self) -> str:
        """What the row reads: digits and letters as a number or a word, other labels with spaces; "?" if unknown."""
        labels = ["?" if one.prediction.abstained else str(one.prediction.label) for one in self.drawings]
        return ("" if all(len(label) == 1 for label in labels) else " ").join(labels)

    @property
    def abstained(self) -> bool:
        """Whether the answer to the row is "unknown": one of its drawings is."""
        return any(one.prediction.abstained for one in self.drawings)

    @property
    def confidence(self) -> float | None:
        """How probable it is that all of it is right: the product of the probabilities; ``None`` where it abstains."""
        if self.abstained:
            return None
        return math.prod(one.prediction.probabilities[str(one.prediction.label)] for one in self.drawings)

    def __str__(self) -> str:
        if self.confidence is not None:
            return f"{self.text}, {100 * self.confidence:.1f} %"
        unknown = sum(one.prediction.abstained for one in self.drawings)
        return f"{self.text}, unknown ({unknown} of {len(self.drawings)})"


@frozen
class PagePrediction:
    """What a model says of a page.

    Attributes:
      rows: From top to bottom.
      content: The page: float32 pixels (h, w, channels) and the number that they were reduced by, or its strokes.
    """

    rows: tuple[Row, ...]
    content: Any

    __eq__, __hash__ = object.__eq__, object.__hash__  # type: ignore[assignment]  # arrays have no single truth value

    @property
    def drawings(self) -> tuple[PageDrawing, ...]:
        """All of them, in the order of reading."""
        return tuple(one for row in self.rows for one in row.drawings)

    def __repr__(self) -> str:
        rows = "; ".join(map(str, self.rows))
        return f"<PagePrediction of {len(self.drawings)} drawings: {rows or 'nothing is drawn'}>"

    def picture(self) -> Image:
        """The page with a box and a label at each drawing, as a Pillow image."""
        from PIL import ImageDraw, ImageFont  # not needed to predict strokes

        image, zoom, corner = _picture_of(self.content)
        pen, width = ImageDraw.Draw(image), max(1, round(min(image.size) / 250))
        most = MOST_LETTERS * min(image.size)
        for one in self.drawings:
            top, left, bottom, right = ((edge - start) * zoom for edge, start in zip(one.box, corner * 2, strict=True))
            color = UNKNOWN if one.prediction.abstained else ANSWERED
            pen.rectangle((left - width, top - width, right + width, bottom + width), None, color, width)
            label, share = one.prediction.top(1)[0]
            text = "?" if one.prediction.abstained else f"{label} {100 * share:.0f} %"
            font: Any = ImageFont.load_default(max(LEAST_LETTERS, min(LETTERS * (bottom - top), most)))
            fit = (right - left + 4 * width) / font.getlength(text)
            font = ImageFont.load_default(max(LEAST_LETTERS, min(1.0, fit) * font.size))
            box = np.array(pen.textbbox((left - width, top - 2 * width), text, font=font, anchor="lb"))
            down = max(0, -box[1])
            pen.rectangle(tuple(box + (-1, down - 1, 1, down + 1)), (255, 255, 255))
            pen.text((left - width, top - 2 * width + down), text, color, font=font, anchor="lb")
        return image


def _picture_of(content: Any) -> tuple[Image, float, tuple[float, float]]:
    """A page as an image to draw on, how many times as large it is as its units, and (top, left) of it in these."""
    from PIL import Image, ImageDraw

    if isinstance(content, tuple):
        pixels, reduced = content
        if pixels.shape[2] == 4:
            pixels = pixels[..., :3] * pixels[..., 3:] + 1 - pixels[..., 3:]  # on white
        shown = Image.fromarray(np.rint(255 * np.broadcast_to(pixels, (*pixels.shape[:2], 3))).astype(np.uint8))
        zoom = -(-LEAST_SIDE // min(shown.size)) if min(shown.size) < LEAST_SIDE else 1
        return shown.resize([n * zoom for n in shown.size], Image.Resampling.BICUBIC), zoom / reduced, (0.0, 0.0)
    places = np.concatenate([np.array(stroke[:2], float).T for stroke in content])
    low, high = places.min(axis=0), places.max(axis=0)
    zoom = 0.8 * STROKES_SIDE / max(*(high - low), 1e-9)
    room = 0.1 * STROKES_SIDE / zoom
    size = [round(float(n)) for n in (high - low + 2 * room) * zoom]
    image = Image.new("RGB", size, (255, 255, 255))
    pen = ImageDraw.Draw(image)
    for stroke in content:
        points = [tuple((np.array(point, float) - low + room) * zoom) for point in zip(*stroke[:2], strict=True)]
        pen.line(points, (0, 0, 0), 4, "curve")
    return image, zoom, (float(low[1] - room), float(low[0] - room))


def escaped(text: str) -> str:
    """Text as HTML."""
    from html import escape  # not needed to predict

    return escape(text)
