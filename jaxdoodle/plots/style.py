"""What all figures share: size, colors that differ for every color vision, a heading with a note, and the PNG writer.

matplotlib is imported inside the functions that use it, since importing it takes most of a second.
"""

from __future__ import annotations

import os
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from jaxdoodle.core.errors import install_hint

if TYPE_CHECKING:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

# Okabe and Ito (2008), "Color Universal Design".
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
INK, MUTED, LINE, SHADE = "#222222", "#666666", "#d0d0d0", "#f3f3f3"

WIDTH = 7.0  # inches; at this resolution 1,050 pixels, shown by a README at about 850
DPI = 150

_RC = {
    **{"font.family": "DejaVu Sans", "font.size": 9, "grid.color": "#e6e6e6"},
    **{"axes.linewidth": 0.8, "grid.linewidth": 0.7, "lines.linewidth": 1.8},
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), MUTED),
    **dict.fromkeys(("axes.grid", "axes.axisbelow"), True),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    "text.parse_math": False,  # a class may have dollar signs in its name
}


@contextmanager
def figure(path: Path | str, height: float, heading: str, note: str) -> Iterator[Figure]:
    """Context manager: a matplotlib figure to draw on, written as a PNG when the block ends without an exception.

    The user's matplotlib settings and backend are neither used nor changed. Equal figures give equal bytes.

    Args:
      path: PNG file to write; 1,050 pixels wide.
      height: Inches below the heading.
      heading: One line in bold, cut to 64 characters.
      note: Text below the heading, wrapped: what is shown and of how many images.

    Yields:
      The figure, ``WIDTH`` inches wide, with a constrained layout below the heading.

    Raises:
      ImportError: If matplotlib is not installed.
    """
    try:
        import_matplotlib()
        import matplotlib.style
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(f"figures need matplotlib; {install_hint('train')}.") from None

    lines = textwrap.wrap(note.replace(" %", "\u00a0%"), 105)
    total = 0.42 + 0.17 * len(lines) + height
    with matplotlib.style.context(_RC, after_reset=True):
        page = Figure((WIDTH, total), DPI)
        canvas = FigureCanvasAgg(page)
        page.set_layout_engine("constrained", rect=(0, 0, 1, height / total), w_pad=0.08, h_pad=0.06)
        left, top, below = 0.1 / WIDTH, 1 - 0.1 / total, 1 - 0.36 / total
        page.text(left, top, fit(heading, 64), size=12, weight="bold", va="top")
        page.text(left, below, "\n".join(lines), color=MUTED, va="top", linespacing=1.3)
        yield page
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a name with an emoji is a box
            canvas.draw()
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    # 256 colors are plenty for a chart, and make the file a third of the size
    pixels.quantize(256, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)


def import_matplotlib() -> None:
    """Import matplotlib also where ``$MPLBACKEND`` names a backend that is not here: no figure of ours uses it."""
    named = os.environ.pop("MPLBACKEND", None)  # an import that fails half-way cannot be made again
    try:
        import matplotlib
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named
    if named:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = named


def fit(text: str, length: int) -> str:
    """The text, cut to ``length`` characters with an ellipsis if it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def gradient(*colors: str) -> LinearSegmentedColormap:
    """A color map from the first color at the lowest value to the last at the highest."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("gradient", colors)
