"""Near duplicates: drawings that differ by a shift of a pixel, by brightness, by JPEG compression or by faint noise.

The descriptor of a drawing holds the low frequencies of its Fourier transform, taken about its center of mass and
divided by the amount of ink. So it depends neither on position nor on brightness, and little on fine noise; two
different drawings, even of one class by one person, are farther apart than ``NEAR``.
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray

#: Euclidean distance of descriptors up to which two drawings are near duplicates. None of MNIST's 70,000 are.
NEAR = 0.1
#: The highest frequency in a descriptor, in cycles per image width.
FREQUENCIES = 6
#: Fraction of the strongest ink below which a pixel is background: JPEG and scanners leave such pixels everywhere.
BACKGROUND = 1 / 8
_TABLES, _BITS, _CHUNK = 6, 24, 4096
_COMPARED = 100  # rows with the same code that a row is compared with, at most


def compute_descriptors(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Descriptors ``(n, 112)`` of drawings ``(n, h, w, 1)``, white ink on black; zeros for a blank drawing."""
    height, width = images.shape[1:3]
    rows, columns = (axis.ravel().astype(np.float32) for axis in np.indices((height, width)))
    u, v = _frequencies(height, width)
    phases = np.outer(rows, u) + np.outer(columns, v)
    waves = np.concatenate([np.cos(phases), -np.sin(phases), rows[:, None], columns[:, None]], axis=1)
    descriptors = np.empty((len(images), 2 * len(u)), np.float32)
    for start in range(0, len(images), _CHUNK):
        ink = images[start : start + _CHUNK].reshape(-1, height * width).astype(np.float32)
        ink[ink < BACKGROUND * ink.max(axis=1, keepdims=True)] = 0
        ink /= np.maximum(ink.sum(axis=1, keepdims=True), 1)
        real, imaginary, y, x = np.split(ink @ waves, [len(u), 2 * len(u), 2 * len(u) + 1], axis=1)
        centered_waves = (real + 1j * imaginary) * np.exp(1j * (y * u + x * v))
        centered_waves[ink.sum(axis=1) == 0] = 0
        descriptors[start : start + _CHUNK] = np.concatenate([centered_waves.real, centered_waves.imag], axis=1)
    return descriptors


def find_near_duplicates(descriptors: NDArray[np.float32], max_distance: float = NEAR) -> NDArray[np.int64]:
    """The sorted pairs ``(i, j)``, i < j, of rows at most ``max_distance`` apart, ``(pairs, 2)``; blank rows in none.

    Locality-sensitive hashing: only rows with the same code, the signs of 24 random projections, are compared, and
    that for six sets of projections. The pairs that never share a code are few (a test counts them).

    Reference: Charikar, "Similarity estimation techniques from rounding algorithms", 2002.
    """
    rng = np.random.default_rng(0)
    drawn = np.flatnonzero(descriptors.any(axis=1))
    if not len(drawn):
        return np.empty((0, 2), np.int64)
    centered = descriptors[drawn] - descriptors[drawn].mean(axis=0, dtype=np.float32)
    found = [np.empty((0, 2), np.int64)]
    for _ in range(_TABLES):
        planes = rng.standard_normal((descriptors.shape[1], _BITS), np.float32)
        codes = (centered @ planes > 0) @ (1 << np.arange(_BITS))
        order = np.argsort(codes, kind="stable")
        codes, order = codes[order], drawn[order]
        step, first = 1, np.flatnonzero(codes[1:] == codes[:-1])
        while len(first) and step <= _COMPARED:
            a, b = order[first], order[first + step]
            near = ((descriptors[a] - descriptors[b]) ** 2).sum(axis=1) <= max_distance**2
            found.append(np.sort(np.stack([a[near], b[near]], axis=1), axis=1))
            step += 1
            first = first[first + step < len(codes)]
            first = first[codes[first + step] == codes[first]]
    return np.unique(np.concatenate(found), axis=0)


def _frequencies(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vertical and horizontal frequencies in radians per pixel, one of each pair of opposite ones."""
    cycles = np.arange(-FREQUENCIES, FREQUENCIES + 1)
    u, v = (axis.ravel() for axis in np.meshgrid(cycles, cycles, indexing="ij"))
    half = (u**2 + v**2 <= FREQUENCIES**2) & ((v > 0) | ((v == 0) & (u > 0)))
    turn = 2 * np.pi
    return (u[half] * turn / height).astype(np.float32), (v[half] * turn / width).astype(np.float32)
