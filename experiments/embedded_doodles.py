"""Trained on the built-in, generated drawings alone; scored on real ones of Quick, Draw!, class by class."""

from experiments.experiment import Experiment, Variant
from jaxdoodle.architectures import mlp, sketch_cnn
from jaxdoodle.augment import Augment
from jaxdoodle.train import TrainConfig

CONFIG = TrainConfig(epochs=15, schedule="one_cycle", learning_rate=2e-3, augment=Augment(), average=0.99)

EXPERIMENT = Experiment(
    dataset="doodles",
    per_class=4000,
    test_on=("quickdraw",),
    variants={"cnn": Variant(sketch_cnn, CONFIG), "mlp": Variant(lambda classes: mlp(classes, (128, 128)), CONFIG)},
)
