"""``digits``: the ten digits of MNIST by the digit network of 37,610 parameters, the best recipe of ``digit_cnn``."""

from __future__ import annotations

from functools import partial

from experiments.declaration import Experiment
from experiments.pretrained import making
from experiments.reports import digit_cnn

EXPERIMENT = Experiment(
    dataset="mnist",
    validation=digit_cnn.EXPERIMENT.validation,
    variants={"augmented": digit_cnn.EXPERIMENT.variants["augmented"]},
)
run = partial(making.run, "digits", EXPERIMENT)
