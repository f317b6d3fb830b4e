"""The options of training: what is refused, what is printed, and that they need no JAX."""

import subprocess
import sys
from dataclasses import fields

import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.nn import backprop
from jaxdoodle.nn.penalties import L2
from jaxdoodle.training.batches import SAMPLING
from jaxdoodle.training.config import (
    MATMUL_PRECISIONS,
    DataConfig,
    HardwareConfig,
    OptimizerConfig,
    RegularizationConfig,
    TrainConfig,
)
from jaxdoodle.training.steps.optimizers import OPTIMIZERS, SCHEDULES

REFUSED = [
    ({"epochs": 0}, "epochs is at least 1; got 0"),
    ({"epochs": 2, "steps": 5}, "epochs and steps are two ways to say how long; got 2 and 5"),
    ({"batch_size": 0}, "batch_size is at least 1; got 0"),
    ({"learning_rate": float("nan")}, "learning_rate is above 0; got nan"),
    ({"outliers": -1}, "outliers is at least 0; got -1"),
    ({"ema_decay": 1.0}, "ema_decay is at least 0 and below 1; got 1.0"),
    ({"clip_norm": 0.0}, "clip_norm is above 0; got 0.0"),
    ({"gradients": "torch"}, "'torch' is not known; there are hand, autodiff"),
    ({"sampling": "fair"}, "'fair' is not known; there are natural, balanced"),
    ({"optimizer": "adamm"}, "'adamm' is not known; there are sgd"),
    ({"schedule": "linear"}, "'linear' is not known; there are constant"),
    ({"learning_rate": float("inf")}, "learning_rate is above 0; got inf"),
    ({"epochs": 2.5}, "epochs is an integer; got 2.5"),
    ({"learning_rate": "fast"}, "learning_rate is a number; got 'fast'"),
    ({"optimizer": "adamm"}, "did you mean adam"),
    ({"schedule": "exponential"}, "schedule_decay of the schedule exponential is above 0 and at most 1; got 0.0"),
    ({"schedule": "exponential", "schedule_decay": 1.5}, "above 0 and at most 1; got 1.5"),
    ({"schedule": "inverse_time", "schedule_decay": float("nan")}, "schedule_decay is at least 0; got nan"),
    ({"batch_size": 32, "devices": 3}, "batch_size is a multiple of devices; got 32 and 3"),
    ({"penalties": 0.1}, "penalties are instances of nn.L1 and nn.L2; got 0.1"),
    ({"penalties": [None]}, "penalties are instances of nn.L1 and nn.L2; got None"),
    ({"class_weights": "fair"}, "class_weights are .balanced. or a number, at least 0, for each class; got 'fair'"),
    ({"class_weights": (1, -1)}, "class_weights are .* got .1, -1."),
    ({"schedule_decay": 0.5}, "schedule_decay is of exponential and inverse_time; the schedule cosine has none"),
    ({"patience": 0}, "patience is at least 1"),
    ({"seed": -1}, "seed is at least 0 and below 4,294,967,296; got -1"),
]


@pytest.mark.parametrize("changes, message", REFUSED)
def test_what_cannot_be_trained_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        TrainConfig(**changes)


def test_a_schedule_that_does_not_decay_is_accepted():
    assert TrainConfig(schedule="exponential", schedule_decay=1.0).schedule_decay == 1


@pytest.mark.parametrize(
    "name, table",
    [
        ("optimizer", OPTIMIZERS),
        ("schedule", SCHEDULES),
        ("sampling", SAMPLING),
        ("gradients", backprop.GRADIENTS),
        ("matmul_precision", MATMUL_PRECISIONS),
    ],
)
def test_the_names_that_are_accepted_are_those_of_the_tables(name, table):
    option = next(option for option in fields(TrainConfig) if option.name == name)
    assert option.metadata["choices"] == tuple(table)


def test_the_fields_of_the_groups_are_all_there_are():
    groups = (OptimizerConfig, RegularizationConfig, DataConfig, HardwareConfig)
    names = [option.name for group in groups for option in fields(group)]
    assert names == [option.name for option in fields(TrainConfig)]


def test_one_penalty_need_not_be_in_a_tuple():
    assert TrainConfig(penalties=L2(0.1)) == TrainConfig(penalties=[L2(0.1)]) == TrainConfig(penalties=(L2(0.1),))


def test_a_config_prints_what_is_not_the_default():
    assert repr(TrainConfig()) == "TrainConfig()"
    assert repr(TrainConfig(ema_decay=0.9, epochs=3)) == "TrainConfig(epochs=3, ema_decay=0.9)"


def test_the_options_are_known_without_jax():
    block = "import sys; sys.modules.update(jax=None, jaxlib=None, optax=None)"
    code = f"{block}; from jaxdoodle.training import Augment, TrainConfig; print(TrainConfig(augment=Augment()))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.startswith("TrainConfig(augment=Augment(rotate=10.0")
