"""How wide the strokes of a drawing are, and the same drawing with another stroke width.

Along the centerline of a stroke, the background is half a stroke width away. Where strokes have run together the ink is
wider than one stroke, nowhere narrower; so the stroke width is what most of the centerline has at most. A drawing with
a smaller stroke width is the ink less what is within some distance of the background, but with its centerline kept.
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.regions import labeled
from jaxdoodle.preprocessing.resample import bordered, resample

#: A width is common if at least this fraction of the places that have the commonest one have it.
COMMON_FRACTION = 0.5
#: Points of the centerline less deep than this fraction of half the stroke width are spurs: it forks where lines end.
SPUR_DEPTH = 0.8
#: Working pixels per bitmap pixel while the width is measured and changed, and the most along the longer side.
WORK_SCALE, MAX_WORK_SIDE = 6, 512
#: Holes of chalk, pencil and pens that skip: at least so many, none larger than this fraction of the square of the
#: stroke width. Fewer are loops that have nearly closed.
LEAST_HOLES, HOLE = 8, 0.06
#: Ink wider than so many of the expected stroke widths is a filled shape, not a line.
MAX_WIDTH_RATIO = 3.5
#: Pixels of a picture whose outline is measured together: what fits in a processor's cache.
BAND = 32_768
#: Ink is what is more than this fraction as strong as the strongest; above a half by more than float32 rounds, so that
#: what lies in the middle is background by every implementation.
MIDDLE = np.float32(0.50001)
#: (row, column) of the eight neighbors in a square of three pixels, clockwise, from above.
NEIGHBORS = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))


def width_by_outline(ink: NDArray[np.float32]) -> float:
    """The stroke width of the ink (h, w), in its pixels, as twice the area by the length of the outline.

    Exact for a long stroke, and fast. The outline is the total variation, here over squares of four pixels, which
    measure slanted edges right.
    """
    whole, outline, rows = bordered(ink, 1), 0.0, max(1, BAND // ink.shape[1])
    for top in range(0, len(ink) + 1, rows):
        p = whole[top : top + rows + 1]
        across, down = p[:-1] + p[1:], p[1:] - p[:-1]
        across, down = across[:, 1:] - across[:, :-1], down[:, 1:] + down[:, :-1]
        across *= across
        down *= down
        across += down
        outline += float(np.sqrt(across, out=across).sum())
    return float(2 * ink.sum() / (outline / 2))


@frozen
class Redrawn:
    """Ink with another stroke width.

    Attributes:
      ink: float32 (h, w), 0 to 1.
      measured: Stroke width of the original, in its pixels.
      scale: Bitmap pixels per pixel of the original.
      widened: Bitmap pixels by which the strokes were made wider; below 0: narrower.
    """

    ink: NDArray[np.float32]
    measured: float
    scale: float
    widened: float


def redraw(
    ink: NDArray[np.float32], longest_side: float, stroke_width: float, tolerance: tuple[float, float]
) -> Redrawn:
    """Give a drawing the stroke width that its bitmap is to have.

    Args:
      ink: (h, w), 0 to 1, cut to the box of the ink.
      longest_side: Longer side of the ink on the bitmap, in bitmap pixels.
      stroke_width: On the bitmap, in bitmap pixels.
      tolerance: Least and largest multiple of ``stroke_width`` that stays, with the ink as it is.
    """
    longest = max(ink.shape)
    grain = min(WORK_SCALE, MAX_WORK_SIDE / longest_side)
    zoom = grain * longest_side / longest
    mask = _without_holes(bordered(_enlarged(ink, zoom), 1), stroke_width * grain)
    max_depth = round(MAX_WIDTH_RATIO * stroke_width * grain / 2)
    depth = distance(~mask, max_depth)
    line = centerline(mask, max_depth)
    width = _width(line, depth, max_depth)
    measured = width / zoom
    if tolerance[0] * stroke_width <= width / grain <= tolerance[1] * stroke_width or measured > longest / 2:
        return Redrawn(ink, measured, longest_side / longest, 0.0)
    scale = (longest_side - stroke_width) / (longest - measured)  # the centerlines are scaled
    target = stroke_width * zoom / scale
    reach = int(np.ceil(target))
    outwards = (target - width) / 2
    if outwards > 0:
        ink = 1 + outwards - distance(bordered(mask, reach), reach)
    else:
        line &= depth >= SPUR_DEPTH * width / 2
        ink = np.maximum(bordered(depth, reach) + outwards, target / 2 + 0.5 - distance(bordered(line, reach), reach))
    return Redrawn(np.clip(ink, 0, 1), measured, scale, stroke_width - measured * scale)


def _enlarged(ink: NDArray[np.float32], zoom: float) -> NDArray[np.bool_]:
    """The ink ``zoom`` times as large, as bool: ink or background."""
    height, width = (int(np.ceil(n * zoom)) for n in ink.shape)
    if zoom >= 1:
        large = resample(ink, zoom, (0.0, 0.0), (height, width))
        return large > MIDDLE * large.max()
    # the strongest of each area, not the mean: strokes narrower than a pixel must not fade away
    return _strongest(_strongest(ink, height).T, width).T > MIDDLE * ink.max()


def _without_holes(mask: NDArray[np.bool_], width: float) -> NDArray[np.bool_]:
    """The ink with the many small holes of its strokes filled, where strokes may be so wide."""
    number = labeled(~mask, diagonals=False)
    areas = np.bincount(number.ravel())
    holes = areas < HOLE * width**2
    holes[0] = False
    return mask | holes[number] if np.count_nonzero(holes) >= LEAST_HOLES else mask


def _strongest(image: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The strongest of each of ``count`` groups of rows."""
    first = np.arange(count) * len(image) // count
    last = np.append(first[1:], len(image)) - 1
    best = image[first]
    for step in range(1, int((last - first).max()) + 1):
        np.maximum(best, image[np.minimum(first + step, last)], out=best)
    return best


