"""A wrong gradient beside the right one and their difference, entry by entry."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxdoodle.gradcheck import CheckError, Report
from jaxdoodle.plots.style import import_matplotlib


def gradient_errors(report: Report, path: Path | str, leaf: str | None = None) -> None:
    """Draw one wrong gradient of a check: the returned array, the right one and their difference.

    Args:
      report: The result of a check.
      path: Image to write; its suffix chooses the format.
      leaf: Name of an argument with a wrong gradient; by default the first.

    Raises:
      CheckError: If no gradient is wrong, that of ``leaf`` is not, or its shape is not that of the right one.
    """
    import_matplotlib()
    import matplotlib.figure
    from matplotlib.ticker import MaxNLocator

    if not report.arrays:
        raise CheckError(f"{report.title}: no gradient is wrong; there is nothing to draw")
    name = next(iter(report.arrays)) if leaf is None else leaf
    if name not in report.arrays:
        raise CheckError(f"{report.title}: {name!r} is not a wrong gradient; wrong are {', '.join(report.arrays)}")
    got, want = report.arrays[name]
    if got.shape != want.shape:
        raise CheckError(f"{report.title}: {name} has shape {want.shape}, its gradient came in {got.shape}")
    panels = {"returned": _flat(got), "right": _flat(want), "difference": _flat(got - want)}
    figure = matplotlib.figure.Figure(figsize=(10, 3.4), layout="constrained")
    axes = figure.subplots(1, 3)
    limit = max(float(np.nanmax(np.abs(panels[k]))) for k in ("returned", "right")) or 1.0
    for ax, (title, values) in zip(axes, panels.items(), strict=True):
        top = limit if title != "difference" else float(np.nanmax(np.abs(values))) or 1.0
        image = ax.imshow(values, cmap="RdBu_r", vmin=-top, vmax=top, aspect="auto", interpolation="nearest")
        ax.set_title(title)
        ax.set_xlabel("column")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
        figure.colorbar(image, ax=ax, shrink=0.85)
    axes[0].set_ylabel("row")
    figure.suptitle(f"{report.title}: gradient of {name} {want.shape}")
    figure.savefig(path, dpi=120)


def _flat(x: np.ndarray) -> np.ndarray:
    """As two-dimensional floats: a vector is one row; of four axes 0 and 1 give the rows, 3 and 2 the columns, so that
    the channels of an image are side by side."""
    x = np.asarray(x, float)
    if x.ndim == 4:
        return x.transpose(0, 1, 3, 2).reshape(x.shape[0] * x.shape[1], -1)
    return x.reshape(1, -1) if x.ndim < 2 else x.reshape(x.shape[0], -1)
