"""Layers: for each kind how it starts, computes and propagates errors back. ``RULES`` is the whole table."""

from jaxdoodle.nn import spec
from jaxdoodle.nn.base import Params, Rule
from jaxdoodle.nn.layers import activations, batchnorm, conv2d, dense, dropout, flatten, pooling

__all__ = ["RULES", "Params", "Rule"]

RULES: dict[type[spec.Layer], Rule] = {
    spec.Dense: dense.RULE,
    spec.Conv2D: conv2d.RULE,
    spec.MaxPool2D: pooling.MAX,
    spec.AvgPool2D: pooling.AVG,
    spec.GlobalAvgPool2D: pooling.GLOBAL_AVG,
    spec.Flatten: flatten.RULE,
    spec.ReLU: activations.RELU,
    spec.LeakyReLU: activations.LEAKY_RELU,
    spec.Sigmoid: activations.SIGMOID,
    spec.Tanh: activations.TANH,
    spec.Softmax: activations.SOFTMAX,
    spec.Dropout: dropout.RULE,
    spec.BatchNorm: batchnorm.RULE,
}
