"""A diagram of a network: one box per layer, with its settings, its output shape and its number of parameters."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

from jaxdoodle.core.types import Shape
from jaxdoodle.nn import Layer, ModelSpec
from jaxdoodle.plots.style import BLUE, INK, LINE, MUTED, SHADE, WIDTH, figure

ROW = 0.44  # inches from box to box
HEADER = 0.25
SHEETS = 8  # most feature maps drawn of a stack

# Inches from the left, of what a row shows.
OUTPUT, BOX, BOX_END, SHAPE, COUNT = 0.75, 1.5, 4.95, 5.85, 6.85


def model_diagram(spec: ModelSpec, path: Path | str, *, title: str) -> None:
    """Draw a network from its input on top to its outputs below; layers with parameters are blue.

    Left of each box is its output: feature maps as a stack of at most 8 rectangles, features as a bar.

    Args:
      spec: The network.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.
    """
    heading = f"{title}: a network of {spec.param_count:,} parameters"
    learning = sum(map(bool, spec.param_shapes))
    note = f"{len(spec.layers)} layers, {learning} of them with parameters (blue)"
    rows = len(spec.layers) + 1
    with figure(path, ROW * rows + HEADER, heading, note) as page:
        axes = page.add_subplot()
        axes.axis("off")
        axes.set(xlim=(0, WIDTH), ylim=(rows * ROW, -HEADER), aspect="equal")
        for x, text in ((OUTPUT, "output"), (SHAPE, "output shape"), (COUNT, "parameters")):
            align = "center" if x == OUTPUT else "right"
            axes.text(x, -HEADER / 2, text, color=MUTED, va="center", ha=align)
        images = [n for shape in spec.shapes if len(shape) == 3 for n in shape[:2]]
        features = [math.prod(shape) for shape in spec.shapes if len(shape) != 3]
        for row, shape in enumerate(spec.shapes):
            _output(axes, OUTPUT, (row + 0.5) * ROW, shape, max(images, default=1), max(features, default=1))
        _row(axes, 0, "Input", "", spec.input_shape, None)
        for row, (layer, shape, params) in enumerate(
            zip(spec.layers, spec.shapes[1:], spec.param_shapes, strict=True), start=1
        ):
            count = sum(math.prod(p) for p in params.values())
            _row(axes, row, type(layer).__name__, settings(layer), shape, count)


def settings(layer: Layer) -> str:
    """The fields of a layer as text: ``"filters 8, kernel size 5×5, padding VALID"``.

    Left out: initializers, a stride of 1, and a stride that equals the window.
    """
    texts = []
    for field in fields(layer):  # type: ignore[arg-type]
        value = getattr(layer, field.name)
        defaults = (1, 1), getattr(layer, "window", None)
        if field.name.endswith("init") or (field.name == "stride" and value in defaults):
            continue
        text = "×".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
        texts.append(f"{field.name.replace('_', ' ')} {text}")
    return ", ".join(texts)


def _row(axes, row, kind, details, shape, count):
    from matplotlib.patches import FancyBboxPatch

    middle, height = (row + 0.5) * ROW, 0.62 * ROW
    if row > 0:
        arrow = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
        x = (BOX + BOX_END) / 2
        axes.annotate("", (x, middle - height / 2), (x, middle - ROW + height / 2), arrowprops=arrow)
    corner, style = (BOX, middle - height / 2), "round,pad=0,rounding_size=0.05"
    fill, edge = ("#dcebf5", BLUE) if count else (SHADE, LINE)
    axes.add_patch(FancyBboxPatch(corner, BOX_END - BOX, height, style, facecolor=fill, edgecolor=edge))
    axes.text(BOX + 0.1, middle, kind, weight="bold", va="center")
    axes.text(BOX_END - 0.1, middle, details, color=MUTED, size=8, va="center", ha="right")
    axes.text(SHAPE, middle, "×".join(map(str, shape)), va="center", ha="right")
    if count is not None:
        axes.text(COUNT, middle, f"{count:,}" if count else "–", color=INK if count else MUTED, va="center", ha="right")


def _output(axes, x, y, shape: Shape, largest: int, widest: int):
    """At (x, y) feature maps as rectangles to scale; features as a bar, its length by the square root."""
    from matplotlib.patches import Rectangle

    if len(shape) == 3:
        height, width = (max(0.62 * ROW * n / largest, 0.02) for n in shape[:2])
        sheets = min(shape[2], SHEETS)
    else:
        height, width, sheets = 0.09, max(1.2 * math.sqrt(math.prod(shape) / widest), 0.02), 1
    step = 0.04
    left, top = x - (width + step * (sheets - 1)) / 2, y - (height - 0.3 * step * (sheets - 1)) / 2
    for sheet in reversed(range(sheets)):
        corner = left + step * sheet, top - 0.3 * step * sheet
        axes.add_patch(Rectangle(corner, width, height, facecolor="white", edgecolor=MUTED, linewidth=0.6))
