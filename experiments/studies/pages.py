"""Pages as people bring them: a drawing on paper of every kind, in a photograph, a scan, a printout.

Each kind is a function ``(sheet, rng) -> image`` of a ``Sheet``: where the drawing's ink lies, and the colors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from experiments.studies.canvases import Array, Renderer, cut, jpeg, photograph

#: Lines are drawn so many times as large and reduced.
OVERSAMPLED = 3
INKS = ((0.05, 0.05, 0.05), (0.1, 0.1, 0.3), (0.1, 0.15, 0.6), (0.25, 0.25, 0.28))
PAPERS = ((1.0, 1.0, 1.0), (0.98, 0.97, 0.94), (0.95, 0.95, 0.97))
RULES = ((0.55, 0.7, 0.9), (0.6, 0.75, 0.65), (0.7, 0.7, 0.7), (0.4, 0.5, 0.75))
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Sheet:
    """A drawing on a page.

    Args:
      ink: float32 (height, width), 0 to 1: the drawing alone.
      box: Of the drawing: top, left, bottom, right.
      width: Of its strokes, in pixels, about.
      color: Of the ink, RGB from 0 to 1.
      paper: Likewise.
    """

    ink: NDArray[np.float32]
    box: tuple[int, int, int, int]
    width: float
    color: tuple[float, float, float]
    paper: tuple[float, float, float]

    @property
    def size(self) -> float:
        """The longer side of the drawing."""
        top, left, bottom, right = self.box
        return max(bottom - top, right - left)

    def page(self) -> NDArray[np.float32]:
        """The drawing on its paper, (height, width, 3)."""
        return blend(np.broadcast_to(np.float32(self.paper), (*self.ink.shape, 3)), self.ink, self.color)


def sheet_of(render: Renderer, rng: np.random.Generator, *, factor: float = 1.0, fill: tuple[float, float] = (0.3, 0.6),
             side: tuple[int, int] = (120, 500)) -> Sheet:  # fmt: skip
    """A drawing somewhere on a page of any size, near its middle."""
    height, width = (int(n) for n in rng.integers(side[0], side[1] + 1) * rng.uniform(0.85, 1, 2))
    size = max(40, round(min(height, width) * rng.uniform(*fill)))
    ink = cut(render(size, factor))
    height, width = (max(n, m + 8) for n, m in zip((height, width), ink.shape, strict=True))
    top, left = (round((n - m) * rng.uniform(0.3, 0.7)) for n, m in zip((height, width), ink.shape, strict=True))
    sheet = np.zeros((height, width), np.float32)
    sheet[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    box = (top, left, top + ink.shape[0], left + ink.shape[1])
    return Sheet(sheet, box, max(1.5, 0.09 * size * factor), _one_of(INKS, rng), _one_of(PAPERS, rng))


def blend(page: Array, mask: Array, color: Sequence[float]) -> NDArray[np.float32]:
    """Ink of a color over a page."""
    return page * (1 - mask[..., None]) + np.float32(color) * mask[..., None]  # type: ignore[no-any-return]


def lines(shape: tuple[int, ...], paths: Sequence[Points], width: float) -> NDArray[np.float32]:
    """Polylines of (x, y) as a mask."""
    large = Image.new("L", (shape[1] * OVERSAMPLED, shape[0] * OVERSAMPLED))
    pen, wide = ImageDraw.Draw(large), max(1, round(width * OVERSAMPLED))
    for path in paths:
        points = [(x * OVERSAMPLED, y * OVERSAMPLED) for x, y in path]
        pen.line(points, 255, wide, "curve")
        for x, y in points:
            pen.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), 255)
    return np.asarray(large.resize((shape[1], shape[0]), Image.Resampling.BOX), np.float32) / 255


def by_hand(path: Points, wobble: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """The path with points in between, moved smoothly by about ``wobble``."""
    points = [np.array(path[0], float)]
    for a, b in zip(path[:-1], path[1:], strict=True):
        steps = np.linspace(0, 1, 13)[1:, None]
        points += list(np.array(a) * (1 - steps) + np.array(b) * steps)
    noise = rng.normal(0, 1, (len(points) + 8, 2))
    smooth = np.stack([np.convolve(noise[:, i], np.ones(9) / 3, "valid") for i in (0, 1)], axis=1)
    return [tuple(p) for p in np.array(points) + wobble * smooth]


def finish(page: Array) -> NDArray[np.uint8]:
    return np.uint8(np.rint(255 * np.clip(page, 0, 1)))  # type: ignore[no-any-return]


def _one_of(choices: Sequence[Any], rng: np.random.Generator) -> Any:
    return choices[rng.integers(len(choices))]


def _around(sheet: Sheet, rng: np.random.Generator, gap: tuple[float, float]) -> tuple[float, float, float, float]:
    """A box around the drawing, further out by fractions of its size: left, top, right, bottom."""
    top, left, bottom, right = sheet.box
    gaps = sheet.width + sheet.size * rng.uniform(*gap, 4)
    return left - gaps[0], top - gaps[1], right + gaps[2], bottom + gaps[3]


def clean(sheet: Sheet, rng: np.random.Generator) -> Any:
    return finish(sheet.page())


def frame(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A rectangle around the drawing, ruled or by hand."""
    x0, y0, x1, y1 = _around(sheet, rng, (0.05, 0.3))
    height, width = sheet.ink.shape
    x0, y0, x1, y1 = max(x0, 3), max(y0, 3), min(x1, width - 4), min(y1, height - 4)
    path: Points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    if rng.random() < 0.5:
        path = by_hand(path, 0.008 * sheet.size, rng)
    thin = sheet.width * rng.uniform(0.25, 1.0)
    color = sheet.color if rng.random() < 0.7 else _one_of(((0.8, 0.1, 0.1), *INKS), rng)
    return finish(blend(sheet.page(), lines(sheet.ink.shape, [path], max(1, thin)), color))


