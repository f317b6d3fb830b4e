"""Grain: noise of a scan, dithering, the dots of a print; smoothed away where lines are wider."""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray

#: Standard deviations of the smoothing that are tried in turn, in pixels.
RADII = (0.8, 1.6, 3.0, 5.0)
#: Standard deviation of grain, of 1, and how many times as strong as what smoothing leaves of it a drawing is.
LEAST_GRAIN, CLEAR = 0.008, 7.0
#: Pixels that stand alone: so many, and this fraction of the ink.
LEAST_ALONE, ALONE = 8, 0.01


def is_speckled(ink: NDArray[np.float32]) -> bool:
    """Whether many pixels of the ink (h, w) are unlike all eight around them: dithered edges, dust of a scan."""
    mask = np.pad(ink > 0.5, 1, mode="edge").view(np.uint8)
    rows = mask[:-2] + mask[1:-1] + mask[2:]
    own, count = mask[1:-1, 1:-1], rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    alone = np.count_nonzero(count == np.where(own, np.uint8(1), np.uint8(8)))
    return bool(alone > max(LEAST_ALONE, ALONE * np.count_nonzero(own)))


def smoothed(pixels: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """The picture (h, w, channels) smoothed by a Gaussian with ``radius`` pixels of standard deviation."""
    reach = int(np.ceil(2.5 * radius))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2).astype(np.float32)
    weights /= weights.sum()
    for axis in (0, 1):
        room = [(reach, reach) if a == axis else (0, 0) for a in range(pixels.ndim)]
        padded = np.pad(pixels, room, mode="edge").swapaxes(0, axis)
        count = pixels.shape[axis]
        pixels = sum(w * padded[i : i + count] for i, w in enumerate(weights)).swapaxes(0, axis)
    return np.ascontiguousarray(pixels)


def stands_out(
    pixels: NDArray[np.float32], smooth: NDArray[np.float32], ink: NDArray[np.float32], radius: float
) -> bool:
    """Whether there was grain, and what is drawn differs from its background by more than the grain that is left.

    Of white noise with standard deviation s, a Gaussian of standard deviation r leaves ``s / (2 sqrt(pi) r)``.
    """
    gray, rest = smooth.mean(axis=2), (pixels - smooth).mean(axis=2)
    grain, drawn = float(rest.std()), ink > 0.5
    if grain < LEAST_GRAIN or not drawn.any() or drawn.all():
        return False
    contrast = abs(float(gray[drawn].mean() - gray[ink == 0].mean())) if (ink == 0).any() else 0.0
    return bool(contrast > CLEAR * grain / (2 * np.sqrt(np.pi) * radius))
