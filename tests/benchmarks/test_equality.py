"""Equal work is told from unequal work: on the committed record, and on results that were doctored."""

import copy
import json
from pathlib import Path

import pytest

import benchmarks
from benchmarks.equality import NOISE, judge
from benchmarks.workloads import WORKLOADS

RECORD = json.loads((Path(benchmarks.__file__).parent / "records/training.json").read_text())
ROUNDS = [(name, number) for name in WORKLOADS for number in range(3)]


def found(name):
    return copy.deepcopy(RECORD["workloads"][name]["runtimes"])


def test_every_workload_has_its_noise():
    assert set(NOISE) == set(WORKLOADS)


@pytest.mark.parametrize("name", WORKLOADS)
def test_real_results_are_equal(name):
    judged = judge(name, found(name), "jaxdoodle")
    assert len(judged) >= 6 and all(one["equal"] for one in judged.values()), judged


@pytest.mark.parametrize("factor", [1.6, 1 / 1.6])
@pytest.mark.parametrize(("name", "number"), ROUNDS)
def test_one_other_loss_in_any_round_is_unequal(name, number, factor):
    results = found(name)
    results["PyTorch"]["loss"] = list(results["jaxdoodle"]["loss"])
    assert judge(name, results, "jaxdoodle")["PyTorch"]["equal"]
    results["PyTorch"]["loss"][number] *= factor
    judged = judge(name, results, "jaxdoodle")
    assert [one for one in judged if not judged[one]["equal"]] == ["PyTorch"]
    assert judged["PyTorch"]["loss_apart"][number][0] == 0.47


@pytest.mark.parametrize("name", WORKLOADS)
def test_another_accuracy_is_unequal(name):
    results = found(name)
    results["Flax"]["correct"] -= 300
    judged = judge(name, results, "jaxdoodle")
    assert [one for one in judged if not judged[one]["equal"]] == ["Flax"]


def test_a_loss_that_is_no_number_is_unequal():
    results = found("W1")
    results["Flax"]["loss"][1] = float("nan")
    assert not judge("W1", results, "jaxdoodle")["Flax"]["equal"]


def test_standard_errors_are_those_computed_by_hand():
    one, other = {"loss": [], "correct": 9000, "total": 10000}, {"loss": [], "correct": 9100, "total": 10000}
    judged = judge("W1", {"one": one, "other": other}, "one")
    assert judged["other"]["correct_apart"] == [2.41, 5.0]  # 100 / sqrt(2 * 10000 * 0.905 * 0.095)
