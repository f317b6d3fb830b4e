"""The built-in layers, one file per family; each is loaded when its name is asked for.

A new layer is its file, its name here and in the stub, and a section of ``nn/DERIVATIONS.md``.
"""

from jaxdoodle.core.exports import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    activations="Clip LeakyReLU ReLU Sigmoid Softmax Tanh",
    batchnorm="BatchNorm",
    conv2d="Conv2D",
    dense="Dense",
    dropout="Dropout",
    flatten="Flatten",
    padding="Pad2D",
    pooling="AvgPool2D GlobalAvgPool2D MaxPool2D",
    residual="Residual",
)
