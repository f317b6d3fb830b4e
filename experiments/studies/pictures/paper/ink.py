"""More ink than the drawing: frames, tables, rules, loops, lines, words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from experiments.studies.pictures.canvases import jpeg
from experiments.studies.pictures.paper.sheets import (
    INKS,
    RULES,
    Points,
    Sheet,
    around,
    blend,
    by_hand,
    finish,
    lines,
    one_of,
)


def clean(sheet: Sheet, rng: np.random.Generator) -> Any:
    return finish(sheet.page())


def frame(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A rectangle around the drawing, ruled or by hand."""
    x0, y0, x1, y1 = around(sheet, rng, (0.05, 0.3))
    height, width = sheet.ink.shape
    x0, y0, x1, y1 = max(x0, 3), max(y0, 3), min(x1, width - 4), min(y1, height - 4)
    path: Points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    if rng.random() < 0.5:
        path = by_hand(path, 0.008 * sheet.size, rng)
    thin = sheet.width * rng.uniform(0.25, 1.0)
    color = sheet.color if rng.random() < 0.7 else one_of(((0.8, 0.1, 0.1), *INKS), rng)
    return finish(blend(sheet.page(), lines(sheet.ink.shape, [path], max(1, thin)), color))


def border(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A frame of dashes or dots, with round corners, double or heavy."""
    x0, y0, x1, y1 = around(sheet, rng, (0.08, 0.35))
    room = int(max(0, 4 - min(x0, y0), x1 + 4 - sheet.ink.shape[1], y1 + 4 - sheet.ink.shape[0]))
    x0, y0, x1, y1 = (round(n + room) for n in (x0, y0, x1, y1))
    page = np.pad(sheet.page(), ((room, room), (room, room), (0, 0)), mode="edge")
    wide = max(1, round(sheet.width * rng.uniform(0.3, 0.8)))
    kind = rng.integers(4)
    if kind == 0:
        dash = wide * rng.uniform(1.0, 6.0)
        ends = [((x0, y0), (x1, y0)), ((x1, y0), (x1, y1)), ((x1, y1), (x0, y1)), ((x0, y1), (x0, y0))]
        paths: list[Points] = []
        for a, b in ends:
            count = max(2, round(np.hypot(b[0] - a[0], b[1] - a[1]) / (dash + 2.5 * wide)))
            for i in range(count):
                at = [np.array(a) + (np.array(b) - a) * (i + part) / count for part in (0, dash / (dash + 2.5 * wide))]
                paths.append([(float(x), float(y)) for x, y in at])
        mask = lines(page.shape[:2], paths, wide)
    else:
        image = Image.new("L", (page.shape[1], page.shape[0]))
        pen = ImageDraw.Draw(image)
        heavy = round(sheet.width * rng.uniform(1, 2.5)) if kind == 3 else wide
        radius = sheet.size * rng.uniform(0.05, 0.3) if kind == 1 else 0
        pen.rounded_rectangle((x0, y0, x1, y1), radius, outline=255, width=heavy)
        if kind == 2:
            gap = 3 * wide
            pen.rounded_rectangle((x0 - gap, y0 - gap, x1 + gap, y1 + gap), radius, outline=255, width=wide)
        mask = np.asarray(image, np.float32) / 255
    return finish(blend(page, mask, sheet.color if rng.random() < 0.6 else one_of(((0.8, 0.2, 0.1), *RULES), rng)))


def cell(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A cell of a table, whose lines run on to the edges of the picture; at times some of them only."""
    x0, y0, x1, y1 = around(sheet, rng, (0.05, 0.3))
    height, width = sheet.ink.shape
    slope = rng.normal(0, 0.01)
    far = [[(x, 0), (x - slope * height, height)] for x in (x0, x1)]
    far += [[(0, y), (width, y + slope * width)] for y in (y0, y1)]
    kept = [one for one in far if rng.random() < 0.85] or far
    mask = lines(sheet.ink.shape, kept, max(1, sheet.width * rng.uniform(0.2, 0.9)))
    return finish(blend(sheet.page(), mask, sheet.color if rng.random() < 0.7 else (0.4, 0.4, 0.4)))


def table(sheet: Sheet, rng: np.random.Generator) -> Any:
    """The table whole: several cells, the drawing in one of them."""
    x0, y0, x1, y1 = around(sheet, rng, (0.05, 0.2))
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
    page = blend(np.broadcast_to(np.float32(sheet.paper), (*mask.shape, 3)), mask, one_of(RULES, rng))
    return finish(blend(page, sheet.ink, sheet.color))


def graph(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Squared paper."""
    distance = sheet.size * rng.uniform(0.12, 0.4)
    down = _rules(sheet.ink.shape, distance, rng, rng.uniform(0, distance))
    across = _rules(sheet.ink.shape[::-1], distance, rng, rng.uniform(0, distance)).T
    mask = np.maximum(down, across)
    page = blend(np.broadcast_to(np.float32(sheet.paper), (*mask.shape, 3)), mask, one_of(RULES, rng))
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
    return finish(blend(sheet.page(), mask, one_of(((0.9, 0.3, 0.3), (0.9, 0.3, 0.3), *RULES, sheet.color), rng)))


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


def _beside(sheet: Sheet, rng: np.random.Generator, mask: NDArray[np.float32], side: int, gap: float) -> Any:
    """The page with a mask placed left of, above, right of or below the drawing, and room for it."""
    top, left, bottom, right = sheet.box
    height, width = mask.shape
    room = max(height, width) + round(gap) + 4
    page = np.pad(sheet.page(), ((room, room), (room, room), (0, 0)), mode="edge")
    whole = np.zeros(page.shape[:2], np.float32)
    shift = rng.uniform(-0.2, 0.2) * sheet.size
    y = (top + bottom - height) / 2 + shift if side % 2 == 0 else (top - gap - height, bottom + gap)[side == 3]
    x = (left + right - width) / 2 + shift if side % 2 else (left - gap - width, right + gap)[side == 2]
    y, x = (round(n) + room for n in (y, x))
    whole[y : y + height, x : x + width] = mask
    page = blend(page, whole, sheet.color if rng.random() < 0.7 else one_of(((0.1, 0.1, 0.1), (0.8, 0.1, 0.1)), rng))
    inside = [(min(a, room), max(b, room + n)) for a, b, n in
              ((y - 3, y + height + 3, sheet.ink.shape[0]), (x - 3, x + width + 3, sheet.ink.shape[1]))]  # fmt: skip
    return finish(page[inside[0][0] : inside[0][1], inside[1][0] : inside[1][1]])


def _text(words: str, size: float) -> NDArray[np.float32]:
    font = ImageFont.load_default(max(6, size))
    left, top, right, bottom = (int(n) for n in font.getbbox(words))
    image = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), words, 255, font)
    return np.asarray(image, np.float32) / 255


def caption(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Printed words above, below or beside it."""
    words = one_of(("Figure", "name:", "Date", "draw here", "page", "Answer", "Exercise b", "Task", "sample"), rng)
    gap = sheet.width + sheet.size * rng.uniform(0.15, 0.5)
    return _beside(sheet, rng, _text(words, sheet.size * rng.uniform(0.1, 0.25)), int(rng.integers(4)), gap)


def arrow(sheet: Sheet, rng: np.random.Generator) -> Any:
    """An arrow that points at it, or a tick."""
    long, wide = sheet.size * rng.uniform(0.25, 0.6), sheet.width * rng.uniform(0.4, 0.9)
    side, head = int(rng.integers(4)), long * rng.uniform(0.2, 0.35)
    shape = (round(2 * head + 2 * wide), round(long + 2 * wide))
    y, tip = head + wide, long + wide
    paths: list[Points] = [
        [(wide, y), (tip, y)],
        [(tip - head, y - 0.7 * head), (tip, y), (tip - head, y + 0.7 * head)],
    ]
    if rng.random() < 0.3:
        paths = [[(wide, y), (wide + 0.3 * long, y + head), (tip, wide)]]
    mask = np.rot90(lines(shape, paths, wide), -side)
    return _beside(sheet, rng, mask, side, sheet.width + sheet.size * rng.uniform(0.08, 0.3))


def corner(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A page number, a logo or a mark in a corner of the page."""
    page = sheet.page()
    top, left, bottom, right = sheet.box
    height, width = sheet.ink.shape
    size = max(6, 0.5 * min(top, left, height - bottom, width - right))
    if rng.random() < 0.6:
        mask = _text(one_of(("p. k", "No. x", "(a)", "iv", "ab-c", "Z."), rng), size)
    else:
        side = round(size)
        image = Image.new("L", (side, side))
        pen = ImageDraw.Draw(image)
        (pen.ellipse if rng.random() < 0.5 else pen.rectangle)((0, 0, side - 1, side - 1), 255)
        mask = np.asarray(image, np.float32) / 255
    mask = mask[: height - 6, : width - 6]
    y = 3 if rng.random() < 0.5 else height - mask.shape[0] - 3
    x = 3 if rng.random() < 0.5 else width - mask.shape[1] - 3
    whole = np.zeros_like(sheet.ink)
    whole[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    return finish(blend(page, whole, one_of(((0.1, 0.1, 0.1), (0.7, 0.1, 0.1), (0.2, 0.3, 0.7)), rng)))


def holes(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Holes punched along a side, and a staple at times."""
    height, width = sheet.ink.shape
    room = round(0.15 * width) + 6
    page = np.pad(sheet.page(), ((0, 0), (room, 0), (0, 0)), mode="edge")
    count, wide = int(rng.integers(2, 5)), room * rng.uniform(0.3, 0.6)
    paths: list[Points] = [[(room / 2, height * (i + 0.5) / count)] * 2 for i in range(count)]
    mask = lines(page.shape[:2], paths, wide)
    return finish(blend(page, mask, [rng.uniform(0, 0.5)] * 3))


def dots(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Paper with a grid of dots."""
    height, width = sheet.ink.shape
    distance = sheet.size * rng.uniform(0.12, 0.35)
    at = [np.arange(rng.uniform(0, distance), n, distance) for n in (height, width)]
    paths: list[Points] = [[(x, y), (x, y)] for y in at[0] for x in at[1]]
    mask = lines((height, width), paths, max(1.5, sheet.width * rng.uniform(0.15, 0.4)))
    page = blend(np.broadcast_to(np.float32(sheet.paper), (*mask.shape, 3)), mask, one_of(RULES, rng))
    return finish(blend(page, sheet.ink, sheet.color))


def window(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A screenshot: the window's bar with its buttons, its border, and a toolbar at times."""
    page = sheet.page()
    height, width = sheet.ink.shape
    bar, thick = round(height * rng.uniform(0.06, 0.14)) + 4, int(rng.integers(1, 4))
    tone = [rng.uniform(0.15, 0.9)] * 3
    page = np.pad(page, ((bar, thick), (thick, thick), (0, 0)), constant_values=tone[0])
    image = Image.fromarray(finish(page))
    pen = ImageDraw.Draw(image)
    for i in range(3):
        x = (i + 0.7) * bar
        pen.ellipse(
            (x - 0.25 * bar, 0.25 * bar, x + 0.25 * bar, 0.75 * bar), ((220, 90, 80), (230, 190, 70), (90, 190, 90))[i]
        )
    if rng.random() < 0.5:
        pen.text(
            (4 * bar, 0.2 * bar),
            "untitled",
            (255 if tone[0] < 0.5 else 0,) * 3,
            ImageFont.load_default(max(6, 0.6 * bar)),
        )
    return np.asarray(image)


def card(sheet: Sheet, rng: np.random.Generator) -> Any:
    """On a card of another shade than the page around it."""
    x0, y0, x1, y1 = around(sheet, rng, (0.1, 0.4))
    room = round(sheet.size * rng.uniform(0.1, 0.5))
    height, width = sheet.ink.shape
    x0, y0, x1, y1 = max(x0, 1), max(y0, 1), min(x1, width - 2), min(y1, height - 2)
    image = Image.new("L", (width, height))
    radius = rng.choice((0, 0.1, 0.2)) * sheet.size
    ImageDraw.Draw(image).rounded_rectangle((x0, y0, x1, y1), radius, 255)
    inside = np.pad(np.asarray(image, np.float32) / 255, room)
    ground = np.float32(sheet.paper) * rng.uniform(0.5, 0.93)
    page = blend(np.broadcast_to(ground, (*inside.shape, 3)), inside, sheet.paper)
    return finish(blend(page, np.pad(sheet.ink, room), sheet.color))


def marker(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A highlighter over a part of it or all, or a stain."""
    top, left, bottom, right = sheet.box
    y, wide = rng.uniform(top, bottom), sheet.size * rng.uniform(0.3, 1.2)
    over = sheet.size * rng.uniform(-0.2, 0.5, 2)
    mask = lines(sheet.ink.shape, [by_hand([(left - over[0], y), (right + over[1], y)], 0.01 * sheet.size, rng)], wide)
    color = one_of(((1.0, 0.95, 0.3), (0.6, 1.0, 0.6), (1.0, 0.7, 0.85), (0.85, 0.75, 0.6)), rng)
    page = sheet.page()
    return finish(page * (1 - mask[..., None] * (1 - np.float32(color))))


def through(sheet: Sheet, rng: np.random.Generator) -> Any:
    """The back of the page shines through: a drawing the other way round, fainter."""
    back = np.roll(sheet.ink[:, ::-1], [round(n * rng.uniform(-0.2, 0.2)) for n in sheet.ink.shape], (0, 1))
    faint = np.float32(sheet.paper) * (1 - rng.uniform(0.06, 0.25) * back[..., None])
    return finish(blend(faint, sheet.ink, sheet.color) + rng.normal(0, 0.01, (*back.shape, 1)))
