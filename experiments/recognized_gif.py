"""The picture on top of README: doodles are drawn, and a network guesses while they are.

    python -m experiments.recognized_gif [-o .github/recognized.gif]

trains the digit CNN on generated doodles, in a minute, and draws others for it. The bars are the probabilities that the
model gives for the strokes so far, computed by NumPy for each frame; nothing is corrected afterwards. The drawings were
chosen from many to look good and to differ; the network is right about 93 of 100 of its test set.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.GifImagePlugin import getdata

import jaxdoodle as jd
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.synthetic import generate_drawing
from jaxdoodle.nn.architectures import digit_cnn
from jaxdoodle.plots.style import BLUE, GREEN, INK, LINE, MUTED, SHADE
from jaxdoodle.strokes.drawing import Drawing
from jaxdoodle.strokes.raster import paint

OUT = Path(__file__).parents[1] / ".github" / "recognized.gif"
CLASSES = ("clock", "pizza", "house", "star", "fish", "smiley face")
#: Class -> seed of the drawing that is shown.
SEEDS = {"house": 2, "star": 6, "clock": 2, "fish": 8, "pizza": 8, "smiley face": 6}

# Pixels.
SIZE = (640, 320)
PAPER, MARGIN = 288, 16  # the square to draw on, and what is free around it
INK_SIDE, STROKE_WIDTH = 216, 5.5  # longer side of a drawing
HEADING = PAPER + 3 * MARGIN  # left edge of the words above the bars
LEFT, RIGHT = PAPER + 2 * MARGIN + 104, SIZE[0] - 68  # of the bars
FIRST, PITCH, HEIGHT = 112, 32, 18  # top of the first bar; from bar to bar; of one
PALE = "#a9b4bd"  # bars of what is not the guess
COLORS = 128  # of the palette; the last is transparent
DETAIL = 3  # everything but the ink is drawn so many times larger, and reduced

# Seconds.
FRAME = 0.06
PACE = 0.45  # to draw the longer side once
LIFTED = 0.12  # between strokes
REST = 1.5  # at the end of each drawing
SMOOTH = 0.5  # cosine of the sharpest turn that is drawn as a curve
FOLLOW = 0.5  # part of the way that a bar goes to its new length in one frame


def train(per_class: int = 2000, epochs: int = 10) -> jd.Model:
    """A digit CNN that knows ``CLASSES``."""
    data = jd.load_dataset("doodles", classes=",".join(CLASSES), per_class=per_class)
    spec = digit_cnn(data.classes)
    result = jd.fit(spec, data.train, data.validation, jd.TrainConfig(epochs=epochs, learning_rate=2e-3))
    print(jd.evaluate(spec, result.params, data.test))
    return jd.Model(spec, result.params, data.preprocessing)


def curved(stroke: NDArray[np.float64], steps: int = 6) -> NDArray[np.float64]:
    """The points of a stroke, ``(2, n)``, joined by cubic curves; sharp corners stay."""
    parts = np.diff(stroke)
    unit = parts / np.maximum(np.hypot(*parts), 1e-9)
    gentle = (unit[:, 1:] * unit[:, :-1]).sum(axis=0) > SMOOTH
    tangents = np.pad((parts[:, 1:] + parts[:, :-1]) / 2 * gentle, ((0, 0), (1, 1)))
    t = np.arange(steps) / steps
    first, last = stroke[:, :-1, None], stroke[:, 1:, None]
    leave, arrive = tangents[:, :-1, None], tangents[:, 1:, None]
    u = 1 - t
    points = u * u * (1 + 2 * t) * first + t * t * (3 - 2 * t) * last + t * u * u * leave - t * t * u * arrive
    return np.append(points.reshape(2, -1), stroke[:, -1:], axis=1)


def unfinished(drawing: Drawing) -> Iterator[list[NDArray[np.float64]]]:
    """The strokes so far, each ``(2, points)`` in the box 0..1, one list a frame; the pen moves at an even pace."""
    strokes = [curved(np.array(stroke[:2], float)) for stroke in drawing]
    low, high = (end(np.concatenate(strokes, axis=1), axis=1, keepdims=True) for end in (np.min, np.max))
    done: list[NDArray[np.float64]] = []
    for stroke in strokes:
        stroke = 0.5 + (stroke - (low + high) / 2) / (high - low).max()
        at = np.append(0, np.cumsum(np.hypot(*np.diff(stroke)))) * PACE
        for now in np.arange(FRAME, at[-1], FRAME):
            tip = [[np.interp(now, at, axis)] for axis in stroke]
            yield [*done, np.append(stroke[:, at <= now], tip, axis=1)]
        done = [*done, stroke]
        for _ in np.arange(0, LIFTED, FRAME):
            yield done


def frames(model: jd.Model, drawings: Sequence[Drawing]) -> Iterator[tuple[Image.Image, float]]:
    """Pages and the seconds that each is shown."""
    for drawing in drawings:
        bars = np.zeros(len(model.classes))
        for strokes in unfinished(drawing):
            found = np.array(list(model.predict(strokes).probabilities.values()))
            bars += FOLLOW * (found - bars)
            yield page(model.classes, strokes, bars), FRAME
        while abs(found - bars).max() > 0.01:
            bars += FOLLOW * (found - bars)
            yield page(model.classes, strokes, bars), FRAME
        yield page(model.classes, strokes, found, finished=True), REST


def page(
    classes: Sequence[str], strokes: Sequence[NDArray[np.float64]], bars: NDArray[np.float64], finished: bool = False
) -> Image.Image:
    """One frame: strokes on the left; the guess and a bar for each class on the right."""
    image = Image.new("RGB", (SIZE[0] * DETAIL, SIZE[1] * DETAIL), "white")
    draw = _Draw(image)
    draw.box((MARGIN, MARGIN, MARGIN + PAPER, MARGIN + PAPER), 12, fill="white", outline=LINE)

    best, color = int(bars.argmax()), GREEN if finished else BLUE
    draw.text((HEADING, 40), "it is a" if finished else "is it a", 15, MUTED)
    draw.text((HEADING, 72), classes[best] if finished else f"{classes[best]}?", 34, GREEN if finished else INK)
    for row, (name, share) in enumerate(zip(classes, bars, strict=True)):
        top, words, length = FIRST + row * PITCH, INK if row == best else MUTED, share * (RIGHT - LEFT)
        draw.text((LEFT - 12, top + HEIGHT / 2), name, 15, words, "rm")
        draw.box((LEFT, top, RIGHT, top + HEIGHT), 4, fill=SHADE)
        if length >= 1:
            draw.box((LEFT, top, LEFT + length, top + HEIGHT), 4, fill=color if row == best else PALE)
        if share >= 0.01:
            draw.text((RIGHT + 48, top + HEIGHT / 2), f"{share:.0%}", 15, words, "rm")
    image = image.reduce(DETAIL)

    corner = np.full((1, 2), (PAPER - INK_SIDE) / 2)
    ink = paint([[tuple(stroke) for stroke in strokes]], (PAPER, PAPER), INK_SIDE, STROKE_WIDTH, corner)[0]
    image.paste(INK, (MARGIN, MARGIN), Image.fromarray(ink))
    if not finished:
        tip = strokes[-1][:, -1]
        dot = paint([[([tip[0]] * 2, [tip[1]] * 2)]], (PAPER, PAPER), INK_SIDE, 2 * STROKE_WIDTH, corner)[0]
        image.paste(BLUE, (MARGIN, MARGIN), Image.fromarray(dot))
    return image


class _Draw:
    """Boxes and text, in pixels of the reduced image."""

    def __init__(self, image: Image.Image):
        self.draw = ImageDraw.Draw(image)

    def box(self, corners: Sequence[float], radius: float, fill: str, outline: str | None = None) -> None:
        scaled = [round(value * DETAIL) for value in corners]
        radius = min(radius, (corners[2] - corners[0]) / 2)
        self.draw.rounded_rectangle(scaled, radius * DETAIL, fill, outline, width=DETAIL)

    def text(self, at: tuple[float, float], text: str, size: int, color: str, anchor: str = "lm") -> None:
        font = ImageFont.load_default(size * DETAIL)
        self.draw.text((at[0] * DETAIL, at[1] * DETAIL), text, color, font, anchor)


def write(pages: Sequence[tuple[Image.Image, float]], path: Path) -> None:
    """Write an animated GIF that repeats forever. All frames share a palette; what does not change is transparent.

    The last page comes first: it is what a viewer shows that does not animate.
    """
    blends = [np.linspace((255, 255, 255), _rgb(color), 16) for color in (INK, BLUE, GREEN, MUTED)]
    colors = np.rint(np.concatenate([*blends, [_rgb(color) for color in (SHADE, LINE, PALE)]])).astype(np.uint8)
    palette = Image.new("P", (1, 1))
    palette.putpalette(colors.tobytes())
    table = np.zeros((COLORS, 3), np.uint8)
    table[: len(colors)] = colors
    before: NDArray[np.uint8] = np.full(SIZE[::-1], COLORS - 1, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"GIF89a" + struct.pack("<HHBBB", *SIZE, 0xF0 | (COLORS.bit_length() - 2), 0, 0) + table.tobytes())
        file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
        for page, seconds in (pages[-1], *pages[:-1]):
            now = np.asarray(page.quantize(palette=palette, dither=Image.Dither.NONE))
            changed = Image.fromarray(np.where(now == before, np.uint8(COLORS - 1), now))
            box = Image.fromarray((now != before).astype(np.uint8)).getbbox() or (0, 0, 1, 1)
            options = {"duration": round(1000 * seconds), "transparency": COLORS - 1, "disposal": 1}
            file.writelines(getdata(changed.crop(box), box[:2], **options))
            before = now
        file.write(b";")


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.recognized_gif", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=OUT, help="GIF to write (default: %(default)s)")
    out = parser.parse_args(argv).out
    drawings = [generate_drawing(name, np.random.default_rng(seed)) for name, seed in SEEDS.items()]
    write(list(frames(train(), drawings)), out)
    print(f"{out}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
