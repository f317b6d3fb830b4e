"""The sheet of paper in a photograph: a bright even quadrilateral on something darker, seen from straight above.

Its corners are the farthest points of its region, its sides lines fitted to the region's edge; the plane is projected
so that it becomes a rectangle. Where the sheet runs off the picture, or is torn, only what is beyond its edges is
blanked.
"""

from __future__ import annotations

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.paper.foreground import gray_of
from jaxdoodle.preprocessing.paper.regions import between, enlarged, filled, labeled, thicker
from jaxdoodle.preprocessing.resample import shrink
from jaxdoodle.preprocessing.stroke_width import distance

#: The sheet is looked for on so many cells a side, in pictures of so many pixels a side.
CELLS, LEAST_SIDE = 96, 48
#: Levels of gray that are told apart to find where the sheet ends.
LEVELS = 64
#: The sheet is brighter than what is around it by this much of 1, on average.
CONTRAST = 0.15
#: Across its edge, two cells to either side, the gray falls to this fraction; over a shadow's edge it falls less.
FALL = 0.55
#: Part of the picture that is sheet, least and most, and of the sheet that is not covered by ink.
AREA, BARE = (0.08, 0.97), 0.6
#: The sheet fills so much of the rows and columns between its edges, and of the quadrilateral of its corners.
CONVEX, SQUARE = 0.95, 0.93
#: What is beyond the sheet is along this fraction of the picture's edge; a drawing that the edge cuts off has less.
BEYOND = 0.16
#: Where less of the picture than this surrounds the sheet, or less of the picture's edge, that may be a frame which
#: was drawn.
BORDER, AROUND = 0.2, 0.9
#: What surrounds a sheet is no canvas where less of it than this is within a level of its median.
FLAT, LEVEL = 0.6, 1 / 255
#: Removed with what is around a sheet that may be drawn, as a frame is.
SHEET = "on the sheet"
#: The edge of the sheet that is left out, as a fraction of its sides.
INSET = 0.025


#: What ``sheet_of`` gives.
Sheet = tuple[str, NDArray[np.float32], bool, NDArray[np.float64] | None]


