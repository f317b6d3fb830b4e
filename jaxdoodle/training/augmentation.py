"""Augmentation: each training image slightly moved, turned, stretched and bent, anew at every step, on the device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array


@dataclass(frozen=True)
class Augment:
    """How far an image may be changed; each quantity is drawn evenly between minus and plus its bound.

    ``rotate`` and ``shear`` in degrees, ``zoom`` as a fraction, ``shift`` in pixels; ``elastic`` is the height in
    pixels of a smooth random displacement with one random vector per ``grid`` pixels (Simard et al. 2003).
    """

    rotate: float = 10.0
    shear: float = 8.0
    zoom: float = 0.1
    shift: float = 2.0
    elastic: float = 1.0
    grid: int = 7


def apply(augment: Augment, key: Array, images: Array) -> Array:
    """``(batch, height, width, channels)`` floats to the same shape; what comes in from outside is blank (zero)."""
    height, width = images.shape[1:3]
    rows, columns = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    places = jnp.stack([rows, columns]).astype(images.dtype)  # (2, height, width)
    center = jnp.asarray([(height - 1) / 2, (width - 1) / 2], images.dtype)[:, None, None]
    affine_key, elastic_key = jax.random.split(key)
    matrices, shifts = _affine(augment, affine_key, images.shape[0], images.dtype)
    moved = jnp.einsum("nij,jhw->nihw", matrices, places - center) + center + shifts[:, :, None, None]
    if augment.elastic:
        moved += _displacement(augment, elastic_key, images.shape[:3], images.dtype)
    return _sample(images, moved)


def _affine(augment: Augment, key: Array, count: int, dtype) -> tuple[Array, Array]:
    """``(count, 2, 2)`` matrices and ``(count, 2)`` shifts, from places in the result to places in the image."""
    bounds = jnp.asarray(
        [
            math.radians(augment.rotate),
            math.tan(math.radians(augment.shear)),
            augment.zoom,
            augment.zoom,
            augment.shift,
            augment.shift,
        ],
        dtype,
    )
    drawn = bounds * jax.random.uniform(key, (count, 6), dtype, -1, 1)
    angle, shear, tall, wide = drawn[:, 0], drawn[:, 1], 1 + drawn[:, 2], 1 + drawn[:, 3]
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    rows = [[tall * cos, tall * (shear * cos - sin)], [wide * sin, wide * (shear * sin + cos)]]
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=1), drawn[:, 4:]


def _displacement(augment: Augment, key: Array, shape: tuple[int, ...], dtype) -> Array:
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


def _sample(images: Array, places: Array) -> Array:
    """Bilinear: each result pixel from the four around its place; ``places`` is ``(batch, 2, height, width)``."""
    count, height, width, channels = images.shape
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(count, -1, channels)
    row = jnp.clip(places[:, 0] + 1, 0, height + 0.999)
    column = jnp.clip(places[:, 1] + 1, 0, width + 0.999)
    top, left = jnp.floor(row), jnp.floor(column)
    down, right = row - top, column - left
    first = (top * (width + 2) + left).astype(jnp.int32).reshape(count, -1)

    def pixel(offset, weight):
        gathered = jnp.take_along_axis(padded, (first + offset)[:, :, None], axis=1)
        return gathered.reshape(images.shape) * weight[..., None]

    below = width + 2
    return (
        pixel(0, (1 - down) * (1 - right))
        + pixel(1, (1 - down) * right)
        + pixel(below, down * (1 - right))
        + pixel(below + 1, down * right)
    )
