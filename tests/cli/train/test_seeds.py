"""Several seeds: each is the run that it is alone, and one record holds them all."""

import numpy as np
import pytest
from scipy import stats

from jaxdoodle.cli import main
from jaxdoodle.core.record import Record
from jaxdoodle.inference import model_file
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
    if found["deviation"]:
        expected = stats.t.interval(0.95, 1, loc=np.mean(values), scale=stats.sem(values))
        assert found["interval"] == pytest.approx(expected)