def _width(line: NDArray[np.bool_], depth: NDArray[np.float32], max_depth: int) -> float:
    """The stroke width, from the depth of the ink along its centerline: the least width that is common.

    Ink deeper than ``max_depth`` is a filled shape, and is left out unless there is nothing else.
    """
    along = depth[line]
    widths = 2 * (along[along <= max_depth] if (along <= max_depth).any() else along) - 1
    common = np.convolve(np.bincount(widths.astype(int)), (1, 2, 2, 1))[1:]
    first = int(np.argmax(common >= COMMON_FRACTION * common.max()))
    peak = first + int(np.argmax(common[first : first + 4]))
    return float(widths[np.abs(widths - peak) <= 2.5].mean())


def distance(mask: NDArray[np.bool_], reach: int) -> NDArray[np.float32]:
    """Euclidean distance of each pixel to the nearest in the mask, at most ``reach + 1``: along columns, then rows."""
    rows, far = np.arange(len(mask), dtype=np.float32)[:, None], np.float32(reach + 1)
    above = np.maximum.accumulate(np.where(mask, rows, -far), axis=0)
    below = np.minimum.accumulate(np.where(mask, rows, len(mask) + far)[::-1], axis=0)[::-1]
    nearest = np.minimum(np.minimum(rows - above, below - rows), far)
    squared = np.ascontiguousarray((nearest * nearest).T)
    best, moved = squared.copy(), np.empty_like(squared)
    for step in range(1, min(reach, len(best) - 1) + 1):
        if step % 4 == 1 and step * step >= best.max():  # no farther one is nearer
            break
        np.add(squared, np.float32(step * step), out=moved)
        np.minimum(best[step:], moved[:-step], out=best[step:])
        np.minimum(best[:-step], moved[step:], out=best[:-step])
    return np.sqrt(best.T)


def centerline(mask: NDArray[np.bool_], layers: int) -> NDArray[np.bool_]:
    """The ink (h, w) thinned to lines one pixel wide, from outside in, by at most ``layers`` pixels.

    Reference: Zhang and Suen 1984, "A fast parallel algorithm for thinning digital patterns".
    """
    line = bordered(mask, 1).view(np.uint8)
    row_length, pixels = line.shape[1], line.reshape(-1)  # its border keeps the ends of rows apart
    first = row_length + 1
    inner = pixels[first:-first]
    around = np.empty_like(inner)
    for _ in range(layers):
        before = np.count_nonzero(inner)
        for kept in _KEPT:
            around[:] = 0
            for row, column in reversed(NEIGHBORS):
                begin = row * row_length + column
                around += around
                around += pixels[begin : begin + len(around)]
            inner &= kept.take(around)
        if np.count_nonzero(inner) == before:
            break
    return line[1:-1, 1:-1].astype(bool)


def _kept(first: bool) -> NDArray[np.uint8]:
    """For each pattern of the eight neighbors, 1 where the pixel stays in the first or second half of a round, else 0.

    The last two by two pixels would all go at once; one of them is kept.
    """
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    count, changes = bits.sum(axis=1), ((bits == 0) & (np.roll(bits, -1, axis=1) == 1)).sum(axis=1)
    north, east, south, west = (bits[:, i] for i in (0, 2, 4, 6))
    held = (east & south & (north | west)) if first else (north & west & (east | south))
    corner = np.arange(256) == (0b11000001 if first else 0b00011100)  # its neighbors are those of a square's corner
    return 1 - ((count >= 2) & (count <= 6) & (changes == 1) & (held == 0) & ~corner).astype(np.uint8)


_KEPT = _kept(True), _kept(False)
