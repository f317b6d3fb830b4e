"""The pane of a window in a screenshot: a rectangle of one color, to the pixel, with bars and borders around it."""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray

#: A pixel has the pane's color where no channel differs by more: less than noise of a camera, more than of compression.
SAME = 0.02
#: A row or column of a bar has at most so much of the pane's color, the first one beyond it so much at least.
BAR, PANE = 0.2, 0.5
#: Rows between a bar and the pane that may be of both, where the screenshot was resized.
MIXED = 2
#: The widest bar is this fraction of the picture's shorter side, least and most, and so many times as wide as the
#: narrowest: a drawing that was cut to its outline has lines of one width at its edges, or touches most of them.
LEAST_BAR, MOST_BAR, UNEVEN = 0.04, 0.3, 3


def pane_of(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], int, int, bool] | None:
    """What a window shows on a picture (h, w, channels), 0 to 1, and the (row, column) at which that begins.

    And whether it has a bar or border along every edge: what is without one may be a drawing, cut to its ink.

    ``None`` where there is no bar, or where not all edges have a bar or border and something drawn touches one.
    """
    height, width, channels = pixels.shape
    if channels == 4 or min(height, width) < 16:
        return None
    middle = pixels[height // 4 : -(height // 4), width // 4 : -(width // 4)].reshape(-1, channels)
    color = np.partition(middle, len(middle) // 2, axis=0)[len(middle) // 2]
    edges = pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]
    if all(_is_pane(edge, color).mean() > BAR for edge in edges):
        return None
    page = _is_pane(pixels, color)
    left, right = _bars(page.mean(axis=0))
    top, bottom = _bars(page[:, max(left, 0) : width - max(right, 0)].mean(axis=1))
    narrowest, *_, widest = sorted((top, bottom, left, right))
    side = min(height, width)
    if narrowest < 0 or not max(LEAST_BAR * side, UNEVEN * narrowest) <= widest <= MOST_BAR * side:
        return None
    inner = page[top : height - bottom, left : width - right]
    beside = (top, inner[0]), (bottom, inner[-1]), (left, inner[:, 0]), (right, inner[:, -1])
    if narrowest < 1 and not all(edge.all() for bar, edge in beside if bar):
        return None
    return pixels[top : height - bottom, left : width - right], top, left, narrowest > 0


def _is_pane(pixels: NDArray[np.float32], color: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray((np.abs(pixels - color) <= SAME).all(axis=-1))


def _bars(share: NDArray[np.floating]) -> tuple[int, int]:
    """How many rows the bars at both ends have, by the share of the pane's color in each; -1 where one has no end."""
    found = []
    for one in (share, share[::-1]):
        bar = int((one > BAR).argmax())
        beyond = one[bar : bar + MIXED + 1] >= PANE
        found.append(-1 if not beyond.any() else bar and bar + int(beyond.argmax()))
    return found[0], found[1]
