"""Bilal Ahmad, "Doodle Classifier": five Quick, Draw! classes, 784-128-128-5 with dropout and L2, Adam."""

from experiments.experiment import Experiment, Variant
from jaxdoodle.architectures import mlp, sketch_cnn
from jaxdoodle.augment import Augment
from jaxdoodle.penalties import L2
from jaxdoodle.train import TrainConfig

EXPERIMENT = Experiment(
    dataset="quickdraw",
    classes=("headphones", "bucket", "clock", "pizza", "hexagon"),
    claims={"test": 0.955, "train": 0.937},
    variants={
        "report": Variant(
            lambda classes: mlp(classes, (128, 128), drop_rate=0.2, init="glorot_uniform"),
            TrainConfig(
                epochs=30,
                optimizer="adam",
                learning_rate=1e-3,
                schedule="inverse_time",
                decay=1e-4,
                penalties=(L2(5e-4, layers=(1, 4)),),
            ),
        ),
        "cnn": Variant(
            sketch_cnn,
            TrainConfig(epochs=30, schedule="one_cycle", learning_rate=2e-3, augment=Augment(), average=0.99),
        ),
    },
)