def sheet_of(pixels: NDArray[np.float32]) -> Sheet | None:
    """The sheet on a picture (h, w, channels), 0 to 1, as a picture of its own.

    Returns:
      The name of the step, the picture, whether it is certain to be a sheet that lies whole on something larger, and
      where it is, as ``Reading.place``; ``None`` where no sheet lies on something else.
    """
    if pixels.shape[2] == 4 or min(pixels.shape[:2]) < LEAST_SIDE:
        return None
    cell = -(-max(pixels.shape[:2]) // CELLS)
    gray = shrink(gray_of(pixels)[..., None], cell)[..., 0]
    level = _threshold(gray)
    bright = gray > level
    region = _largest(bright)
    if region is None or _border(region).all():  # all of the picture is a page
        return None
    sheet = filled(region)
    hull = between(sheet) & between(sheet.T).T
    outside = ~sheet
    if (
        not AREA[0] <= sheet.mean() <= AREA[1]
        or region.sum() < BARE * sheet.sum()
        or sheet.sum() < CONVEX * hull.sum()
        or _border(outside).mean() < BEYOND
        or gray[region].mean() - gray[outside].mean() < CONTRAST
        or (gray[outside] > level).mean() > 0.25
        or _fall(gray, sheet) > FALL
        or _depth(sheet & ~region) >= _depth(region)  # a bright outline, which is drawn
    ):
        return None
    around = _border(outside)
    whole = bool(outside.mean() > BORDER and around.mean() > AROUND and not _is_flat(gray[outside]))
    corners = _corners(sheet) if around.all() else None
    if corners is not None:
        picture, place = _projected(pixels, corners * cell)
        return "sheet, seen from above", picture, whole, place
    if around.all() and not whole:  # a round shape, which is drawn
        return None
    return "sheet, without what is beyond", _blanked(pixels, sheet, cell), whole, None


def _border(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.concatenate([region[0], region[-1], region[:, 0], region[:, -1]])


def _is_flat(gray: NDArray[np.float32]) -> bool:
    """Whether most of it is of one gray: the background of a canvas, which no desk in a photograph is."""
    return bool(np.mean(np.abs(gray - np.sort(gray)[len(gray) // 2]) < LEVEL) > FLAT)


def _threshold(gray: NDArray[np.float32]) -> float:
    """The gray that parts two groups best (Otsu 1979, "A threshold selection method from gray-level histograms")."""
    counts = np.bincount(np.clip(LEVELS * gray, 0, LEVELS - 1).astype(np.intp).ravel(), minlength=LEVELS)
    edges = np.arange(LEVELS + 1) / LEVELS
    middles = (edges[1:] + edges[:-1]) / 2
    below, total = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    best = np.nan_to_num(between)
    return float(edges[1:][np.flatnonzero(best >= 0.999 * best.max())].mean())


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    number = labeled(mask, diagonals=False)
    counts = np.bincount(number.ravel())
    counts[0] = 0
    return number == counts.argmax() if counts.any() else None


def _fall(gray: NDArray[np.float32], sheet: NDArray[np.bool_]) -> float:
    """The gray just outside the sheet, as a fraction of that just inside."""
    near, far = thicker(sheet, 1), thicker(sheet, 3)
    inner, core = ~thicker(~sheet, 1), ~thicker(~sheet, 3)
    outside, inside = np.sort(gray[far & ~near]), np.sort(gray[inner & ~core])
    return float(outside[len(outside) // 2] / inside[len(inside) // 2]) if len(outside) and len(inside) else 1.0


def _depth(mask: NDArray[np.bool_]) -> float:
    """Of all cells of the mask, the largest distance to one that is not in it."""
    return float(distance(~mask, CELLS).max())


def _corners(sheet: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """(4, 2) of (x, y) from top left on clockwise, in cells; ``None`` where the region is no quadrilateral."""
    inner = sheet & ~(
        sheet & np.roll(sheet, 1, 0) & np.roll(sheet, -1, 0) & np.roll(sheet, 1, 1) & np.roll(sheet, -1, 1)
    )
    y, x = np.nonzero(inner)
    points = np.stack([x, y], axis=1) + 0.5
    first = points[np.hypot(*(points - points.mean(axis=0)).T).argmax()]
    third = points[np.hypot(*(points - first).T).argmax()]
    across = (points - first) @ np.array([[0, 1], [-1, 0]]) @ (third - first)
    quad = np.array([first, points[across.argmax()], third, points[across.argmin()]])
    sides = []
    for a, b in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        along = (b - a) / max(np.hypot(*(b - a)), 1e-9)
        normal = np.array([-along[1], along[0]])
        reach, off = (points - a) @ along, np.abs((points - a) @ normal)
        near = points[(off < 2.5) & (reach > 0.1 * np.hypot(*(b - a))) & (reach < 0.9 * np.hypot(*(b - a)))]
        if len(near) < 4:
            return None
        middle = near.mean(axis=0)
        direction = np.linalg.svd(near - middle, full_matrices=False)[2][0]
        sides.append((np.array([-direction[1], direction[0]]), middle))
    corners = []
    for (n, p), (m, q) in zip(np.roll(np.array(sides), 1, axis=0), np.array(sides), strict=True):
        if abs(np.linalg.det(np.stack([n, m]))) < 0.3:
            return None
        corners.append(np.linalg.solve(np.stack([n, m]), [n @ p, m @ q]))
    found = np.array(corners)
    following = np.roll(found, -1, axis=0)
    area = (found[:, 0] * following[:, 1] - found[:, 1] * following[:, 0]).sum() / 2
    if not SQUARE <= sheet.sum() / max(abs(area), 1e-9) <= 1 / SQUARE:
        return None
    if area < 0:
        found = found[::-1]
    return np.roll(found, -int((found @ np.array([1, 1])).argmin()), axis=0)


def _projected(
    pixels: NDArray[np.float32], corners: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The quadrilateral of ``corners``, (x, y) in pixels, as a rectangle, less ``INSET`` on all sides; its place."""
    lengths = np.hypot(*(corners - np.roll(corners, -1, axis=0)).T)
    width, height = (max(8, round(float(lengths[i] + lengths[i + 2]) / 2)) for i in (0, 1))
    unit = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    rows, goal = [], []
    for (u, v), (x, y) in zip(unit, corners, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -x * u, -x * v], [0, 0, 0, u, v, 1, -y * u, -y * v]]
        goal += [x, y]
    h = np.append(np.linalg.solve(np.array(rows), np.array(goal)), 1).reshape(3, 3)
    inner = 1 - 2 * INSET
    place = h @ np.array([(inner / width, 0, INSET), (0, inner / height, INSET), (0, 0, 1)])
    across, down = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    x, y, w = (row[0] * across + row[1] * down + row[2] for row in place)
    return _sampled(pixels, x / w - 0.5, y / w - 0.5), place


def _sampled(pixels: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
    """The picture at any points, linear between the middles of the pixels."""
    x, y = (np.clip(at, 0, n - 1.001) for at, n in ((x, pixels.shape[1]), (y, pixels.shape[0])))
    left, top = x.astype(int), y.astype(int)
    along, down = ((at - at.astype(int)).astype(np.float32)[..., None] for at in (x, y))
    right, below = np.minimum(left + 1, pixels.shape[1] - 1), np.minimum(top + 1, pixels.shape[0] - 1)
    upper = pixels[top, left] * (1 - along) + pixels[top, right] * along
    return upper * (1 - down) + (pixels[below, left] * (1 - along) + pixels[below, right] * along) * down


def _blanked(pixels: NDArray[np.float32], sheet: NDArray[np.bool_], cell: int) -> NDArray[np.float32]:
    """The picture with each row continued from the sheet to where it is not."""
    mask = enlarged(~thicker(~sheet, 2), cell, pixels.shape)
    lines = np.flatnonzero(mask.any(axis=1))
    if not len(lines):
        return pixels
    first, last = mask.argmax(axis=1), mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
    nearest = lines[np.abs(np.arange(len(mask))[:, None] - lines).argmin(axis=1)]
    columns = np.clip(np.arange(mask.shape[1]), first[nearest][:, None], last[nearest][:, None])
    return pixels[nearest[:, None], columns]
