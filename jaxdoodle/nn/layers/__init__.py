"""The built-in layers, one file per family; each is loaded when its name is asked for.

A new layer is its file, its name here, and a section of ``nn/DERIVATIONS.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxdoodle.core.exports import exports

if TYPE_CHECKING:
    from jaxdoodle.nn.layers.activations import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
    from jaxdoodle.nn.layers.batchnorm import BatchNorm
    from jaxdoodle.nn.layers.conv2d import Conv2D
    from jaxdoodle.nn.layers.dense import Dense
    from jaxdoodle.nn.layers.dropout import Dropout
    from jaxdoodle.nn.layers.flatten import Flatten
    from jaxdoodle.nn.layers.pooling import AvgPool2D, GlobalAvgPool2D, MaxPool2D
    from jaxdoodle.nn.layers.residual import Residual

__all__ = [
    "AvgPool2D", "BatchNorm", "Conv2D", "Dense", "Dropout", "Flatten", "GlobalAvgPool2D", "LeakyReLU", "MaxPool2D",
    "ReLU", "Residual", "Sigmoid", "Softmax", "Tanh",
]  # fmt: skip


__getattr__, __dir__ = exports(
    __name__,
    activations="LeakyReLU ReLU Sigmoid Softmax Tanh",
    batchnorm="BatchNorm",
    conv2d="Conv2D",
    dense="Dense",
    dropout="Dropout",
    flatten="Flatten",
    pooling="AvgPool2D GlobalAvgPool2D MaxPool2D",
    residual="Residual",
)
