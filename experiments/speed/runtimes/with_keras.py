"""Keras on TensorFlow: ``fit``."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.speed.runtimes.trainer import SEED, Trainer
from experiments.speed.workloads import Workload
from jaxdoodle import nn as layers


def sequential(spec: layers.ModelSpec) -> Any:
    """The network as a ``keras.Sequential`` of logits, with the weights that Keras gives it.

    Args:
      spec: Of dense, convolutional, pooling, flattening, ReLU and dropout layers.
    """
    import keras as k

    make = {
        layers.Flatten: lambda layer: k.layers.Flatten(),
        layers.ReLU: lambda layer: k.layers.ReLU(),
        layers.Dropout: lambda layer: k.layers.Dropout(layer.drop_rate),
        layers.Dense: lambda layer: k.layers.Dense(layer.units),
        layers.MaxPool2D: lambda layer: k.layers.MaxPooling2D(layer.window),
        layers.Conv2D: lambda layer: k.layers.Conv2D(layer.filters, layer.kernel_size, padding=layer.padding.lower()),
    }
    return k.Sequential([k.Input(spec.input_shape)] + [make[type(one)](one) for one in spec.layers])


def keras(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    import keras as k
    import tensorflow as tf

    k.utils.set_random_seed(SEED)
    net = sequential(workload.spec)
    optimizer = {"adam": k.optimizers.Adam, "sgd": k.optimizers.SGD}[workload.optimizer](workload.learning_rate)
    net.compile(optimizer, k.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, size = images.astype(np.float32) / 255, workload.batch_size
    net.fit(x[:size], labels[:size], batch_size=size, verbose=0)

    def epoch():
        return net.fit(x, labels, batch_size=size, verbose=0).history["loss"][0]

    def predict(images):
        return net.predict(images.astype(np.float32) / 255, verbose=0).argmax(axis=1)

    return Trainer(epoch, predict, "gpu" if tf.config.list_physical_devices("GPU") else "cpu")
