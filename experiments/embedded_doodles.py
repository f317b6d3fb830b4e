"""Trained on the built-in, generated drawings alone; scored on the real ones of Quick, Draw!, class by class."""

from experiments.experiment import Experiment, Variant
from jaxdoodle.architectures import digit_cnn, mlp
from jaxdoodle.train import TrainConfig

EXPERIMENT = Experiment(
    dataset="doodles",
    classes=("headphones", "bucket", "clock", "pizza", "hexagon"),
    per_class=2000,
    test_on=("quickdraw",),
    variants={
        "cnn": Variant(digit_cnn, TrainConfig(epochs=8, learning_rate=2e-3)),
        "mlp": Variant(lambda classes: mlp(classes, (128, 128), drop_rate=0.2), TrainConfig(epochs=15)),
    },
)
