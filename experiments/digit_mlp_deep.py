"""Yashwant Bhosale, "Hand-written Digit Recognition using Numpy": 784-128-64-10 on MNIST."""

from experiments.experiment import Experiment, Variant
from jaxdoodle.architectures import mlp
from jaxdoodle.augment import Augment
from jaxdoodle.train import TrainConfig

EXPERIMENT = Experiment(
    dataset="mnist",
    claims={"test": 0.978},
    validation=1 / 12,
    variants={
        "report": Variant(
            lambda classes: mlp(classes, (128, 64), init="normal(0.01)"), TrainConfig(epochs=10, schedule="constant")
        ),
        "augmented": Variant(
            lambda classes: mlp(classes, (128, 64)),
            TrainConfig(epochs=60, schedule="one_cycle", learning_rate=4e-3, augment=Augment(), average=0.999),
        ),
    },
)
