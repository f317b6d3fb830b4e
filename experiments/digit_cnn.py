"""The digit network of "Convolution Neural Networks (CNNs)": 37,610 parameters, 10 epochs of batches of 32."""

from experiments.experiment import Experiment, Variant
from jaxdoodle.architectures import digit_cnn
from jaxdoodle.augment import Augment
from jaxdoodle.train import TrainConfig

EXPERIMENT = Experiment(
    dataset="mnist",
    claims={"test": 0.9916},
    validation=1 / 12,
    variants={
        "report": Variant(digit_cnn, TrainConfig(epochs=10, batch_size=32, schedule="constant")),
        "augmented": Variant(
            lambda classes: digit_cnn(classes, drop_rate=0.0),
            TrainConfig(
                epochs=40, batch_size=64, schedule="one_cycle", learning_rate=3e-3, augment=Augment(), average=0.999
            ),
        ),
    },
)
