"""All figures of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jaxdoodle.core.rows import spread
from jaxdoodle.metrics import confusion_counts
from jaxdoodle.nn import Conv2D, ModelSpec
from jaxdoodle.plots.confusion import class_histogram, confusion_matrix
from jaxdoodle.plots.curves import accuracy_curves, loss_curve
from jaxdoodle.plots.image_grids import kernel_grid, prediction_grid, sample_grid
from jaxdoodle.plots.network import model_diagram

if TYPE_CHECKING:
    from jaxdoodle.data.dataset import Splits
    from jaxdoodle.training.loop import TrainResult

#: Test images in the grid of predictions.
SHOWN = 60


def draw_figures(
    spec: ModelSpec, splits: Splits, result: TrainResult, predicted: NDArray[np.integer], out_dir: Path, *, title: str
) -> None:
    """Draw a training run: loss and accuracy per epoch, confusion matrix and predictions of the test set, class counts
    and samples of the training set, the network, and the kernels of its first Conv2D.

    Args:
      spec: The network.
      splits: The data that it was trained and tested on, in memory.
      result: What training returned.
      predicted: Predicted class of every test image, integers ``(n,)``.
      out_dir: Folder of the figures, created if needed: ``loss.png``, ``accuracy.png``, ``confusion.png``,
        ``predictions.png``, ``classes.png``, ``samples.png``, ``network.png`` and, with a Conv2D, ``kernels.png``.
      title: What was trained on what; heads every figure.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    history, train, test, classes = result.history, splits.train, splits.test, splits.test.classes
    scores = {"training": [epoch.training for epoch in history]}
    if len(splits.validation):
        scores["validation"] = [epoch.validation for epoch in history if epoch.validation]
    losses = {name: ([score.loss for score in scored], scored[0].total) for name, scored in scores.items()}
    counts = {name: ([score.correct for score in scored], scored[0].total) for name, scored in scores.items()}
    loss_curve(path=out_dir / "loss.png", title=title, **losses)
    accuracy_curves(path=out_dir / "accuracy.png", title=title, **counts)
    matrix = confusion_counts(test.labels, predicted, len(classes))

    def mistaken(label: int, answer: int) -> NDArray[np.uint8]:
        return test.images[(test.labels == label) & (predicted == answer)]

    confusion_matrix(matrix, classes, out_dir / "confusion.png", title=title, examples=mistaken)
    class_histogram(train.labels, classes, out_dir / "classes.png", title=title)
    order = np.argsort(test.index_in_class, kind="stable")  # every class in turn, though test sets come sorted
    firsts = order[: max(SHOWN, np.count_nonzero(test.index_in_class == 0))]
    shown = firsts[spread(len(firsts), SHOWN)]
    images, labels, answers = test.images[shown], test.labels[shown], predicted[shown]
    prediction_grid(images, labels, answers, classes, out_dir / "predictions.png", title=title)
    sample_grid(train.images, train.labels, classes, out_dir / "samples.png", title=title)
    model_diagram(spec, out_dir / "network.png", title=title)
    for layer, params in zip(spec.layers, result.params, strict=True):
        if isinstance(layer, Conv2D):
            kernel_grid(np.asarray(params["w"]), out_dir / "kernels.png", title=title)
            break
