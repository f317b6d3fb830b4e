"""Writers of a drawing in strokes: PNG, SVG, and a GIF that shows it being drawn. Black ink on white."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import getdata

from jaxdoodle.strokes.drawing import BOX, Drawing, check
from jaxdoodle.strokes.raster import paint

SIZE = 512  # pixels a side
STROKE_WIDTH = 1 / 40  # of the drawing's longer side
MARGIN = 1 / 20  # of background around the ink, likewise
PACE = 1.5  # longer sides a second, for a drawing without times
PAUSE = 0.25  # seconds between strokes, likewise
FRAME = 0.05  # seconds
MOST_FRAMES = 600  # half a minute; a longer drawing is sped up
GRAYS = 16  # in a GIF: enough for smooth edges
REST = 2.0  # seconds that the finished drawing is shown


def write_png(drawing: Drawing, path: Path | str, size: int = SIZE) -> None:
    """Write a drawing as a gray PNG.

    Args:
      drawing: Strokes ``(x, y)`` or ``(x, y, t)``, each a sequence of numbers; y points down.
      path: File to write.
      size: Pixels a side.

    Raises:
      InputError: If it is not a drawing.
    """
    strokes, _ = _strokes_and_times(drawing)
    Image.fromarray(255 - _painted(strokes, strokes, size)).save(path, "PNG", optimize=True)


def write_svg(drawing: Drawing, path: Path | str, size: int = SIZE) -> None:
    """Write a drawing as an SVG with one polyline a stroke, in its own coordinates: ``strokes.svg`` reads it back.

    Args:
      drawing: Strokes ``(x, y)`` or ``(x, y, t)``, each a sequence of numbers; y points down.
      path: File to write.
      size: Width and height attributes, in pixels.

    Raises:
      InputError: If it is not a drawing.
    """
    strokes, _ = _strokes_and_times(drawing)
    low, side = _low_and_side(strokes)
    box = [*(low - (STROKE_WIDTH / 2 + MARGIN) * side), *[(1 + STROKE_WIDTH + 2 * MARGIN) * side] * 2]
    box[:2] -= (side - np.ptp(np.concatenate(strokes), axis=0)) / 2
    left, top, width, height = (f"{value:.6g}" for value in box)
    area = f'viewBox="{left} {top} {width} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" {area}>',
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="white"/>',
        f'<g fill="none" stroke="black" stroke-width="{STROKE_WIDTH * side:.6g}" '
        'stroke-linecap="round" stroke-linejoin="round">',
    ]
    for stroke in strokes:  # a polyline of one point would be invisible
        points = stroke if len(stroke) > 1 else np.repeat(stroke, 2, axis=0)
        lines.append(f'<polyline points="{" ".join(f"{x!r},{y!r}" for x, y in _shortest(points))}"/>')
    Path(path).write_text("\n".join([*lines, "</g>", "</svg>", ""]), encoding="utf-8")


def write_gif(drawing: Drawing, path: Path | str, size: int = SIZE) -> None:
    """Write a GIF that repeats how a drawing was drawn: in its own time if it has times, at an even pace otherwise.

    Args:
      drawing: Strokes ``(x, y)`` or ``(x, y, t)``, each a sequence of numbers; y points down, t is in milliseconds.
      path: File to write.
      size: Pixels a side.

    Raises:
      InputError: If it is not a drawing.
    """
    strokes, times = _strokes_and_times(drawing)
    grays = np.repeat(np.linspace(0, 255, GRAYS).astype(np.uint8), 3).tobytes()
    before = np.full((size, size), GRAYS, np.uint8)
    with open(path, "wb") as file:  # frame by frame: Pillow would hold all frames in memory
        file.write(b"GIF89a" + struct.pack("<HHBBB", size, size, 0xF0 | (GRAYS.bit_length() - 2), 0, 0) + grays)
        file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")  # repeat forever
        for image, stays in _timed(_frames(strokes, times, size)):
            box = Image.fromarray(image ^ before).getbbox()
            assert box is not None  # each differs from the one before, the first everywhere
            file.writelines(getdata(Image.fromarray(image).crop(box), box[:2], duration=stays))
            before = image
        file.write(b";")


def _timed(images: Iterator[np.ndarray]) -> Iterator[tuple[np.ndarray, int]]:
    """Each frame in grays of the palette, and the milliseconds that it is shown; equal frames are merged."""
    shown, stays = np.empty(0, np.uint8), 0
    for image in images:
        image = np.rint(image / np.float32(255 / (GRAYS - 1))).astype(np.uint8)
        if stays and (image != shown).any():
            yield shown, stays
            stays = 0
        shown, stays = image, stays + round(1000 * FRAME)
    yield shown, stays + round(1000 * REST)


def _frames(strokes: list[np.ndarray], times: list[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Frames, uint8 ``(size, size)``. Finished strokes are kept; only the one being drawn is painted for each frame."""
    seconds = times[-1][-1]
    step = FRAME * max(1.0, seconds / (FRAME * MOST_FRAMES))  # in the time of the drawing
    canvas, finished = np.full((size, size), 255.0), 0
    for now in step * np.arange(1, max(np.ceil(seconds / step - 1e-6), 1) + 1) + 1e-6 * step:
        while finished < len(strokes) and times[finished][-1] <= now:
            canvas *= 1 - _painted([strokes[finished]], strokes, size) / 255
            finished += 1
        page = canvas
        if finished < len(strokes) and times[finished][0] <= now:
            at = times[finished]
            whole = strokes[finished][at <= now]
            tip = [[np.interp(now, at, axis) for axis in strokes[finished].T]]
            page = canvas * (1 - _painted([np.concatenate([whole, tip])], strokes, size) / 255)
        yield np.rint(page).astype(np.uint8)


