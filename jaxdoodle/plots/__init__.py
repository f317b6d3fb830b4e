"""Figures as PNG files: training curves, confusion matrices, grids of images, datasets, networks, gradients, drawings.

Each function writes one file, apart from ``draw_figures``, which writes all of a training run. matplotlib is imported
when the first figure is drawn; a module of this package, when one of its names is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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

__all__ = ["class_histogram", "confusion_matrix"]
__all__ += ["accuracy_curves", "cost_curve", "loss_curve"]
__all__ += ["contact_sheet", "stroke_order", "typical_drawings"]
__all__ += ["write_gif", "write_png", "write_svg"]
__all__ += ["gradient_errors"]
__all__ += ["filter_grid", "kernel_grid", "prediction_grid", "sample_grid"]
__all__ += ["model_diagram"]
__all__ += ["draw_steps"]
__all__ += ["draw_figures"]

#: Module -> its public names, for ``__getattr__``.
_NAMES = {
    "confusion": ("class_histogram", "confusion_matrix"),
    "curves": ("accuracy_curves", "cost_curve", "loss_curve"),
    "dataset": ("contact_sheet", "stroke_order", "typical_drawings"),
    "drawings": ("write_gif", "write_png", "write_svg"),
    "gradients": ("gradient_errors",),
    "image_grids": ("filter_grid", "kernel_grid", "prediction_grid", "sample_grid"),
    "network": ("model_diagram",),
    "preprocessing_steps": ("draw_steps",),
    "run_figures": ("draw_figures",),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
