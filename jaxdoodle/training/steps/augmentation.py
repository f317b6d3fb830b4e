"""Augmentation: random affine and elastic changes of each training image, drawn anew at every step, on the device."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.lazy import jax, jnp
from jaxdoodle.core.types import Array
from jaxdoodle.core.validation import is_count, is_number
from jaxdoodle.preprocessing.config import POLARITIES, Preprocessing

__all__ = ["Augment", "apply"]

#: Pixels: a pen wider by more on either side leaves no lines, and each takes a pass over the images.
MOST_DILATED = 10


@dataclass(frozen=True)
class Augment:
    """How far an image may be changed; each quantity is drawn uniformly between minus and plus its bound.

    Args:
      rotate: Bound of the rotation, in degrees.
      shear: Bound of the shear, in degrees.
      zoom: Bound of the zoom of height and of width, as a fraction.
      shift: Bound of the shift down and to the right, in pixels.
      elastic: Bound of a smooth random displacement, in pixels, down and to the right.
      grid: The displacement has one random vector per so many pixels.
      dilate: Bound of what strokes grow on either side, in pixels; half of the images keep their strokes.
      mirror: Whether left and right are exchanged in half of the images.

    Raises:
      InputError: A bound is no number from 0 on, ``zoom`` not below 1, ``dilate`` above 10, or ``grid`` no positive
        integer.

    Reference: Simard, Steinkraus and Platt (2003), "Best practices for convolutional neural networks applied to visual
    document analysis".
    """

    rotate: float = 10.0
    shear: float = 8.0
    zoom: float = 0.1
    shift: float = 2.0
    elastic: float = 1.0
    grid: int = 7
    dilate: float = 0.0
    mirror: bool = False

    def __post_init__(self) -> None:
        for name in ("rotate", "shear", "zoom", "shift", "elastic", "dilate"):
            if not is_number(value := getattr(self, name)) or value < 0:
                raise InputError(f"{name} of Augment is a number from 0 on; got {value!r}.")
        if self.dilate > MOST_DILATED:
            raise InputError(f"dilate of Augment is {MOST_DILATED} pixels at most; got {self.dilate}.")
        if self.zoom >= 1:
            raise InputError(f"zoom of Augment is below 1; got {self.zoom}.")
        if not is_count(self.grid):
            raise InputError(f"grid of Augment is a positive integer; got {self.grid!r}.")


def apply(augment: Augment, preprocessing: Preprocessing, key: Array, images: Array) -> Array:
    """Change each image in a way of its own.

    Args:
      augment: How far.
      preprocessing: What the images are like: their divisor, the polarity of the ink, and the longest side of drawings.
      key: A JAX random key.
      images: Floats ``(batch, height, width, channels)``, the bitmaps over the divisor.

    Returns:
      Images of the same shape and dtype; what comes in from outside is blank.
    """
    if preprocessing.polarity != POLARITIES[0]:
        white = 255 / preprocessing.divisor
        return white - apply(augment, replace(preprocessing, polarity=POLARITIES[0]), key, white - images)
    count, height, width, _ = images.shape
    rows, columns = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    coordinates = jnp.stack([rows, columns]).astype(images.dtype)  # (2, height, width)
    center = jnp.asarray([(height - 1) / 2, (width - 1) / 2], images.dtype)[:, None, None]
    affine_key, elastic_key = jax.random.split(key)
    matrices, shifts = _affine(augment, affine_key, count, images.dtype)
    if augment.dilate:
        drawn = jax.random.uniform(jax.random.fold_in(key, 2), (count,), images.dtype, -1, 1)
        grown = augment.dilate * jnp.maximum(drawn, 0)
        images = _dilate(images, grown, math.ceil(augment.dilate))
        matrices *= (1 + 2 * grown / preprocessing.longest_side)[:, None, None]  # the drawing keeps its size
    moved = jnp.einsum("nij,jhw->nihw", matrices, coordinates - center) + center[None] + shifts[:, :, None, None]
    if augment.elastic:
        moved += _displacement(augment, elastic_key, images.shape[:3], images.dtype)
    return _sample(images, moved)


def _dilate(images: Array, grown: Array, most: int) -> Array:
    """Strokes wider by ``grown`` ``(batch,)`` pixels on either side, at most ``most``, as of a round pen.

    At each pixel the ink of its four neighbors, then of the eight of these, and so on; in between a mixture.
    """

    def around(image: Array, *size: int) -> Array:
        return jax.lax.reduce_window(image, image.dtype.type(0), jax.lax.max, (1, *size, 1), (1, 1, 1, 1), "SAME")

    widened = before = images
    for pixel in range(most):
        after = around(before, 3, 3) if pixel % 2 else jnp.maximum(around(before, 3, 1), around(before, 1, 3))
        widened += jnp.clip(grown - pixel, 0, 1)[:, None, None, None] * (after - before)
        before = after
    return widened


def _affine(augment: Augment, key: Array, count: int, dtype: Any) -> tuple[Array, Array]:
    """``(count, 2, 2)`` matrices and ``(count, 2)`` shifts, from pixels of the result to pixels of the image."""
    turn, slant = math.radians(augment.rotate), math.tan(math.radians(augment.shear))
    bounds = [turn, slant, augment.zoom, augment.zoom, augment.shift, augment.shift]
    drawn = jnp.asarray(bounds, dtype)[None] * jax.random.uniform(key, (count, 6), dtype, -1, 1)
    angle, shear, tall, wide = drawn[:, 0], drawn[:, 1], 1 + drawn[:, 2], 1 + drawn[:, 3]
    if augment.mirror:
        wide *= jax.random.rademacher(jax.random.fold_in(key, 1), (count,), dtype)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    rows = [[tall * cos, tall * (shear * cos - sin)], [wide * sin, wide * (shear * sin + cos)]]
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=1), drawn[:, 4:]


def _displacement(augment: Augment, key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """``(batch, 2, height, width)``: a coarse grid of random vectors, blended smoothly."""
    count, height, width = shape
    cells = math.ceil(height / augment.grid) + 1, math.ceil(width / augment.grid) + 1
    vectors = augment.elastic * jax.random.uniform(key, (count, 2, *cells), dtype, -1, 1)
    down, across = (jnp.asarray(_blend(n, m), dtype) for n, m in zip((height, width), cells, strict=True))
    return jnp.einsum("hi,ncij,wj->nchw", down, vectors, across)


def _blend(size: int, cells: int) -> list[list[float]]:
    """Weights (size, cells) of the grid's points at every pixel: a raised cosine from each point to the next."""
    weights = [[0.0] * cells for _ in range(size)]
    for pixel in range(size):
        cell, offset = divmod(pixel * (cells - 1) / size, 1)
        weights[pixel][int(cell)] = (1 + math.cos(math.pi * offset)) / 2
        weights[pixel][int(cell) + 1] = (1 - math.cos(math.pi * offset)) / 2
    return weights


def _sample(images: Array, coordinates: Array) -> Array:
    """Bilinear interpolation of the four pixels around each of the coordinates ``(batch, 2, height, width)``."""
    count, height, width, channels = images.shape
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(count, -1, channels)
    row = jnp.clip(coordinates[:, 0] + 1, 0, height + 0.999)
    column = jnp.clip(coordinates[:, 1] + 1, 0, width + 0.999)
    top, left = jnp.floor(row), jnp.floor(column)
    down, right = row - top, column - left
    first = (top * (width + 2) + left).astype(jnp.int32).reshape(count, -1)

    def pixel(offset: int, weight: Array) -> Array:
        gathered = jnp.take_along_axis(padded, (first + offset)[:, :, None], axis=1)
        return gathered.reshape(images.shape) * weight[..., None]

    below = width + 2
    return (
        pixel(0, (1 - down) * (1 - right))
        + pixel(1, (1 - down) * right)
        + pixel(below, down * (1 - right))
        + pixel(below + 1, down * right)
    )