def _strokes_and_times(drawing: Drawing) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Points ``(n, 2)`` and the seconds at which each was drawn, ``(n,)``, of every stroke."""
    check(drawing)
    strokes = [np.stack([np.asarray(stroke[axis], float) for axis in (0, 1)], axis=1) for stroke in drawing]
    return strokes, _own_times(drawing) or _even_times(strokes)


def _own_times(drawing: Drawing) -> list[np.ndarray]:
    """The times of a raw drawing in seconds, from 0; none if not every point has one.

    Where the clock was set back while drawing, the time stays constant until it is reached again.
    """
    if not all(len(s) > 2 and isinstance(s[2], Sequence) and len(s[2]) == len(s[0]) for s in drawing):
        return []
    try:
        check([(stroke[2], stroke[2]) for stroke in drawing])
    except ValueError:
        return []
    every = np.maximum.accumulate(np.concatenate([np.asarray(stroke[2], float) for stroke in drawing]))
    ends = np.cumsum([len(stroke[2]) for stroke in drawing])[:-1]
    return np.split((every - every[0]) / 1000, ends)


def _even_times(strokes: list[np.ndarray]) -> list[np.ndarray]:
    _, side = _low_and_side(strokes)
    now, times = 0.0, []
    for stroke in strokes:
        steps = np.hypot(*np.diff(stroke, axis=0).T)
        times.append(now + np.append(0, np.cumsum(steps)) / (side * PACE))
        now = times[-1][-1] + PAUSE
    return times


def _painted(strokes: list[np.ndarray], whole: list[np.ndarray], size: int) -> np.ndarray:
    """Ink of some strokes, uint8 ``(size, size)``, at their position in the centered whole drawing."""
    low, side = _low_and_side(whole)
    scale = size / (side * (1 + STROKE_WIDTH + 2 * MARGIN))
    middle = low + np.ptp(np.concatenate(whole), axis=0) / 2
    drawing = [tuple((stroke - middle).T) for stroke in strokes]
    return paint([drawing], (size, size), scale, STROKE_WIDTH * side * scale, np.full((1, 2), size / 2))[0]


def _low_and_side(strokes: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """Least x and y, and the longer side; for a dot, ``BOX``."""
    points = np.concatenate(strokes)
    return points.min(axis=0), float(np.ptp(points, axis=0).max()) or float(BOX)


def _shortest(points: np.ndarray) -> list[list[float | int]]:
    """Whole numbers as int, which print without a decimal point."""
    return [[int(value) if value == int(value) else float(value) for value in point] for point in points]


WRITERS = {".png": write_png, ".svg": write_svg, ".gif": write_gif}
