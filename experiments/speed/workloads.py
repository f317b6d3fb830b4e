"""What is timed: the same network, images, batches and optimizer for every runtime."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data import load_dataset
from jaxdoodle.nn import Conv2D, Dense, ModelSpec
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn

DIGITS = tuple("0123456789")
TRAIN_IMAGES = 60_000


@dataclass(frozen=True)
class Workload:
    """``epochs`` passes over ``images`` images are one round, which is timed as a whole."""

    title: str
    spec: ModelSpec
    batch_size: int
    images: int
    epochs: int = 1
    optimizer: str = "adam"
    learning_rate: float = 1e-3

    @property
    def flops(self) -> int:
        """Of one round: two for each multiplication and addition of the matrix products that cannot be avoided.

        Forward, and backward to weights and to inputs; but the first layer with weights needs none of its inputs.
        """
        forward = []
        for layer, shape, after in zip(self.spec.layers, self.spec.shapes[:-1], self.spec.shapes[1:], strict=True):
            if isinstance(layer, Dense | Conv2D):
                places = math.prod(after[:-1])
                forward.append(2 * places * math.prod(layer.param_shapes(shape)["w"]))
        return (3 * sum(forward) - forward[0]) * self.images * self.epochs


WORKLOADS = {
    "W1": Workload("MLP 784-128-64-10", mlp(DIGITS, (128, 64), kernel_init="glorot_uniform"), 128, 60_000),
    "W2-32": Workload("digit CNN, 37,610 parameters", digit_cnn(DIGITS), 32, 60_000),
    "W2-128": Workload("digit CNN, 37,610 parameters", digit_cnn(DIGITS), 128, 60_000),
    "W3": Workload("sketch CNN, 500,985 parameters", sketch_cnn([str(i) for i in range(345)]), 128, 6_400),
    "W4": Workload(
        "784-1000-10, full batch, 500 steps",
        mlp(DIGITS, (1000,), kernel_init="glorot_uniform"),
        1000,
        1000,
        500,
        "sgd",
        0.1,
    ),
}


def load_data(root: str | None) -> tuple[str, tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Name, 60,000 training images and the test images, with labels: of MNIST, or without it of generated doodles.

    Of doodles, those to train on are repeated until they are as many.
    """
    try:
        splits = load_dataset("mnist", root=root, validation=0)
    except InputError:
        splits = load_dataset("doodles", root=root)
    index = np.arange(TRAIN_IMAGES) % len(splits.train)
    train = splits.train.images[index], splits.train.labels[index].astype(np.int32)
    return splits.name, train, (splits.test.images[:], splits.test.labels.astype(np.int32))
