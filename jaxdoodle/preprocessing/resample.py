"""Box and center of the ink of a picture, and the picture at another size and place, to fractions of a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.config import Preprocessing

#: (top, left, bottom, right) in pixels, fractions allowed: pixel (0, 0) reaches from 0 to 1 both ways.
Box = tuple[float, float, float, float]


def box_of(ink: NDArray[np.float32]) -> Box:
    """The box of the ink (h, w): the strength of the outermost row or column says how far into it the ink reaches."""
    edges = []
    for profile in (ink.max(axis=1) / ink.max(), ink.max(axis=0) / ink.max()):
        drawn = np.flatnonzero(profile)
        first, last = int(drawn[0]), int(drawn[-1])
        edges.append((first + 1 - float(profile[first]), last + float(profile[last])))
    (top, bottom), (left, right) = edges
    return top, left, bottom, right


def moved(box: Box, place: NDArray[np.float64]) -> Box:
    """The box in another picture, to which ``place`` (3, 3) brings (x, y, 1)."""
    top, left, bottom, right = box
    x, y, w = place @ np.array([(left, right, right, left), (top, top, bottom, bottom), (1, 1, 1, 1)], float)
    x, y = x / w, y / w
    return float(y.min()), float(x.min()), float(y.max()), float(x.max())


def shifted(down: float, right: float) -> NDArray[np.float64]:
    """The place (3, 3) in another picture that is so far from its corner."""
    return np.array([(1, 0, right), (0, 1, down), (0, 0, 1)], float)


def center_of(ink: NDArray[np.float32], preprocessing: Preprocessing) -> tuple[float, float]:
    """The (row, column) of the ink to put at ``preprocessing.center``, counted from the middle of the first pixel."""
    if preprocessing.centering == "box":
        top, left, bottom, right = box_of(ink)
        return (top + bottom - 1) / 2, (left + right - 1) / 2
    rows, columns = ink.sum(axis=1), ink.sum(axis=0)
    return float(rows @ np.arange(len(rows)) / rows.sum()), float(columns @ np.arange(len(columns)) / columns.sum())


def recentered(images: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Images ``(n, height, width, 1)`` cut, or bordered with zeros, evenly on all sides, to ``shape``."""
    for axis, size in ((1, shape[0]), (2, shape[1])):
        less = images.shape[axis] - size
        if less > 0:
            images = np.take(images, range(less // 2, less // 2 + size), axis=axis)
        elif less < 0:
            border = [(0, 0)] * images.ndim
            border[axis] = (-less // 2, -less - -less // 2)
            images = np.pad(images, border)
    return images


def place(ink: NDArray[np.float32], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """The ink (h, w) scaled to the longest side and centered: float32 ``image_shape[:2]``, in the same units."""
    top, left, bottom, right = box_of(ink)
    scale = preprocessing.longest_side / max(bottom - top, right - left)
    (row, column), (goal_row, goal_column) = center_of(ink, preprocessing), preprocessing.center
    corner = row + 0.5 - (goal_row + 0.5) / scale, column + 0.5 - (goal_column + 0.5) / scale
    return resample(ink, scale, corner, preprocessing.image_shape[:2])


def resample(
    ink: NDArray[np.float32], scale: float, corner: tuple[float, float], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """The part of ``ink`` that begins at ``corner``, ``scale`` times as large, on ``shape`` pixels.

    Each pixel is the mean over its area; when enlarging, over the area of one source pixel, which is linear
    interpolation.
    """
    rows, columns = (_weights(n, scale, at, m) for n, at, m in zip(ink.shape, corner, shape, strict=True))
    return _weighted(columns, _weighted(rows, ink).T).T


def inked(bitmaps: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Bitmaps (..., h, w) of white ink on black in the polarity that is expected; (..., h, w, 3) for RGB."""
    if preprocessing.polarity == "dark on light":
        bitmaps = 255 - bitmaps
    return np.repeat(bitmaps[..., None], 3, axis=-1) if preprocessing.image_shape[2] == 3 else bitmaps


def resize(image: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """The whole of ``image`` (h, w) on ``shape`` pixels, each the mean over its area; each axis has its own scale."""
    rows, columns = (_weights(n, m / n, 0.0, m) for n, m in zip(image.shape, shape, strict=True))
    rows, columns = (weights / weights.sum(axis=1, keepdims=True) for weights in (rows, columns))
    return np.clip(_weighted(columns, _weighted(rows, image).T).T, 0, 1)


def _weights(size: int, scale: float, corner: float, outputs: int) -> NDArray[np.float32]:
    """Matrix (outputs, size): how much of each output's stretch of the source each source pixel makes up."""
    middle = corner + (np.arange(outputs)[:, None] + 0.5) / scale
    half = max(1.0, 1 / scale) / 2
    pixel = np.arange(size)
    overlap = np.minimum(middle + half, pixel + 1) - np.maximum(middle - half, pixel)
    return (np.maximum(overlap, 0) / (2 * half)).astype(np.float32)


def _weighted(weights: NDArray[np.float32], image: NDArray[np.float32]) -> NDArray[np.float32]:
    """``weights @ image`` where each row of weights (outputs, size) has a few neighbors that are not 0.

    A matrix product would multiply all the zeros, in threads of the BLAS that wait for one another on a busy machine.
    """
    used, size = weights > 0, weights.shape[1]
    total = np.zeros((len(weights), image.shape[1]), np.float32)
    rows, first = np.arange(len(weights)), used.argmax(axis=1)
    for at in first + np.arange(used.sum(axis=1).max())[:, None]:
        inside, at = at < size, np.minimum(at, size - 1)
        total += np.where(inside, weights[rows, at], np.float32(0))[:, None] * image[at]
    return total


def bordered(image: NDArray[Any], by: int) -> NDArray[Any]:
    """The image (h, w) with ``by`` zeros to every side: ``np.pad``, which takes ten times as long for small ones."""
    height, width = image.shape
    whole = np.zeros((height + 2 * by, width + 2 * by), image.dtype)
    whole[by : by + height, by : by + width] = image
    return whole


def shrink(pixels: NDArray[Any], step: int) -> NDArray[np.float32]:
    """The mean over squares of ``step`` pixels, fewer at the far edges: (h, w, channels) as float32."""
    if step == 1:
        return pixels.astype(np.float32)
    for _ in range(2):  # rows, then columns
        total = np.zeros((-(-len(pixels) // step), *pixels.shape[1:]), np.float32)
        for first in range(step):
            every = pixels[first::step]
            total[: len(every)] += every
        total[:-1] /= np.float32(step)
        total[-1] /= np.float32((len(pixels) - 1) % step + 1)
        pixels = total.swapaxes(0, 1)
    return pixels
