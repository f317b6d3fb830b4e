from jaxdoodle.nn.layers.activations import Clip as Clip
from jaxdoodle.nn.layers.activations import LeakyReLU as LeakyReLU
from jaxdoodle.nn.layers.activations import ReLU as ReLU
from jaxdoodle.nn.layers.activations import Sigmoid as Sigmoid
from jaxdoodle.nn.layers.activations import Softmax as Softmax
from jaxdoodle.nn.layers.activations import Tanh as Tanh
from jaxdoodle.nn.layers.batchnorm import BatchNorm as BatchNorm
from jaxdoodle.nn.layers.conv2d import Conv2D as Conv2D
from jaxdoodle.nn.layers.dense import Dense as Dense
from jaxdoodle.nn.layers.dropout import Dropout as Dropout
from jaxdoodle.nn.layers.flatten import Flatten as Flatten
from jaxdoodle.nn.layers.padding import Pad2D as Pad2D
from jaxdoodle.nn.layers.pooling import AvgPool2D as AvgPool2D
from jaxdoodle.nn.layers.pooling import GlobalAvgPool2D as GlobalAvgPool2D
from jaxdoodle.nn.layers.pooling import MaxPool2D as MaxPool2D
from jaxdoodle.nn.layers.residual import Residual as Residual

__all__ = [
    "AvgPool2D", "BatchNorm", "Clip", "Conv2D", "Dense", "Dropout", "Flatten", "GlobalAvgPool2D", "LeakyReLU",
    "MaxPool2D", "Pad2D", "ReLU", "Residual", "Sigmoid", "Softmax", "Tanh",
]  # fmt: skip
