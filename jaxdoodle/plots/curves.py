"""Loss, cost and accuracy over time. Each function takes plain arrays and writes one PNG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from jaxdoodle.metrics import wilson_interval
from jaxdoodle.plots.style import BLUE, ORANGE, RED, figure

#: One value per epoch ``(epochs,)``, and the number of images that each was computed on.
Scores = tuple[ArrayLike, int]
TRAINING = "training metrics, during the epoch"


def loss_curve(training: Scores, path: Path | str, *, title: str, validation: Scores | None = None) -> None:
    """Draw the loss per epoch.

    Args:
      training: Mean losses during each epoch (dropout and augmentation on), and the number of training images.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.
      validation: Mean losses after each epoch, and the number of validation images.
    """
    note = f"Mean over {training[1]:,} training images while their epoch ran"
    if validation:
        note += f"; over {validation[1]:,} validation images after it"
    with figure(path, 3.2, f"{title}: loss per epoch", note) as page:
        axes = _epoch_axes(page, "loss", training[0])
        if validation:
            _curve(axes, validation[0], ORANGE, "validation")
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper right")


def cost_curve(costs: ArrayLike, reported: Mapping[int, float], path: Path | str, *, title: str, images: int) -> None:
    """Draw the cost before each step of full-batch gradient descent, on a log scale.

    Args:
      costs: Floats ``(steps,)``.
      reported: Published costs to compare with, ``{step: cost}``, drawn as dots.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.
      images: Number of training images.
    """
    costs = np.asarray(costs, float)
    note = f"Full-batch gradient descent on {images:,} images, {len(costs):,} steps. Dots: the values the report prints"
    with figure(path, 3.2, f"{title}: cost per step", note) as page:
        axes = page.add_subplot(xlabel="steps taken", ylabel="cost (log scale)", yscale="log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.plot(costs, color=BLUE, label="jaxdoodle")
        axes.plot(*zip(*sorted(reported.items()), strict=True), "o", color=RED, markersize=5, label="report")
        axes.legend()


def accuracy_curves(training: Scores, path: Path | str, *, title: str, validation: Scores | None = None) -> None:
    """Draw the accuracy per epoch, with 95 % intervals of the validation accuracy.

    Args:
      training: Numbers of correct predictions during each epoch (weights change, dropout and augmentation are on;
        labeled as training metrics for that reason), integers, and the number of training images.
      path: PNG file to write.
      title: Model or dataset, say; the figure's heading begins with it.
      validation: Numbers of correct predictions after each epoch, integers, and the number of validation images.
    """
    note = f"{training[1]:,} training images, while their epoch ran"
    if validation:
        note += f"; {validation[1]:,} validation images, after it, with 95 % intervals"
    with figure(path, 3.2, f"{title}: accuracy per epoch", note) as page:
        axes = _epoch_axes(page, "accuracy (%)", 100 * np.asarray(training[0]) / training[1])
        if validation:
            correct, total = np.asarray(validation[0]), validation[1]
            low, high = np.transpose([wilson_interval(int(c), total) for c in correct])
            axes.fill_between(np.arange(1, len(correct) + 1), 100 * low, 100 * high, color=ORANGE, alpha=0.2, lw=0)
            best = int(np.argmax(correct))
            label = f"validation (best {100 * correct[best] / total:.2f} % after epoch {best + 1})"
            _curve(axes, 100 * correct / total, ORANGE, label)
        axes.legend(loc="lower right")


def _epoch_axes(page, ylabel, training):
    """Axes with a curve of training metrics."""
    from matplotlib.ticker import MaxNLocator

    axes = page.add_subplot(xlabel="epoch", ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _curve(axes, training, BLUE, TRAINING)
    return axes


def _curve(axes, values, color, label):
    values = np.asarray(values, float)
    marker = "o" if len(values) <= 40 else None
    axes.plot(np.arange(1, len(values) + 1), values, color=color, label=label, marker=marker, markersize=3.5)
