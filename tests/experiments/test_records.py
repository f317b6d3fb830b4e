"""The committed records: all of one schema, whole, and with the values that README.md shows."""

import importlib
from pathlib import Path

import numpy as np
import pytest

import experiments
from experiments import NAMES, table
from jaxdoodle.core.record import Record

RECORDS = table.RECORDS
PATHS = sorted(RECORDS.rglob("*.json"))
DECLARED = {
    name: module.EXPERIMENT for name in NAMES if hasattr(module := importlib.import_module(NAMES[name]), "EXPERIMENT")
}
COMMANDS = (
    "python -m experiments ",
    "python -m experiments.speed",
    "python -m experiments.planted_bugs",
    "python -m experiments.studies.mutants",
)


def read(name):
    return Record.read(RECORDS / name / "record.json")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(RECORDS)))
def test_every_committed_record_is_a_record_with_a_command_and_a_machine(path, tmp_path):
    record = Record.read(path)
    for one in (record,) if record.command else record.runs:
        assert one.command.startswith(COMMANDS), one.name
        assert (record.machine or one.machine)["versions"]["jax"]
    record.write(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == path.read_text()


def test_every_record_is_of_an_experiment_that_there_is():
    found = {path.parent.name: Record.read(path).name for path in PATHS if path.name == "record.json"}
    assert found == {name: name for name in (*NAMES, "mutants", "planted_bugs")}
    speed = {path.stem: Record.read(path).name for path in PATHS if path.parent.name == "speed"}
    own = {name: name for name in ("scaling", "at_scale", "processes", "ways")}
    assert speed == dict.fromkeys(("training", "inference"), "speed") | own


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_has_figures_beside_its_record(name):
    assert list((RECORDS / name).glob("*.png"))


@pytest.mark.parametrize("name", DECLARED)
def test_a_record_holds_all_that_repeats_the_run(name):
    record, declared = read(name), DECLARED[name]
    assert record.extra["reported"] == declared.reported
    assert {variant.name for variant in record.runs} <= set(declared.variants)
    assert record.runs[0].name == next(iter(declared.variants))
    for variant in record.runs:
        assert {"jax", "jaxlib", "optax", "numpy", "python"} <= set(variant.machine["versions"])
        assert variant.command.startswith(f"python -m experiments {name}") and variant.machine["device"]
        assert variant.config["gradients"] == "hand" and variant.config["epochs"] > 0
        assert variant.data["preprocessing"]["centering"] in ("mass", "box") and variant.data["sizes"]["train"] > 0
        assert variant.extra["parameters"] > 0 and variant.extra["spec"]["layers"]
        for run in variant.runs:
            assert set(run.config) == {"seed"}
            assert run.extra["numpy_parity"] <= 1e-5 and len(run.extra["model_sha256"]) == 64
            assert run.extra["compile_seconds"] > 0 and run.extra["train_seconds"] > 0
            for score in run.scores.values():
                assert 0 <= score["correct"] <= score["total"] and score["total"] > 0
                if "correct_by_class" in score:
                    assert sum(score["correct_by_class"]) == score["correct"]
                    assert sum(score["total_by_class"]) == score["total"]
        epochs = variant.runs[0].epochs
        assert [epoch["epoch"] for epoch in epochs] == list(range(1, variant.config["epochs"] + 1))
        assert all(epoch["training"]["total"] > 0 and epoch["seconds"] > 0 for epoch in epochs)


def test_the_costs_of_the_mini_mnist_report_are_reproduced_within_two_percent():
    run = read("mini_mnist_mlp").run("report").runs[0]
    for step, cost in DECLARED["mini_mnist_mlp"].costs.items():
        if step >= 50:
            np.testing.assert_allclose(run.extra["costs"][str(step)], cost, rtol=0.02)


def test_every_planted_bug_is_caught_and_right_code_raises_no_alarm():
    totals = read("planted_bugs").extra["totals"]
    assert totals["caught"] == totals["planted"] == len(read("planted_bugs").extra["mutations"])
    assert totals["named"] >= 0.95 * totals["planted"] and totals["false_alarms"] == 0


def test_what_is_held_on_disk_is_trained_on_in_less_than_a_gigabyte():
    runs = Record.read(RECORDS / "speed" / "at_scale.json").runs
    assert all(run.extra["peak_megabytes"] < 1000 for run in runs)
    rates = {run.name: run.extra["drawings_a_second"] for run in runs if "drawings_a_second" in run.extra}
    assert rates["reading, natural"] > 6 * max(rates["training digit_cnn"]["disk"])


README = (Path(experiments.__file__).parent / "README.md").read_text()


@pytest.mark.parametrize(
    "made", [table.results_table, table.training_table, table.inference_table, table.preprocessing_table]
)
def test_the_readme_shows_the_records(made):
    assert made() in README


def test_the_readme_shows_from_what_networks_abstain():
    assert table.abstention_table(read("abstention")) in README


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("rendering", ("same_class",)),
        ("rendering", ("drawings",)),
    ],
)
def test_the_readme_shows_the_counts_of_a_record(name, path):
    value = read(name).extra
    for key in path:
        value = value[key]
    assert f"{value:,}" in README


def test_the_readme_shows_the_seconds_to_99_percent():
    extra = read("time_to_99").extra
    assert (
        f"{extra['median_train_seconds']:.1f} s of training" in README
        and f"{extra['mean_accuracy']:.2%}"[:-1] in README
    )
