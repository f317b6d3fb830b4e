"""Which drawings are nearly the same: moved by a pixel, dimmed, saved as JPEG, a little noise on them.

A drawing is described by the low frequencies of its Fourier transform, taken about its center of mass and divided by
the amount of ink. So neither its place nor its brightness matters, and fine noise little; a different drawing, even
of the same class by the same hand, is farther away than ``NEAR``.
"""

from __future__ import annotations

import numpy as np

#: Distance up to which two drawings are nearly the same: none of MNIST's 70,000 are, see tests/data/test_audit.py.
NEAR = 0.1
#: Cycles across the picture, the highest frequency looked at.
FREQUENCIES = 6
#: Part of the strongest ink; what is fainter is paper: JPEG and scanners leave it everywhere.
PAPER = 1 / 8
_TABLES, _BITS, _CHUNK = 6, 24, 4096
_COMPARED = 100  # rows on the same side of all planes that a row is compared with


def describe(images: np.ndarray) -> np.ndarray:
    """Drawings uint8 ``(n, h, w, 1)`` as float32 ``(n, 112)``; all zeros where nothing is drawn."""
    height, width = images.shape[1:3]
    rows, columns = (axis.ravel().astype(np.float32) for axis in np.indices((height, width)))
    u, v = _frequencies(height, width)
    phases = np.outer(rows, u) + np.outer(columns, v)
    waves = np.concatenate([np.cos(phases), -np.sin(phases), rows[:, None], columns[:, None]], axis=1)
    described = np.empty((len(images), 2 * len(u)), np.float32)
    for start in range(0, len(images), _CHUNK):
        ink = images[start : start + _CHUNK].reshape(-1, height * width).astype(np.float32)
        ink[ink < PAPER * ink.max(axis=1, keepdims=True)] = 0
        ink /= np.maximum(ink.sum(axis=1, keepdims=True), 1)
        real, imaginary, y, x = np.split(ink @ waves, [len(u), 2 * len(u), 2 * len(u) + 1], axis=1)
        turned = (real + 1j * imaginary) * np.exp(1j * (y * u + x * v))
        turned[ink.sum(axis=1) == 0] = 0
        described[start : start + _CHUNK] = np.concatenate([turned.real, turned.imag], axis=1)
    return described


def near_pairs(described: np.ndarray, reach: float = NEAR) -> np.ndarray:
    """The pairs ``(i, j)``, i < j, of rows at most ``reach`` apart, int64 ``(pairs, 2)``, sorted; blank rows in none.

    Only rows on the same side of each of 24 random planes are compared, for six sets of planes: the near ones that are
    never together are few (a test counts them), and the far ones that are cost little.
    """
    rng = np.random.default_rng(0)
    drawn = np.flatnonzero(described.any(axis=1))
    if not len(drawn):
        return np.empty((0, 2), np.int64)
    centered = described[drawn] - described[drawn].mean(axis=0, dtype=np.float32)
    found = [np.empty((0, 2), np.int64)]
    for _ in range(_TABLES):
        planes = rng.standard_normal((described.shape[1], _BITS), np.float32)
        codes = (centered @ planes > 0) @ (1 << np.arange(_BITS))
        order = np.argsort(codes, kind="stable")
        codes, order = codes[order], drawn[order]
        step, first = 1, np.flatnonzero(codes[1:] == codes[:-1])
        while len(first) and step <= _COMPARED:
            a, b = order[first], order[first + step]
            near = ((described[a] - described[b]) ** 2).sum(axis=1) <= reach**2
            found.append(np.sort(np.stack([a[near], b[near]], axis=1), axis=1))
            step += 1
            first = first[first + step < len(codes)]
            first = first[codes[first + step] == codes[first]]
    return np.unique(np.concatenate(found), axis=0)


def _frequencies(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Radians per pixel, down and across, of one of each pair of opposite waves."""
    side = np.arange(-FREQUENCIES, FREQUENCIES + 1)
    u, v = (axis.ravel() for axis in np.meshgrid(side, side, indexing="ij"))
    half = (u**2 + v**2 <= FREQUENCIES**2) & ((v > 0) | ((v == 0) & (u > 0)))
    turn = 2 * np.pi
    return (u[half] * turn / height).astype(np.float32), (v[half] * turn / width).astype(np.float32)
