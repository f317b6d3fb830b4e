"""A declared experiment, run: its record, its figures, and what fails it."""

from dataclasses import replace

import numpy as np
import pytest

from experiments import runner
from experiments.__main__ import main
from experiments.declaration import Experiment, Variant
from jaxdoodle.core import machine
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.record import Record
from jaxdoodle.data import load_dataset
from jaxdoodle.inference import Model
from jaxdoodle.nn.architectures import digit_cnn, mlp
from jaxdoodle.training.loop import TrainConfig

pytestmark = pytest.mark.usefixtures("as_users_run")

TINY = Experiment(
    dataset="doodles",
    classes="clock,pizza",
    per_class=40,
    test_on=("doodles",),
    reported={"test": 0.9},
    variants={
        "report": Variant(lambda classes: mlp(classes, (4,)), TrainConfig(epochs=2)),
        "wide, twice": Variant(lambda classes: mlp(classes, (8,)), TrainConfig(epochs=1), divisor=1.0),
    },
)


@pytest.fixture
def no_figures(monkeypatch):
    """Figures of a run have tests of their own."""
    monkeypatch.setattr(runner, "draw_figures", lambda *given, **named: None)


def test_a_record_says_once_what_its_runs_share_and_keeps_variants_that_are_not_run_again(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(
        runner, "load_dataset", lambda *given, **named: load_dataset(*given, **{"per_class": 40} | named)
    )
    assert runner.run("tiny", TINY, tmp_path, seeds=2) == 0
    first = Record.read(tmp_path / "record.json")
    assert (first.name, first.extra) == ("tiny", {"reported": {"test": 0.9}})
    assert [variant.name for variant in first.runs] == ["report", "wide, twice"]
    report, wide = first.runs
    assert report.command == "python -m experiments tiny --variants report --epochs 2 --seed 0 --seeds 2"
    assert report.config["epochs"] == 2 and "seed" not in report.config
    assert [run.config for run in report.runs] == [{"seed": 0}, {"seed": 1}]
    assert [len(run.epochs) for run in report.runs] == [2, 0]
    assert set(report.runs[1].scores) == {"train", "validation", "test", "doodles"}
    assert wide.data["preprocessing"]["divisor"] == 1.0 != report.data["preprocessing"]["divisor"]
    assert (tmp_path / "confusion.png").exists() and "correct" in capsys.readouterr().out

    assert runner.run("tiny", TINY, tmp_path, variants=["wide, twice"], seed=5, epochs=2, gradients="autodiff") == 0
    second = Record.read(tmp_path / "record.json")
    assert second.runs[0] == report
    assert second.runs[1].config == wide.config | {"epochs": 2, "gradients": "autodiff"}
    assert second.runs[1].command.endswith("--epochs 2 --seed 5 --seeds 1 --gradients autodiff")


def test_a_run_that_was_stopped_goes_on_with_the_seed_that_it_had_not_finished(tmp_path, no_figures, monkeypatch):
    monkeypatch.setattr(machine, "_commit", lambda: "abc1234")
    trained, train_model, failing = [], runner.train_model, {1}

    def stopping(*arguments, title, **given):
        seed = arguments[2].seed
        if seed in failing:
            failing.clear()
            raise KeyboardInterrupt
        trained.append(seed)
        return train_model(*arguments, title=title, **given)

    monkeypatch.setattr(runner, "train_model", stopping)
    one = replace(TINY, variants={"report": TINY.variants["report"]}, test_on=(), costs={0: 1.0}, costs_from=1)
    with pytest.raises(KeyboardInterrupt):
        runner.run("tiny", one, tmp_path, seeds=2)
    [first] = Record.read(tmp_path / "record.json").runs
    runner.run("tiny", one, tmp_path, seeds=2)
    both = Record.read(tmp_path / "record.json").runs[0]
    assert trained == [0, 1] and [run.config["seed"] for run in both.runs] == [0, 1]
    assert both.runs[0] == first.runs[0] and both.runs[0].extra["costs"]
    runner.run("tiny", one, tmp_path, epochs=1)
    assert trained == [0, 1, 0]
    assert [run.config["seed"] for run in Record.read(tmp_path / "record.json").runs[0].runs] == [0]  # others' recipe
    monkeypatch.setattr(machine, "_commit", lambda: "abc1234-dirty")
    for _ in range(2):  # files differ from the commit: nobody knows whether the run would be the same
        runner.run("tiny", one, tmp_path, epochs=1)
    assert trained == [0, 1, 0, 0, 0]


def test_seeds_of_the_same_recipe_that_follow_one_another_stay_together_each_with_its_machine():
    spec = {"spec": {}, "parameters": 3}

    def found(commit, *seeds, **config):
        runs = [
            Record(config={"seed": s} | config, machine={"commit": commit}, epochs=({},), extra=spec) for s in seeds
        ]
        return runner.group("report", runs)

    def seeds_of(before, now):
        return [(one.config["seed"], one.machine.get("commit")) for one in runner.with_seeds(before, now).runs]

    both = runner.with_seeds(found("old", 0, 1, 2), found("new", 2, 3))
    assert both.machine == {"commit": "new"} and [len(one.epochs) for one in both.runs] == [1, 0, 0, 0]
    assert seeds_of(found("old", 0, 1, 2), found("new", 2, 3)) == [(0, "old"), (1, "old"), (2, None), (3, None)]
    assert seeds_of(both, found("newest", 4))[1:4] == [(1, "old"), (2, "new"), (3, "new")]
    for other in (None, found("old", 0, 1), found("old", 2, epochs=9)):  # a gap; another recipe
        assert seeds_of(other, found("new", 3)) == [(3, None)]


def test_a_variant_learns_from_the_models_that_other_runs_made_and_from_none_that_is_missing(tmp_path, no_figures):
    pupil = replace(TINY.variants["report"], teacher=("tiny/report-0",))
    both = replace(TINY, variants=TINY.variants | {"pupil": pupil}, test_on=())
    with pytest.raises(InputError, match=r"tiny/report-0/model\.npz is missing, a model to learn from; tiny writes it"):
        runner.run("tiny", both, tmp_path / "tiny", variants=["pupil"])
    assert runner.run("tiny", both, tmp_path / "tiny", variants=["report", "pupil"]) == 0
    report, taught = Record.read(tmp_path / "tiny" / "record.json").runs
    assert len(taught.runs[0].extra["teacher"]) == 1 and "teacher" not in report.runs[0].extra
    assert taught.runs[0].scores["train"]["loss"] != report.runs[0].scores["train"]["loss"]


def test_a_variant_shows_drawings_of_other_datasets_as_outliers(tmp_path, no_figures):
    report = TINY.variants["report"]
    shown = replace(report, config=replace(report.config, outliers=0.5))
    variants = {"alone": report, "generated": shown, "more": replace(shown, outliers_of=("signs",))}
    assert runner.run("tiny", replace(TINY, variants=variants, test_on=()), tmp_path / "tiny") == 0
    losses = {one.runs[0].scores["train"]["loss"] for one in Record.read(tmp_path / "tiny" / "record.json").runs}
    assert len(losses) == 3


def test_a_variant_learns_from_a_model_of_the_package(tmp_path):
    pupil = replace(TINY.variants["report"], teacher=("digits",))
    with pytest.raises(InputError, match=r"the teacher's classes are .*'9'.*; those of doodles are"):
        runner.run("tiny", replace(TINY, variants={"pupil": pupil}, test_on=()), tmp_path)


def test_a_variant_starts_from_the_weights_of_a_model_of_the_package(tmp_path, no_figures):
    still = TrainConfig(epochs=1, learning_rate=1e-9, outliers=0.0)
    started = Variant(digit_cnn, still, start="digits")
    runner.run("tiny", replace(TINY, variants={"started": started}, test_on=()), tmp_path)
    kernel = Model.load(tmp_path / "started-0" / "model.npz").file.params[0]["w"]
    np.testing.assert_allclose(kernel, Model.load("digits").file.params[0]["w"], atol=1e-6)


def test_a_file_that_is_no_record_is_refused_before_anything_is_trained(tmp_path):
    (tmp_path / "record.json").write_text('{"experiment": "tiny"}')
    with pytest.raises(InputError, match=r"record\.json: is no record"):
        runner.run("tiny", TINY, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_costs_within_the_tolerance_pass_and_others_fail_the_run(tmp_path, no_figures, capsys):
    one = replace(TINY, variants={"report": TINY.variants["report"]}, test_on=())
    runner.run("tiny", replace(one, costs={0: 1.0}, costs_from=1), tmp_path)
    cost = Record.read(tmp_path / "record.json").runs[0].runs[0].extra["costs"]["0"]
    assert runner.run("tiny", replace(one, costs={0: 1.015 * cost}), tmp_path) == 0
    assert runner.run("tiny", replace(one, costs={0: 1.03 * cost}), tmp_path) == 1
    assert f"cost at step 0 is {cost:.6f}; the report has" in capsys.readouterr().out
    assert (tmp_path / "cost.png").exists()


def test_a_run_on_real_data_writes_model_and_record(data_root, tmp_path, no_figures, capsys):
    words = ["doodle_mlp", "--variants", "report", "--epochs", "2", "--seed", "1", "--out", str(tmp_path)]
    assert main([*words, "--data-dir", str(data_root)]) == 0
    [run] = Record.read(tmp_path / "doodle_mlp" / "record.json").run("report").runs
    assert run.config["seed"] == 1 and len(run.epochs) == 2
    assert run.scores["test"]["correct"] / run.scores["test"]["total"] > 0.7
    assert "correct" in capsys.readouterr().out
    model = Model.load(tmp_path / "doodle_mlp" / "report-1" / "model.npz")
    assert model.classes == ("headphones", "bucket", "clock", "pizza", "hexagon")


def test_a_cost_that_is_missed_fails_the_run(data_root, tmp_path, no_figures, capsys):
    words = ["mini_mnist_mlp", "--variants", "report", "--epochs", "52", "--seed", "0", "--out", str(tmp_path)]
    assert main([*words, "--data-dir", str(data_root)]) == 1
    printed = capsys.readouterr().out
    assert "cost at step 100 is nan; the report has 0.107867, to be met within 2%" in printed


def test_an_unknown_variant_is_refused_with_those_there_are(data_root, tmp_path, capsys):
    assert main(["digit_cnn", "--variants", "lenet", "--out", str(tmp_path), "--data-dir", str(data_root)]) == 2
    assert "no variant 'lenet'; this experiment has: report; augmented" in capsys.readouterr().err
