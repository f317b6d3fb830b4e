"""The sketch network of "Convolution Neural Networks (CNNs)": 500,985 parameters for all 345 classes."""

from experiments.experiment import Experiment, Variant
from jaxdoodle.architectures import sketch_cnn
from jaxdoodle.train import TrainConfig

EXPERIMENT = Experiment(
    dataset="quickdraw",
    classes="all",
    claims={"test": 0.67, "validation": 0.65, "train": 0.66},
    variants={"report": Variant(sketch_cnn, TrainConfig(epochs=10, schedule="constant"))},
)
