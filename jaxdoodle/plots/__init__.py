"""Figures as PNG files: training curves, confusion matrices, grids of images, datasets, networks, gradients, drawings.

Each function writes one file, apart from ``draw_figures``, which writes all of a training run. matplotlib is imported
when the first figure is drawn; a module of this package, when one of its names is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxdoodle.core.exports import exports

if TYPE_CHECKING:
    from jaxdoodle.plots.confusion import class_histogram, confusion_matrix
    from jaxdoodle.plots.curves import accuracy_curves, cost_curve, loss_curve
    from jaxdoodle.plots.dataset import contact_sheet, stroke_order, typical_drawings
    from jaxdoodle.plots.drawings import write_gif, write_png, write_svg
    from jaxdoodle.plots.gradients import gradient_errors
    from jaxdoodle.plots.image_grids import filter_grid, kernel_grid, prediction_grid, sample_grid
    from jaxdoodle.plots.network import model_diagram
    from jaxdoodle.plots.preprocessing_steps import draw_steps
    from jaxdoodle.plots.run_figures import draw_figures

__all__ = [
    "accuracy_curves", "class_histogram", "confusion_matrix", "contact_sheet", "cost_curve", "draw_figures",
    "draw_steps", "filter_grid", "gradient_errors", "kernel_grid", "loss_curve", "model_diagram", "prediction_grid",
    "sample_grid", "stroke_order", "typical_drawings", "write_gif", "write_png", "write_svg",
]  # fmt: skip

__getattr__, __dir__ = exports(
    __name__,
    confusion="class_histogram confusion_matrix",
    curves="accuracy_curves cost_curve loss_curve",
    dataset="contact_sheet stroke_order typical_drawings",
    drawings="write_gif write_png write_svg",
    gradients="gradient_errors",
    image_grids="filter_grid kernel_grid prediction_grid sample_grid",
    network="model_diagram",
    preprocessing_steps="draw_steps",
    run_figures="draw_figures",
)
