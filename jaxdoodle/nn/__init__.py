"""Layers, losses, penalties and the networks they make: what they compute, and its gradient derived by hand.

``README.md`` beside this file holds the contract of a layer, ``DERIVATIONS.md`` every formula step by step. A name is
loaded when it is asked for; descriptions work without JAX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxdoodle.core.exports import exports
from jaxdoodle.nn import layers

if TYPE_CHECKING:
    from jaxdoodle.nn.architectures import ACTIVATIONS, digit_cnn, mlp, sketch_cnn
    from jaxdoodle.nn.backprop import as_custom_vjp, autodiff, value_and_grad
    from jaxdoodle.nn.base import Layer, Loss, SpecError, layer, loss
    from jaxdoodle.nn.layers import (
        AvgPool2D,
        BatchNorm,
        Conv2D,
        Dense,
        Dropout,
        Flatten,
        GlobalAvgPool2D,
        LeakyReLU,
        MaxPool2D,
        ReLU,
        Residual,
        Sigmoid,
        Softmax,
        Tanh,
    )
    from jaxdoodle.nn.losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy
    from jaxdoodle.nn.model import Aux, apply, init, loss_fn
    from jaxdoodle.nn.penalties import L1, L2
    from jaxdoodle.nn.spec import ModelSpec

__all__ = [
    "ACTIVATIONS", "Aux", "AvgPool2D", "BatchNorm", "BinaryCrossEntropy", "Conv2D", "Dense", "Dropout", "Flatten",
    "GlobalAvgPool2D", "L1", "L2", "Layer", "LeakyReLU", "Loss", "MaxPool2D", "MeanSquaredError", "ModelSpec", "ReLU",
    "Residual", "Sigmoid", "Softmax", "SoftmaxCrossEntropy", "SpecError", "Tanh", "apply", "as_custom_vjp", "autodiff",
    "digit_cnn", "init", "layer", "loss", "loss_fn", "mlp", "sketch_cnn", "value_and_grad",
]  # fmt: skip


__getattr__, __dir__ = exports(
    __name__,
    architectures="ACTIVATIONS digit_cnn mlp sketch_cnn",
    backprop="as_custom_vjp autodiff value_and_grad",
    base="Layer Loss SpecError layer loss",
    layers=" ".join(layers.__all__),
    losses="BinaryCrossEntropy MeanSquaredError SoftmaxCrossEntropy",
    model="Aux apply init loss_fn",
    penalties="L1 L2",
    spec="ModelSpec",
)
