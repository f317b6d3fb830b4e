"""scikit-learn's multilayer perceptron."""

from __future__ import annotations

import numpy as np

from experiments.speed.runtimes.trainer import SEED, Trainer
from experiments.speed.workloads import Workload
from jaxdoodle import nn as layers


def sklearn(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    """``MLPClassifier``, for networks that it can express."""
    from sklearn.neural_network import MLPClassifier

    hidden = [layer.units for layer in workload.spec.layers if isinstance(layer, layers.Dense)][:-1]
    net = MLPClassifier(
        hidden, solver=workload.optimizer, alpha=0, batch_size=workload.batch_size,
        learning_rate_init=workload.learning_rate, momentum=0, nesterovs_momentum=False, random_state=SEED,
    )  # fmt: skip
    x = (images / np.float32(255)).reshape(len(images), -1)

    def epoch():
        net.partial_fit(x, labels, classes=np.arange(10))
        return float(net.loss_curve_[-1])

    def predict(images):
        return net.predict((images / np.float32(255)).reshape(len(images), -1))

    return Trainer(epoch, predict, "cpu")
