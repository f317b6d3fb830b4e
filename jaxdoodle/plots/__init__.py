"""Figures as PNG files: training curves, confusion matrices, grids of images, datasets, networks, gradients, drawings.

Each function writes one file, apart from ``draw_figures``, which writes all of a training run. matplotlib is imported
when the first figure is drawn; a module of this package, when one of its names is used.
"""

from jaxdoodle.core.exports import exports

__getattr__, __dir__, __all__ = exports(
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
