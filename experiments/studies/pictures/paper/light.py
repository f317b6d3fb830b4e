"""The same drawing under another light, camera, scanner or screen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from experiments.studies.pictures.canvases import jpeg, photograph
from experiments.studies.pictures.paper.sheets import Sheet, blend, blurred, finish, lines, one_of


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
    tone = rng.uniform(0.05, 0.4) * np.array(one_of(((1, 0.7, 0.45), (1, 1, 1), (0.8, 0.9, 1)), rng))
    grain = np.asarray(
        Image.fromarray(rng.normal(0, 1, (full[1], max(2, full[0] // 40))).astype(np.float32)).resize(full)
    )
    surface = np.clip(tone * (1 + 0.12 * grain[..., None]), 0, 1)
    inside = np.asarray(mask, np.float32)[..., None] / 255
    scene = np.asarray(turned, np.float32) / 255 * inside * rng.uniform(0.75, 1) + surface * (1 - inside)
    scene = scene * light(scene.shape[:2], rng, 0.3)[..., None] + rng.normal(0, 0.012, (*scene.shape[:2], 1))
    return jpeg(blurred(finish(scene), max(full) / 500), int(rng.integers(60, 90)))


def light(shape: tuple[int, ...], rng: np.random.Generator, strength: float) -> NDArray[np.float32]:
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
    grain = blurred(finish(rng.uniform(0, 1, sheet.ink.shape)), 0.6).astype(np.float32) / 255
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


def rubbed(sheet: Sheet, rng: np.random.Generator) -> Any:
    """An opaque page with transparent holes where something was erased."""
    gone = np.maximum(0, patch(sheet, rng)[..., 3] / 255 - sheet.ink)
    return np.dstack([finish(sheet.page()), finish(1 - gone)])


def folded(sheet: Sheet, rng: np.random.Generator) -> Any:
    """Creases of a sheet that was folded, and its halves in different light."""
    height, width = sheet.ink.shape
    page = sheet.page()
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for _ in range(rng.integers(1, 4)):
        turn = rng.normal(0, 0.05) + (np.pi / 2 if rng.random() < 0.5 else 0)
        off = (y - height * rng.uniform(0.2, 0.8)) * np.cos(turn) + (x - width * rng.uniform(0.2, 0.8)) * np.sin(turn)
        wide = rng.uniform(0.4, 2.5) * max(1, max(height, width) / 300)
        page = page * (1 - rng.uniform(0.05, 0.3) * np.exp(-0.5 * (off / wide) ** 2))[..., None]
        page = page * (1 - rng.uniform(0, 0.12) * (off > 0))[..., None]
    return jpeg(finish(page + rng.normal(0, 0.01, (height, width, 1))), 85)


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
