"""The six filters of the lecture slides, as the kernels of one Conv2D layer, and a drawing to try them on."""

from __future__ import annotations

import numpy as np

from jaxdoodle.strokes.raster import rasterize

FILTERS: dict[str, np.ndarray] = {
    name: np.array(kernel, np.float32)
    for name, kernel in {
        "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
        "edge detection": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
        "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
        "box blur": [[1 / 9] * 3] * 3,
        # The slides give this kernel's third row two numbers, (0, -1); it is (1, 0, -1).
        "Sobel, vertical edges": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
        "Sobel, horizontal edges": [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
    }.items()
}


def house(size: int = 96) -> np.ndarray:
    """A house with a round window: edges in every direction. ``(size, size)`` float32, lines of 0.7 on a ground of 0.3.

    Grey on grey leaves room for a filter to show as darker than dark and lighter than light.
    """
    angles = np.linspace(0, 2 * np.pi, 40)
    strokes = [
        ([40, 40, 215, 215, 40], [110, 255, 255, 110, 110]),
        ([10, 128, 245, 10], [110, 0, 110, 110]),
        ([105, 105, 150, 150], [255, 170, 170, 255]),
        (128 + 24 * np.cos(angles), 68 + 24 * np.sin(angles)),
    ]
    return np.float32(0.3) + rasterize([strokes], size)[0] * np.float32(0.4 / 255)
