"""The networks of the reports as specs."""

from __future__ import annotations

from collections.abc import Sequence

from jaxdoodle.nn.base import Layer
from jaxdoodle.nn.layers.activations import LeakyReLU, ReLU, Sigmoid, Tanh
from jaxdoodle.nn.layers.conv2d import Conv2D
from jaxdoodle.nn.layers.dense import Dense
from jaxdoodle.nn.layers.dropout import Dropout
from jaxdoodle.nn.layers.flatten import Flatten
from jaxdoodle.nn.layers.pooling import MaxPool2D
from jaxdoodle.nn.spec import ModelSpec

__all__ = ["ACTIVATIONS", "digit_cnn", "mlp", "sketch_cnn"]

IMAGE = (28, 28, 1)

#: Activations by the name that a user enters.
ACTIVATIONS: dict[str, Layer] = {"relu": ReLU(), "leaky_relu": LeakyReLU(), "sigmoid": Sigmoid(), "tanh": Tanh()}


def mlp(
    classes: Sequence[str],
    hidden: Sequence[int] = (128,),
    activation: Layer = ReLU(),  # noqa: B008 - frozen
    drop_rate: float = 0.0,
    kernel_init: str = "he_normal",
    input_shape: tuple[int, ...] = IMAGE,
) -> ModelSpec:
    """Flatten, then for each size in ``hidden`` Dense, activation and (if asked) Dropout, then one score per class.

    Args:
      classes: Names of the outputs.
      hidden: Units of each hidden layer.
      activation: After each hidden layer.
      drop_rate: Fraction that dropout zeroes after each activation; 0 for no dropout.
      kernel_init: Initializer of the weights, as for ``Dense``.
      input_shape: Shape of one image, (height, width, channels).

    Returns:
      The spec; it names the classes.
    """
    layers: list[Layer] = [Flatten()]
    for units in hidden:
        layers += [Dense(units, kernel_init), activation]
        if drop_rate:
            layers.append(Dropout(drop_rate))
    return ModelSpec((*layers, Dense(len(classes), kernel_init)), input_shape, tuple(classes))


def digit_cnn(classes: Sequence[str], drop_rate: float = 0.2, input_shape: tuple[int, ...] = IMAGE) -> ModelSpec:
    """The digit network of "Convolution Neural Networks (CNNs)": 37,610 parameters for ten classes at 28 x 28.

    Images of less than 16 pixels a side are padded in its convolutions, which else would leave nothing of them.

    Args:
      classes: Names of the outputs.
      drop_rate: Fraction that dropout zeroes before the last layer.
      input_shape: Shape of one image, (height, width, channels).

    Returns:
      The spec; it names the classes.
    """
    padding = "VALID" if min(input_shape[:2]) >= 16 else "SAME"
    layers = (
        Conv2D(8, 5, padding=padding), ReLU(), MaxPool2D(),
        Conv2D(16, 5, padding=padding), ReLU(), MaxPool2D(),
        Flatten(), Dense(128), ReLU(), Dropout(drop_rate), Dense(len(classes)),
    )  # fmt: skip
    return ModelSpec(layers, input_shape, tuple(classes))


def sketch_cnn(classes: Sequence[str], input_shape: tuple[int, ...] = IMAGE) -> ModelSpec:
    """The sketch network of the same slides: 500,985 parameters for 345 classes.

    Args:
      classes: Names of the outputs.
      input_shape: Shape of one image, (height, width, channels).

    Returns:
      The spec; it names the classes.
    """
    layers = (
        Conv2D(32, 5, padding="SAME"), ReLU(), MaxPool2D(),
        Conv2D(32, 3, padding="SAME"), ReLU(), MaxPool2D(),
        Conv2D(64, 3, padding="SAME"), ReLU(), MaxPool2D(),
        Flatten(), Dense(512), ReLU(), Dense(len(classes)),
    )  # fmt: skip
    return ModelSpec(layers, input_shape, tuple(classes))
