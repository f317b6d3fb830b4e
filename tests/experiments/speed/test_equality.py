"""Equal work is told from unequal work: on the committed records, and on results that were doctored."""

import copy
from math import inf, nan
from pathlib import Path

import pytest

import experiments
from experiments.speed.equality import NOISE, describe, judge
from experiments.speed.workloads import WORKLOADS
from jaxdoodle.core.record import Record

FOLDER = Path(experiments.__file__).parent / "records" / "speed"
RECORD = Record.read(FOLDER / "training.json")
#: Just equal and just unequal: factors of the first loss, of a later one, and missing correct images of 10,000.
LIMITS = {
    "W1": ((1.11, 1.12), (1.175, 1.185), (119, 120)),
    "W2-32": ((1.185, 1.195), (1.29, 1.30), (84, 85)),
    "W2-128": ((1.205, 1.215), (1.295, 1.305), (88, 89)),
    "W3": ((1.165, 1.175), (1.56, 1.575), (158, 159)),
    "W4": ((1.035, 1.042), (1.035, 1.042), (238, 239)),
}


def found(name):
    return {one.name: copy.deepcopy(one.scores["test"] | one.extra) for one in RECORD.run(name).runs}


def unequal(name, results):
    return [one for one, heard in judge(name, results, "jaxdoodle", measured=True).items() if not heard["equal"]]


def test_every_workload_has_its_noise_its_limits_and_a_result():
    assert set(NOISE) == set(LIMITS) == {run.name for run in RECORD.runs} == set(WORKLOADS)


@pytest.mark.parametrize("name", WORKLOADS)
def test_real_results_are_equal(name):
    results = found(name)
    assert len(results) >= 6 and unequal(name, results) == []


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("name", LIMITS)
def test_a_loss_may_be_so_far_apart_in_any_round_and_no_further(name, number):
    under, over = LIMITS[name][1 if number else 0]
    for factor, wrong in ((under, []), (1 / under, []), (over, ["PyTorch"]), (1 / over, ["PyTorch"])):
        results = found(name)
        results["PyTorch"]["loss"] = list(results["jaxdoodle"]["loss"])
        results["PyTorch"]["loss"][number] *= factor
        assert unequal(name, results) == wrong, factor


@pytest.mark.parametrize("name", LIMITS)
def test_so_many_correct_images_may_be_missing_and_no_more(name):
    for fewer, wrong in zip(LIMITS[name][2], ([], ["Flax"]), strict=True):
        results = found(name)
        results["Flax"]["correct"] = results["jaxdoodle"]["correct"] - fewer
        assert unequal(name, results) == wrong, fewer


@pytest.mark.parametrize("value", [nan, inf, 0.0, -1.0])
def test_a_loss_that_cannot_be_compared_is_unequal(value):
    results = found("W1")
    results["Flax"]["loss"][1] = value
    assert unequal("W1", results) == ["Flax"]
    assert describe(judge("W1", results, "jaxdoodle", measured=True)["Flax"]).startswith("NO (inf%, ")
    results["jaxdoodle"]["loss"][1] = value
    assert unequal("W1", results) == list(results)


def test_work_whose_noise_was_not_measured_is_not_judged():
    results = found("W1")
    results["Flax"]["loss"][1] *= 2
    known, unknown = (judge("W1", results, "jaxdoodle", measured=measured) for measured in (True, False))
    assert unknown == {one: heard | {"equal": None} for one, heard in known.items()}
    assert describe(known["Flax"]).replace("NO", "not judged") == describe(unknown["Flax"])


def test_standard_errors_are_those_computed_by_hand():
    one, other = {"loss": [], "correct": 9000, "total": 10000}, {"loss": [], "correct": 9100, "total": 10000}
    judged = judge("W1", {"one": one, "other": other}, "one", measured=True)
    assert judged["other"]["correct_apart"] == [2.41, 5.0]  # 100 / sqrt(2 * 10000 * 0.905 * 0.095)
