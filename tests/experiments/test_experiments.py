"""Experiments: declared in full, runnable, and the committed records say what the README says."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from experiments import NAMES, table
from experiments.__main__ import main
from experiments.declaration import Experiment
from jaxdoodle.inference import Model
from jaxdoodle.training.optimizers import OPTIMIZERS, SCHEDULES

pytestmark = pytest.mark.usefixtures("as_users_run")

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "experiments" / "records"
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
def test_every_experiment_has_a_committed_record_and_says_what_it_gives(name):
    record = json.loads((RECORDS / name / "record.json").read_text())
    assert record["experiment"] == name
    assert list((RECORDS / name).glob("*.png"))
    text = importlib.import_module(NAMES[name]).__doc__
    assert len(text.splitlines()) > 3, "what the report claims and what it gives here"


@pytest.mark.parametrize("name", DECLARED)
def test_a_record_holds_all_that_repeats_the_run(name):
    record = json.loads((RECORDS / name / "record.json").read_text())
    assert set(record["variants"]) <= set(DECLARED[name].variants)
    assert next(iter(record["variants"])) == next(iter(DECLARED[name].variants))
    for variant in record["variants"].values():
        assert {"jax", "jaxlib", "optax", "numpy", "python"} <= set(variant["machine"]["versions"])
        assert variant["command"].startswith(f"python -m experiments {name}") and variant["machine"]["device"]
        for run in variant["runs"]:
            assert run["numpy_parity"] <= 1e-5 and len(run["model_sha256"]) == 64
            assert run["compile_seconds"] > 0 and run["train_seconds"] > 0
            for score in run["scores"].values():
                assert 0 <= score["correct"] <= score["total"] and score["total"] > 0
        history = variant["runs"][0]["history"]
        assert [epoch["epoch"] for epoch in history] == list(range(1, variant["runs"][0]["config"]["epochs"] + 1))


def test_the_costs_of_the_mini_mnist_report_are_reproduced_within_two_percent():
    run = json.loads((RECORDS / "mini_mnist_mlp" / "record.json").read_text())["variants"]["report"]["runs"][0]
    for step, cost in DECLARED["mini_mnist_mlp"].costs.items():
        if step >= 50:
            np.testing.assert_allclose(run["costs"][str(step)], cost, rtol=0.02)


def test_the_readme_shows_the_records():
    assert table.markdown() in (ROOT / "README.md").read_text()


def test_a_run_on_real_data_writes_model_record_and_figures(data_root, tmp_path, capsys):
    words = ["doodle_mlp", "--variants", "report", "--epochs", "2", "--seeds", "2", "--out", str(tmp_path)]
    assert main([*words, "--data-dir", str(data_root)]) == 0
    record = json.loads((tmp_path / "doodle_mlp" / "record.json").read_text())
    runs = record["variants"]["report"]["runs"]
    assert [run["config"]["seed"] for run in runs] == [0, 1] and len(runs[0]["history"]) == 2
    assert runs[0]["scores"]["test"]["correct"] / runs[0]["scores"]["test"]["total"] > 0.7
    assert "right" in capsys.readouterr().out
    model = Model.load(tmp_path / "doodle_mlp" / "report-0" / "model.npz")
    assert model.classes == DECLARED["doodle_mlp"].classes
    assert (tmp_path / "doodle_mlp" / "confusion.png").exists()


def test_a_cost_that_is_missed_fails_the_run(data_root, tmp_path, capsys):
    words = ["mini_mnist_mlp", "--variants", "report", "--epochs", "52", "--seed", "0", "--out", str(tmp_path)]
    assert main([*words, "--data-dir", str(data_root)]) == 1
    printed = capsys.readouterr().out
    assert "cost at step 100 is nan; the report has 0.107867, to be met within 2%" in printed


def test_an_unknown_variant_is_refused_with_those_there_are(data_root, tmp_path, capsys):
    assert main(["digit_cnn", "--variants", "lenet", "--out", str(tmp_path), "--data-dir", str(data_root)]) == 2
    assert "no variant 'lenet'; this experiment has: report; augmented" in capsys.readouterr().err


def test_without_a_name_the_experiments_are_listed(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == list(NAMES)
