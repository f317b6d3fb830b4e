"""The figures of a run: what the reports show, as PNG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxdoodle.confusion import confusion_counts
from jaxdoodle.nn.spec import Conv2D
from jaxdoodle.plots import confusion, curves, image_grids, network

if TYPE_CHECKING:
    from jaxdoodle.run import Run

#: Drawings in a grid of predictions.
SHOWN = 60


def draw_figures(run: Run, out_dir: Path, *, title: str) -> None:
    """Loss, accuracy, confusion, classes, predictions, samples, network and (with a Conv2D) kernels."""
    out_dir.mkdir(parents=True, exist_ok=True)
    history, splits = run.fit.history, run.splits
    validated = bool(len(splits.validation))
    for name, draw, score in (
        ("loss", curves.loss_curve, lambda e: e.loss),
        ("accuracy", curves.accuracy_curves, lambda e: e.correct),
    ):
        training = [score(epoch.training) for epoch in history], history[0].training.total
        validation = ([score(e.validation) for e in history], len(splits.validation)) if validated else None
        draw(training, out_dir / f"{name}.png", title=title, validation=validation)

    test, predicted = splits.test, run.predicted["test"]
    matrix = confusion_counts(test.labels, predicted, len(test.classes))
    confusion.confusion_matrix(matrix, test.classes, out_dir / "confusion.png", title=title)
    confusion.class_histogram(splits.train.labels, test.classes, out_dir / "classes.png", title=title)
    shown = np.argsort(test.places, kind="stable")[:SHOWN]  # every class in turn, though test sets come sorted
    image_grids.prediction_grid(
        test.images[shown],
        test.labels[shown],
        predicted[shown],
        test.classes,
        out_dir / "predictions.png",
        title=title,
    )
    image_grids.samples(splits.train.images, splits.train.labels, test.classes, out_dir / "samples.png", title=title)
    network.model_diagram(run.spec, out_dir / "network.png", title=title)
    for layer, params in zip(run.spec.layers, run.fit.params, strict=True):
        if isinstance(layer, Conv2D):
            image_grids.kernel_gallery(np.asarray(params["w"]), out_dir / "kernels.png", title=title)
            break
