"""What is printed beside the drawing, or lies on the page: axes, lines to write on, a bar code, a pen."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.studies.pictures.canvases import jpeg
from experiments.studies.pictures.paper.sheets import INKS, RULES, Points, Sheet, blend, finish, lines, one_of


def axes(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Two axes with ticks below and to the left of the drawing, which is anywhere between them."""
    height, width = sheet.ink.shape
    top, left, bottom, right = sheet.box
    x, y = left * rng.uniform(0.3, 0.8), bottom + (height - bottom) * rng.uniform(0.2, 0.7)
    ends = width * rng.uniform(0.93, 0.99), height * rng.uniform(0.01, 0.07)
    paths: list[Points] = [[(x, y), (ends[0], y)], [(x, y), (x, ends[1])]]
    step, tick = sheet.size * rng.uniform(0.15, 0.4), max(1.0, sheet.size * rng.uniform(0.01, 0.04))
    paths += [[(at, y - tick), (at, y + tick)] for at in np.arange(x + step, ends[0], step)]
    paths += [[(x - tick, at), (x + tick, at)] for at in np.arange(y - step, ends[1], -step)]
    mask = lines(sheet.ink.shape, paths, max(1, sheet.width * rng.uniform(0.1, 0.4)))
    return finish(blend(sheet.page(), mask, one_of((*INKS, *RULES), rng)))


def postcard(sheet: Sheet, rng: np.random.Generator) -> Any:
    """The drawing on the left half, lines for an address and a place for a stamp on the right one."""
    height, width = sheet.ink.shape
    page = np.pad(sheet.page(), ((0, 0), (0, width), (0, 0)), mode="edge")
    paths: list[Points] = [[(width, 0.08 * height), (width, 0.92 * height)]]
    start, end = 1.1 * width, 1.92 * width
    paths += [[(start, y * height), (end, y * height)] for y in np.linspace(0.5, 0.88, rng.integers(3, 6))]
    x0, y0, y1 = end - 0.2 * height, 0.08 * height, 0.33 * height
    paths.append([(x0, y0), (end, y0), (end, y1), (x0, y1), (x0, y0)])
    mask = lines(page.shape[:2], paths, max(1, 0.006 * height))
    return finish(blend(page, mask, one_of((*INKS, *RULES), rng)))


def barcode(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A bar code in a corner below the drawing."""
    height, width = sheet.ink.shape
    high = round(sheet.size * rng.uniform(0.3, 0.6)) + 8
    page = np.pad(sheet.page(), ((0, high + 10), (0, 0), (0, 0)), mode="edge")
    unit = max(1, round(width / rng.uniform(120, 220)))
    bars = np.repeat(rng.random(40) < 0.5, unit)[: width - 8]
    left = 4 if rng.random() < 0.5 else width - 4 - len(bars)
    page[height + 4 : height + high - 4, left : left + len(bars)][:, bars] = 0.1
    return finish(page)


def pen(sheet: Sheet, rng: np.random.Generator) -> Any:
    """A pen on the page beside the drawing, with its shadow."""
    height, width = sheet.ink.shape
    thick = round(sheet.size * rng.uniform(0.1, 0.2)) + 2
    long = max(height, round(1.8 * sheet.size))
    room = (0, long - height), (0, 4 * thick)
    page = np.pad(sheet.page(), (*room, (0, 0)), mode="edge")
    x, slant = width + 1.5 * thick, rng.uniform(-0.1, 0.1) * long
    ends = np.array([(x - slant / 2, 0.06 * long), (x + slant / 2, 0.94 * long)])
    for shift, color in (
        (0.3 * thick, [0.75] * 3),
        (0, one_of(((0.9, 0.7, 0.2), (0.2, 0.3, 0.7), (0.1, 0.1, 0.1)), rng)),
    ):
        mask = lines(page.shape[:2], [[(a + shift, b + shift) for a, b in ends]], thick)
        page = blend(page, mask, color)
    return jpeg(finish(page), 85)
