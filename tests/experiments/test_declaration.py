"""Experiments are declared in full: the reports' networks, variants that can be built, a text with the result."""

import importlib

import pytest

from experiments import NAMES
from experiments.declaration import Experiment
from jaxdoodle.training.steps.optimizers import OPTIMIZERS, SCHEDULES

DECLARED = {
    name: module.EXPERIMENT for name in NAMES if hasattr(module := importlib.import_module(NAMES[name]), "EXPERIMENT")
}
CLASSES = {"sketch_cnn": [f"class {n}" for n in range(345)], "mnist": [str(n) for n in range(10)]}
PARAMETERS = {
    "doodle_mlp": 117_637,
    "digit_cnn": 37_610,
    "sketch_cnn": 500_985,
    "mini_mnist_mlp": 795_010,
    "digit_mlp": 101_770,
    "digit_mlp_deep": 109_386,
}


def classes_of(experiment: Experiment):
    if experiment.classes == "all":
        return CLASSES["sketch_cnn"]
    return experiment.classes or (CLASSES["mnist"] if "mnist" in experiment.dataset else ("clock", "pizza"))


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_first_variant_is_the_network_of_the_report(name):
    experiment = DECLARED[name]
    first = next(iter(experiment.variants.values()))
    assert first.network(classes_of(experiment)).param_count == PARAMETERS[name]


@pytest.mark.parametrize("name", DECLARED)
def test_every_variant_can_be_built_and_names_what_there_is(name):
    for variant in DECLARED[name].variants.values():
        spec = variant.network(classes_of(DECLARED[name]))
        assert spec.output_shape == (len(classes_of(DECLARED[name])),)
        assert variant.config.optimizer in OPTIMIZERS and variant.config.schedule in SCHEDULES


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_says_what_the_report_has_and_what_it_gives(name):
    assert len(importlib.import_module(NAMES[name]).__doc__.splitlines()) > 3
