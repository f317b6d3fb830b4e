"""Several seeds: each is the run that it is alone, and one record holds them all."""

from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.cli import main
from jaxdoodle.cli.train.seeds import summarize
from jaxdoodle.core.record import Record
from jaxdoodle.inference import model_file
from jaxdoodle.training import seeds
from tests.fixtures.jax_modes import users_jax

TRAIN = ["train", "--dataset", "doodles", "--model", "mlp", "--hidden", "4", "--per-class", "20", "--epochs", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("seeds")
    with users_jax():
        assert main([*TRAIN, "--quiet", "--seed", "3", "--seeds", "2", "--out", str(path / "both")]) == 0
        assert main([*TRAIN, "--quiet", "--seed", "4", "--out", str(path / "alone")]) == 0
    return path


def test_each_seed_is_the_run_that_it_is_alone(folder):
    found, alone = (model_file.read(folder / name / "model.npz") for name in ("both/seed-4", "alone"))
    for layer, expected in zip(found.params, alone.params, strict=True):
        assert layer.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(layer[name], value)
    records = [Record.read(folder / name / "record.json") for name in ("both/seed-4", "alone")]
    assert records[0].scores == records[1].scores and records[0].options == records[1].options


def test_one_record_holds_all_seeds_with_mean_spread_and_interval(folder):
    record = Record.read(folder / "both" / "record.json")
    assert [run.config["seed"] for run in record.runs] == [3, 4]
    values = [run.scores["test"]["correct"] / run.scores["test"]["total"] for run in record.runs]
    found = record.extra["seeds"]["test"]
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["deviation"] == pytest.approx(np.std(values, ddof=1))


@pytest.mark.parametrize("correct", [(90, 91), (10, 90), (0, 1), (99, 100)])
def test_the_interval_of_a_mean_accuracy_is_students_within_zero_and_one(correct):
    from scipy import stats  # takes seconds, in every worker

    records = [Record("one", scores={"test": {"correct": count, "total": 100}}) for count in correct]
    values = [count / 100 for count in correct]
    expected = np.clip(stats.t.interval(0.95, 1, loc=np.mean(values), scale=stats.sem(values)), 0, 1)
    assert summarize(records)["test"]["interval"] == pytest.approx(list(expected))


def test_a_record_of_several_seeds_is_repeated(folder, tmp_path):
    with users_jax():
        assert main(["train", "--quiet", "--config", str(folder / "both"), "--out", str(tmp_path / "again")]) == 0
    found, expected = (Record.read(path / "record.json") for path in (tmp_path / "again", folder / "both"))
    assert found.extra["seeds"] == expected.extra["seeds"] and found.options == expected.options


MINI = (
    "train --dataset mnist-mini --model mlp --hidden 4 --per-class 12 --epochs 2 --outliers 0 --seed 3 --quiet".split()
)


def test_seeds_at_once_leave_what_each_leaves_alone_but_for_rounding(tmp_path):
    words = ["--seed", "3", "--seeds", "2", "--seeds-at-once", "--log", "tensorboard"]
    with users_jax():
        assert main([*MINI, *words, "--out", str(tmp_path / "both")]) == 0
        assert main([*MINI, "--seed", "4", "--log", "tensorboard", "--out", str(tmp_path / "alone")]) == 0
    names, expected = ({path.name for path in (tmp_path / one).iterdir()} for one in ("both/seed-4", "alone"))
    assert names == expected and "checkpoints" not in names and "tensorboard" in names
    found, alone = (Record.read(tmp_path / name / "record.json") for name in ("both/seed-4", "alone"))
    assert found.config == alone.config and found.data == alone.data and found.options == alone.options
    for one, other in zip(found.epochs, alone.epochs, strict=True):
        assert one["training"] == pytest.approx(other["training"], rel=1e-4)
        assert one["validation"] == pytest.approx(other["validation"], rel=1e-4)
    lines = [len((tmp_path / "both" / f"seed-{seed}" / "metrics.jsonl").read_text().splitlines()) for seed in (3, 4)]
    assert lines == [2, 2]
    whole = Record.read(tmp_path / "both" / "record.json")
    assert [run.config["seed"] for run in whole.runs] == [3, 4] and "test" in whole.extra["seeds"]


def test_where_one_seed_is_interrupted_and_another_has_stopped_early_the_command_is_interrupted(
    tmp_path, monkeypatch, capsys
):
    fit_seeds = seeds.fit_seeds

    def interrupted(*given, **named):
        first, last = fit_seeds(*given, **named)
        return [replace(first, interrupted=True), replace(last, stopped=True)]

    monkeypatch.setattr(seeds, "fit_seeds", interrupted)
    with users_jax():
        assert main([*MINI, "--seeds", "2", "--seeds-at-once", "--out", str(tmp_path / "both")]) == 130
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"seed-3", "seed-4"}, "there is no record of both"
    assert (tmp_path / "both/seed-3/checkpoints").exists() and not (tmp_path / "both/seed-4/checkpoints").exists()
    assert capsys.readouterr().err.count("--resume") == 1


def test_seeds_are_at_once_where_that_is_faster_and_possible(tmp_path, monkeypatch, capsys):
    made = []
    monkeypatch.setattr(seeds, "fit_seeds", lambda *given, **named: made.append(given[4]) or 1 / 0)
    words = [*MINI, "--seed", "3", "--seeds", "2", "--out", str(tmp_path / "run")]
    with users_jax():
        for more, backend in ((["--no-seeds-at-once"], "gpu"), ([], "cpu"), ([], "gpu"), (["--seeds-at-once"], "cpu")):
            with monkeypatch.context() as patch:
                patch.setattr("jax.default_backend", lambda: backend)  # noqa: B023 - called in this turn
                patch.setattr("jaxdoodle.cli.train.one_run.train", lambda *given: (1, None))
                if backend == "gpu" and not more or "--seeds-at-once" in more:
                    pytest.raises(ZeroDivisionError, main, [*words, *more])
                else:
                    assert main([*words, *more]) == 1
    assert made == [[3, 4], [3, 4]]


def test_what_cannot_be_trained_at_once_is_said(tmp_path, monkeypatch, capsys):
    words_told = [*TRAIN, "--seeds", "2", "--out", str(tmp_path / "run")]
    words = [*words_told, "--quiet"]
    monkeypatch.setattr("jaxdoodle.cli.train.one_run.train", lambda *given: (1, None))
    with users_jax():
        assert main([*words, "--seeds-at-once"]) == 2
        why = "the drawings of doodles differ from seed to seed"
        assert capsys.readouterr().err == f"jaxdoodle: --seeds-at-once: {why}.\n"
        assert not list(tmp_path.iterdir()), "nothing is left"
        monkeypatch.setattr(seeds, "FASTER", ("cpu",))
        for told, more in (("", words), (f"jaxdoodle: the seeds are trained in turn: {why}\n", words_told)):
            assert main(more) == 1
            assert capsys.readouterr().err == told
