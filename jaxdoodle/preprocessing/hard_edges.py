"""Small pictures whose edges are steps, as those of two values, where edges of painted and scanned lines have grays.

A network that was trained on grays hardly knows them: of 600 of MNIST's test digits, cut off at a half, ``digits``
refuses 218, with grays put back 7, and of the digits as they are 21.
"""

from __future__ import annotations

import math

import numpy as np

from jaxdoodle.core.types import NDArray

#: Larger pictures have their grays from being reduced: so many times as many pixels a side as the bitmap.
SMALL = 4
#: So many rows are looked at first.
ROWS = 16
#: The mean difference of neighbors, weighted by itself: 1 where all is in one step; more than this in 10 of MNIST's
#: 10,000 test digits, 0.56 in the median.
STEP = 0.75
#: What a pixel takes from either side, in rows and in columns: nearly a normal distribution of half a pixel.
BESIDE = 0.2


def softened(pixels: NDArray[np.float32], size: tuple[int, int]) -> tuple[NDArray[np.float32], int] | None:
    """A small picture (h, w, channels) of hard edges with grays at these.

    Args:
      pixels: The picture; where each of its pixels is repeated, as in one that was enlarged, it is reduced first.
      size: (height, width) of the bitmap that it is to become.

    Returns:
      The picture, float32, and how often its pixels were repeated; ``None`` for one with grays, or a large one.
    """
    least = max(-(-side // (SMALL * expected)) for side, expected in zip(pixels.shape[:2], size, strict=True))
    if _repeated(pixels[:: len(pixels) // ROWS + 1], 1) < least:  # of a large picture that is not, most time is saved
        return None
    repeated = math.gcd(_repeated(pixels, 0), _repeated(pixels, 1))
    if repeated < least:
        return None
    pixels = pixels[::repeated, ::repeated]
    gray = pixels.mean(axis=2)
    steps = np.abs(np.concatenate([np.diff(gray, axis=axis).ravel() for axis in (0, 1)]))
    if not (steps**2).sum() > STEP * np.ptp(gray) * steps.sum():
        return None
    whole = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = (1 - 2 * BESIDE) * whole[1:-1] + BESIDE * (whole[:-2] + whole[2:])
    soft = (1 - 2 * BESIDE) * rows[:, 1:-1] + BESIDE * (rows[:, :-2] + rows[:, 2:])
    return soft.astype(np.float32), repeated


def _repeated(pixels: NDArray[np.float32], axis: int) -> int:
    """How often each pixel is repeated along an axis at least, as its length and all places of a change allow."""
    changes = np.flatnonzero(np.diff(pixels, axis=axis).any(axis=(1 - axis, 2)))
    return math.gcd(pixels.shape[axis], *(int(at) + 1 for at in changes))