def cell(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A cell of a table, whose lines run on to the edges of the picture; at times some of them only."""
    x0, y0, x1, y1 = _around(sheet, rng, (0.05, 0.3))
    height, width = sheet.ink.shape
    slope = rng.normal(0, 0.01)
    far = [[(x, 0), (x - slope * height, height)] for x in (x0, x1)]
    far += [[(0, y), (width, y + slope * width)] for y in (y0, y1)]
    kept = [one for one in far if rng.random() < 0.85] or far
    mask = lines(sheet.ink.shape, kept, max(1, sheet.width * rng.uniform(0.2, 0.9)))
    return finish(blend(sheet.page(), mask, sheet.color if rng.random() < 0.7 else (0.4, 0.4, 0.4)))


def table(sheet: Sheet, rng: np.random.Generator) -> Any:
    """The table whole: several cells, the drawing in one of them."""
    x0, y0, x1, y1 = _around(sheet, rng, (0.05, 0.2))
    height, width = sheet.ink.shape
    columns = [x for i in range(-4, 5) if 2 < (x := x0 + i * (x1 - x0)) < width - 2]
    rows = [y for i in range(-4, 5) if 2 < (y := y0 + i * (y1 - y0)) < height - 2]
    far = [[(x, rows[0]), (x, rows[-1])] for x in columns] + [[(columns[0], y), (columns[-1], y)] for y in rows]
    mask = lines(sheet.ink.shape, far, max(1, sheet.width * rng.uniform(0.15, 0.6)))
    return finish(blend(sheet.page(), mask, sheet.color if rng.random() < 0.7 else (0.4, 0.4, 0.4)))


def _rules(shape: tuple[int, ...], distance: float, rng: np.random.Generator, at: float) -> NDArray[np.float32]:
    """Parallel lines from edge to edge, one of them through row ``at``."""
    height, width = shape
    slope, count = rng.normal(0, 0.008), int(height / distance) + 2
    paths = [[(0, at + i * distance), (width, at + i * distance + slope * width)] for i in range(-count, count)]
    return lines(shape, paths, max(1, 0.04 * distance * rng.uniform(0.5, 1.5)))


def ruled(sheet: Sheet, rng: np.random.Generator) -> Any:
    """The drawing stands on a rule, and crosses others or none."""
    distance = sheet.size * rng.uniform(0.35, 1.2)
    mask = _rules(sheet.ink.shape, distance, rng, sheet.box[2])
    page = blend(np.broadcast_to(np.float32(sheet.paper), (*mask.shape, 3)), mask, _one_of(RULES, rng))
    return finish(blend(page, sheet.ink, sheet.color))


def graph(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Squared paper."""
    distance = sheet.size * rng.uniform(0.12, 0.4)
    down = _rules(sheet.ink.shape, distance, rng, rng.uniform(0, distance))
    across = _rules(sheet.ink.shape[::-1], distance, rng, rng.uniform(0, distance)).T
    mask = np.maximum(down, across)
    page = blend(np.broadcast_to(np.float32(sheet.paper), (*mask.shape, 3)), mask, _one_of(RULES, rng))
    return finish(blend(page, sheet.ink, sheet.color))


def underlined(sheet: Sheet, rng: np.random.Generator) -> Any:
    """One line or two below it, of the same pen."""
    top, left, bottom, right = sheet.box
    y, over = bottom + sheet.width + sheet.size * rng.uniform(0.02, 0.2), sheet.size * rng.uniform(-0.05, 0.4, 2)
    slope = rng.normal(0, 0.04) * (right - left)
    path: Points = [(left - over[0], y + abs(slope)), (right + over[1], y + abs(slope) + slope)]
    paths = [by_hand(path, 0.006 * sheet.size, rng)]
    wide = sheet.width * rng.uniform(0.5, 1.0)
    if rng.random() < 0.2:
        paths.append([(x, y + 2.5 * wide) for x, y in paths[0]])
    return finish(blend(sheet.page(), lines(sheet.ink.shape, paths, wide), sheet.color))


def circled(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A loop by hand around it, open or overlapping at times."""
    top, left, bottom, right = sheet.box
    gaps = sheet.width + sheet.size * rng.uniform(0.05, 0.25, 2)
    half = np.array([(right - left) / 2 * 1.2 + gaps[0], (bottom - top) / 2 * 1.2 + gaps[1]])
    if rng.random() < 0.5:
        half[:] = half.max()
    turn = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi * rng.uniform(0.97, 1.06), 49)
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    path = middle + np.stack([np.cos(turn), np.sin(turn)], axis=1) * half
    wide = max(1.0, sheet.width * rng.uniform(0.3, 0.9))
    room = np.ceil(max(0.0, -path.min() + wide, *(path.max(axis=0) + wide - np.array(sheet.ink.shape[::-1]))))
    room = int(room)
    color = sheet.color if rng.random() < 0.6 else (0.85, 0.1, 0.1)
    page = np.pad(sheet.page(), ((room, room), (room, room), (0, 0)), mode="edge")
    mask = lines(page.shape[:2], [by_hand([tuple(p + room) for p in path[::2]], 0.004 * sheet.size, rng)], wide)
    return finish(blend(page, mask, color))


def margin(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A margin line beside it, from edge to edge, red or of any color; at times double."""
    top, left, bottom, right = sheet.box
    height, width = sheet.ink.shape
    x = rng.uniform(0.05, 0.8) * left if rng.random() < 0.8 else right + rng.uniform(0.2, 0.9) * (width - right)
    paths = [[(x, 0), (x + rng.normal(0, 0.01) * height, height)]]
    if rng.random() < 0.2:
        paths.append([(a + 0.05 * width * (1 if x > right else -0.5), b) for a, b in paths[0]])
    mask = lines(sheet.ink.shape, paths, max(1, sheet.width * rng.uniform(0.1, 0.5)))
    return finish(blend(sheet.page(), mask, _one_of(((0.9, 0.3, 0.3), (0.9, 0.3, 0.3), *RULES, sheet.color), rng)))


def desk(sheet: Sheet, rng: np.random.Generator) -> Any:
    """The sheet on a dark desk, turned, in perspective, photographed."""
    page = Image.fromarray(finish(sheet.page()))
    width, height = page.size
    border = rng.uniform(0.1, 0.45) * max(width, height)
    full = (round(width + 2 * border), round(height + 2 * border))
    turn = np.deg2rad(rng.uniform(-15, 15))
    corners = (np.array([(0, 0), (width, 0), (width, height), (0, height)]) - (width / 2, height / 2)) @ np.array(
        [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    )
    corners = 0.95 * corners + np.array(full) / 2 + rng.normal(0, 0.04 * min(width, height), (4, 2))
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    rows, goal = [], []
    for (x, y), (u, v) in zip(corners, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        goal += [u, v]
    at = tuple(np.linalg.solve(np.array(rows), np.array(goal)))
    turned = page.transform(full, Image.Transform.PERSPECTIVE, at, Image.Resampling.BICUBIC)
    mask = Image.new("L", page.size, 255).transform(full, Image.Transform.PERSPECTIVE, at, Image.Resampling.BILINEAR)
    tone = rng.uniform(0.05, 0.4) * np.array(_one_of(((1, 0.7, 0.45), (1, 1, 1), (0.8, 0.9, 1)), rng))
    grain = np.asarray(
        Image.fromarray(rng.normal(0, 1, (full[1], max(2, full[0] // 40))).astype(np.float32)).resize(full)
    )
    surface = np.clip(tone * (1 + 0.12 * grain[..., None]), 0, 1)
    inside = np.asarray(mask, np.float32)[..., None] / 255
    scene = np.asarray(turned, np.float32) / 255 * inside * rng.uniform(0.75, 1) + surface * (1 - inside)
    scene = scene * _light(scene.shape[:2], rng, 0.3)[..., None] + rng.normal(0, 0.012, (*scene.shape[:2], 1))
    return jpeg(_blurred(finish(scene), max(full) / 500), int(rng.integers(60, 90)))


def edges(sheet: Sheet, rng: np.random.Generator) -> Any:
    """The edge of the page, and what is beyond it: a dark strip along one side or two, at times askew."""
    page = sheet.page()
    height, width = sheet.ink.shape
    top, left, bottom, right = sheet.box
    rooms = [left, top, width - right, height - bottom]
    x, y = np.arange(width), np.arange(height)[:, None]
    for side in rng.permutation(4)[: 1 + int(rng.random() < 0.4)]:
        depth, slope = rooms[side] * rng.uniform(0.1, 0.6), rng.normal(0, 0.02)
        reach = (x, y, width - 1 - x, height - 1 - y)[side] + slope * (y if side % 2 == 0 else x)
        page = blend(page, np.clip(depth - reach, 0, 1) + np.zeros_like(sheet.ink), [rng.uniform(0.0, 0.4)] * 3)
    return jpeg(finish(page), 85)


def _light(shape: tuple[int, ...], rng: np.random.Generator, strength: float) -> NDArray[np.float32]:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    slope = (np.cos(turn) * x / shape[1] + np.sin(turn) * y / shape[0]) * rng.uniform(0, strength)
    return 1 - (slope - slope.min())


def shadow(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A dark corner or side: a shadow, soft or hard, over part of an otherwise even sheet."""
    height, width = sheet.ink.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    across = (x - width / 2) * np.cos(turn) + (y - height / 2) * np.sin(turn)
    reach = rng.uniform(0.1, 0.45) * max(height, width)
    soft = max(height, width) * np.exp(rng.uniform(np.log(0.01), np.log(0.12)))
    dark = rng.uniform(0.2, 0.7) / (1 + np.exp(-np.clip((across - reach) / soft, -30, 30)))
    return jpeg(finish(sheet.page() * (1 - dark[..., None])), 85)


def pencil(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Pale, grainy pencil on a scan with noise."""
    grain = _blurred(finish(rng.uniform(0, 1, sheet.ink.shape)), 0.6).astype(np.float32) / 255
    ink = sheet.ink * np.clip(0.4 + 1.5 * (grain - 0.2), 0, 1)
    tone, paper = rng.uniform(0.5, 0.75), rng.uniform(0.85, 0.95)
    page = blend(np.full((*ink.shape, 3), paper), ink, [tone] * 3)
    noise = rng.normal(0, rng.uniform(0.015, 0.06), sheet.ink.shape)[..., None]
    return jpeg(finish(page + noise), 85)


def patch(sheet: Sheet, rng: np.random.Generator) -> Any:
    """On a transparent background, with opaque white where something was erased."""
    height, width = sheet.ink.shape
    top, left, bottom, right = sheet.box
    paths = []
    for _ in range(rng.integers(1, 4)):
        y = rng.uniform(0.05, 0.95) * height
        x = rng.uniform(0, 0.8) * left if rng.random() < 0.5 else right + rng.uniform(0.2, 1) * (width - right)
        paths.append([(x, y), (x + rng.normal(0, 0.1) * width, y + rng.normal(0, 0.1) * height)])
    white = lines(sheet.ink.shape, paths, sheet.width * rng.uniform(1.5, 3.5))
    colors = blend(np.ones((height, width, 3)), sheet.ink, sheet.color)
    return np.dstack([finish(colors), finish(np.maximum(white, sheet.ink))])


def dithered(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Black and white dots for gray: a scan or a screen of one bit."""
    tone, paper = rng.uniform(0, 0.35), rng.uniform(0.75, 1.0)
    page = finish(paper + (tone - paper) * sheet.ink)
    if rng.random() < 0.5:
        return np.asarray(Image.fromarray(page).convert("1"), np.uint8) * 255
    bayer = np.array([[0]])
    for _ in range(3):
        bayer = np.block([[4 * bayer, 4 * bayer + 2], [4 * bayer + 3, 4 * bayer + 1]])
    limit = np.tile(bayer, [n // 8 + 1 for n in page.shape])[: page.shape[0], : page.shape[1]]
    return np.uint8(255 * (page > 255 * (limit + 0.5) / 64))


def onebit(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Cut at any level to two values, with noise before."""
    page = sheet.page().mean(axis=2) + rng.normal(0, rng.uniform(0, 0.12), sheet.ink.shape)
    return np.uint8(255 * (page > rng.uniform(0.4, 0.75)))


def halftone(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Dots in a turned grid, the larger the darker: print."""
    tone, paper = rng.uniform(0, 0.3), rng.uniform(0.75, 0.95)
    page = paper + (tone - paper) * sheet.ink
    pitch, turn = rng.uniform(3, min(8, max(3.5, sheet.width))), np.deg2rad(45)
    y, x = np.mgrid[: page.shape[0], : page.shape[1]] * 2 * np.pi / pitch
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    screen = (np.cos(u) + np.cos(v)) / 4 + 0.5
    return finish(np.clip((page - screen) * 6 + 0.5, 0, 1))


def dust(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Specks of dust, and a JPEG of low quality."""
    height, width = sheet.ink.shape
    paths = [
        [(x := rng.uniform(0, width), y := rng.uniform(0, height)), (x + rng.uniform(-2, 2), y + rng.uniform(-2, 2))]
        for _ in range(rng.integers(3, 40))
    ]
    mask = lines(sheet.ink.shape, paths, sheet.width * rng.uniform(0.1, 0.4))
    return jpeg(finish(blend(sheet.page(), mask, (0.2, 0.2, 0.2))), int(rng.integers(8, 30)))


def cutoff(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A part of 5 to 13 % of the drawing lies beyond the edge of the picture."""
    top, left, bottom, right = sheet.box
    page, lost = finish(sheet.page()), rng.uniform(0.05, 0.13)
    side = rng.integers(4)
    if side % 2:
        inset = round(lost * (right - left))
        return page[:, left + inset :] if side == 1 else page[:, : right - inset]
    inset = round(lost * (bottom - top))
    return page[top + inset :] if side == 0 else page[: bottom - inset]


def hard28(sheet: Sheet, rng: np.random.Generator) -> Any:
    """28 x 28 pixels of two values, of either polarity."""
    top, left, bottom, right = sheet.box
    ink = Image.fromarray(sheet.ink[top:bottom, left:right])
    scale = rng.uniform(16, 24) / max(ink.size)
    small = np.asarray(ink.resize([max(1, round(n * scale)) for n in ink.size], Image.Resampling.BOX))
    page = np.zeros((28, 28), bool)
    y, x = ((28 - n) // 2 + rng.integers(-1, 2) for n in small.shape)
    page[y : y + small.shape[0], x : x + small.shape[1]] = small > rng.uniform(0.25, 0.6)
    return np.uint8(255 * (page ^ (rng.random() < 0.5)))


def photo(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A photograph in uneven light."""
    side = max(sheet.ink.shape)
    ink = np.pad(sheet.ink, [(0, side - n) for n in sheet.ink.shape])
    return photograph(ink, ink, rng)


def colored(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Ink and paper of any two colors that differ in brightness."""
    while True:
        ink, paper = rng.uniform(0, 1, (2, 3))
        if abs(ink.mean() - paper.mean()) > 0.4:
            page = blend(np.broadcast_to(np.float32(paper), (*sheet.ink.shape, 3)), sheet.ink, ink)
            return jpeg(finish(page + rng.normal(0, 0.02, (*sheet.ink.shape, 1))), 80)


def _blurred(image: Array, radius: float) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


#: Kind -> what makes it.
KINDS: dict[str, Callable[[Sheet, np.random.Generator], Any]] = {
    one.__name__: one
    for one in (clean, frame, cell, table, ruled, graph, underlined, circled, margin, desk, edges, shadow, pencil,
                patch, dithered, onebit, halftone, dust, cutoff, hard28, photo, colored)
}  # fmt: skip
#: Kind -> longer side of the drawing, in sides of the page, where there is more beside it.
FILLS = {"table": (0.15, 0.3)} | dict.fromkeys(("frame", "cell", "circled", "desk"), (0.3, 0.5))
#: Kind -> multiple of the stroke width.
PENS = {"pen 2": 2.0, "pen 3": 3.0}


def page_of(render: Renderer, kind: str, rng: np.random.Generator) -> Any:
    """A page of a kind: an array, or a Pillow image."""
    if kind in PENS:
        return clean(sheet_of(render, rng, factor=PENS[kind]), rng)
    return KINDS[kind](sheet_of(render, rng, fill=FILLS.get(kind, (0.3, 0.7))), rng)
