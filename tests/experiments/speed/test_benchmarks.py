"""The benchmark counts right, and its runtimes that need nothing further train."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from experiments.speed import __main__, inference, runtimes
from experiments.speed.__main__ import training_table
from experiments.speed.equality import judge
from experiments.speed.workloads import WORKLOADS, Workload, load_data
from jaxdoodle.data import load_dataset
from jaxdoodle.nn.architectures import digit_cnn, mlp

DIGITS = tuple("0123456789")
KINDS = ("cpu", "gpu")


def test_operations_are_those_counted_by_hand():
    one = Workload("", mlp(DIGITS, (128, 64)), 1, images=1)
    products = [784 * 128, 128 * 64, 64 * 10]
    assert one.flops == 2 * (3 * sum(products) - products[0])
    conv = Workload("", digit_cnn(DIGITS), 1, images=3, epochs=2)
    products = [24 * 24 * 25 * 8, 8 * 8 * 25 * 8 * 16, 256 * 128, 128 * 10]
    assert conv.flops == 6 * 2 * (3 * sum(products) - products[0])


def test_the_workloads_are_the_networks_that_their_titles_say():
    assert [workload.spec.param_count for workload in WORKLOADS.values()] == [109_386, 37_610, 37_610, 500_985, 795_010]


def test_without_mnist_doodles_are_repeated_to_train_on_and_each_tests_once(tmp_path, monkeypatch):
    splits = load_dataset("doodles", root=str(tmp_path))
    count = len(splits.train) + 7
    monkeypatch.setattr("experiments.speed.workloads.TRAIN_IMAGES", count)
    name, (images, labels), (test_images, test_labels) = load_data(str(tmp_path))
    assert name == "doodles" and images.dtype == np.uint8 and labels.dtype == test_labels.dtype == np.int32
    assert images.shape == (count, 28, 28, 1) and labels.shape == (count,)
    assert np.array_equal(images[-7:], splits.train.images[:7]) and np.array_equal(labels[-7:], labels[:7])
    assert np.array_equal(test_images, splits.test.images) and np.array_equal(test_labels, splits.test.labels)


@pytest.mark.usefixtures("as_users_run")
@pytest.mark.parametrize("name", ["W1", "W2-32"])
def test_ours_trains(name):
    workload = replace(WORKLOADS[name], batch_size=8)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 40).astype(np.int32)
    images = np.zeros((40, 28, 28, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 6] = 255
    trainer = runtimes.RUNTIMES["jaxdoodle"][1](workload, images, labels)
    losses = [trainer.epoch() for _ in range(12)]
    assert losses[-1] < losses[0] / 2
    assert trainer.predict(images).shape == (40,)


def test_scikit_learn_is_not_asked_for_convolutions():
    able = {name: runtimes.applies("scikit-learn", workload, "cpu") for name, workload in WORKLOADS.items()}
    assert able == {"W1": True, "W2-32": False, "W2-128": False, "W3": False, "W4": True}


def test_cuda_graphs_are_for_gpus_and_a_processor_alone_is_split():
    on = {kind: {name for name in runtimes.RUNTIMES if runtimes.applies(name, WORKLOADS["W1"], kind)} for kind in KINDS}
    assert on["cpu"] ^ on["gpu"] == {"jaxdoodle, per core", "PyTorch, CUDA graphs"}
    assert "PyTorch, CUDA graphs" in on["gpu"]


@pytest.mark.parametrize(
    ("measured", "equal", "times", "caption"),
    [
        (True, ["yes (0%, 0%)", "yes (0%, 0%)", "NO (420%, 0%)"], "1.00 UNEQUAL", " are apart"),
        (False, ["not judged (0%, 0%)", "not judged (0%, 0%)", "not judged (420%, 0%)"], "1.00",
         "; judged on 60,000 images of MNIST alone"),
    ],
)  # fmt: skip
def test_work_that_is_not_equal_is_called_so_where_it_can_be_judged(measured, equal, times, caption):
    heard = {"seconds": [2.0, 4.0, 3.0], "start_seconds": 1.0, "peak_bytes": 2 * 10**6, "correct": 900, "total": 1000}
    found = {one: heard | {"loss": [1.0, 0.1]} for one in runtimes.OURS} | {"other": heard | {"loss": [1.0, 0.2]}}
    judged = judge("W1", found, "jaxdoodle", measured=measured)
    result = {"title": "", "images": 1, "flops": 6e9, "runtimes": {one: found[one] | judged[one] for one in found}}
    table = training_table("W1", result, peak=4e9)
    cells = {column.header: list(column.cells) for column in table.columns}
    assert cells["equal work"] == equal and str(table.caption).endswith(caption)
    assert cells["x ours"] == ["1.00", "1.00", times] and cells["right"] == ["900 of 1,000"] * 3
    assert cells["GFLOP/s"] == ["2", "2", "2"] and cells["of peak"] == ["50%"] * 3
    assert cells["s a round (lowest, highest)"] == ["3.00 (2.00, 4.00)"] * 3 and cells["peak MB"] == ["2"] * 3


# A worker that takes the place of the real one: RUNTIME WORKLOAD IMAGES DATA_DIR, and fails where the name says.
WORKER = """
import json, sys
name = sys.argv[1]
def come_to(place):
    if f"fails at {place}" in name:
        print("a long story\\n  and its end", file=sys.stderr)
        sys.exit(3)
    if f"dies at {place}" in name:
        import os
        os._exit(7)
print("the library prints this")
come_to("start")
print(json.dumps({"start_seconds": 1.0}), flush=True)
rounds = 0
for line in sys.stdin:
    what = line.strip()
    if what == "round":
        rounds += 1
        if rounds == 2:
            come_to("round")
    else:
        come_to("end")
    end = {"correct": 9, "total": 10, "peak_bytes": 1}
    print(json.dumps(end if what == "end" else {"seconds": 1.0, "loss": 0.5}), flush=True)
"""
PLACES = ("start", "round", "end")


@pytest.fixture
def workers(monkeypatch):
    """Set the runtimes' names; all are played by ``WORKER``."""

    def set_names(*names):
        monkeypatch.setattr(__main__, "RUNTIMES", {name: (("json",), None) for name in names})

    start = __main__.process.start
    monkeypatch.setattr(__main__.process, "start", lambda _, module, *arguments: start("-c", WORKER, *arguments))
    return set_names


@pytest.mark.parametrize("place", PLACES)
def test_a_peer_that_fails_is_left_out_and_the_rest_goes_on(place, workers, capsys):
    fails, dies = f"fails at {place}", f"dies at {place}"
    workers("jaxdoodle", fails, dies, "other")
    found = __main__.time_training("W1", "mnist", SimpleNamespace(share=1.0, data_dir="", rounds=3))
    assert found["skipped"] == {fails: "and its end", dies: "ended with status 7"}
    assert list(found["runtimes"]) == ["jaxdoodle", "other"]
    assert all(len(heard["seconds"]) == 3 and heard["equal"] for heard in found["runtimes"].values())
    assert capsys.readouterr().out.splitlines().count(f"skipped: {fails}: and its end") == 1


@pytest.mark.parametrize(
    ("data", "share", "equal"), [("mnist", 1.0, True), ("mnist", 0.5, None), ("doodles", 1.0, None)]
)
def test_whole_rounds_on_mnist_alone_are_judged(data, share, equal, workers):
    workers("jaxdoodle", "other")
    found = __main__.time_training("W1", data, SimpleNamespace(share=share, data_dir="", rounds=1))
    assert [heard["equal"] for heard in found["runtimes"].values()] == [equal] * 2


@pytest.mark.parametrize("place", PLACES)
def test_where_ours_fails_one_line_says_why_and_the_exit_code_is_1(place, workers, monkeypatch, tmp_path, capsys):
    workers("jaxdoodle", f"jaxdoodle that fails at {place}")
    monkeypatch.setattr("sys.argv", ["benchmarks", "W1", "--out", str(tmp_path / "record.json")])
    monkeypatch.setattr(__main__.os, "environ", dict(__main__.os.environ))
    monkeypatch.setattr(__main__.process, "run", lambda *arguments: ("1e9", 0.0, 0.0))
    monkeypatch.setattr(__main__, "busy_cores", lambda: 0.0)
    monkeypatch.setattr(__main__, "load_data", lambda root: ("mnist",))
    assert __main__.main() == 1
    assert capsys.readouterr().err == f"jaxdoodle that fails at {place}: and its end\n"


def test_what_is_not_installed_is_recorded_as_skipped(workers, monkeypatch):
    workers("jaxdoodle")
    monkeypatch.setitem(__main__.RUNTIMES, "other", (("json", "no_such_library"), None))
    found = __main__.time_training("W1", "mnist", SimpleNamespace(share=1.0, data_dir="", rounds=1))
    assert found["skipped"] == {"other": "not installed: no_such_library"} and list(found["runtimes"]) == ["jaxdoodle"]


@pytest.mark.parametrize("busy", [0.0, 5.0])
def test_a_workload_records_how_busy_the_machine_was_before(busy, workers, monkeypatch, tmp_path, capsys):
    workers("jaxdoodle")
    monkeypatch.setattr("sys.argv", ["benchmarks", "W1", "W4", f"--out={tmp_path / 'record.json'}"])
    monkeypatch.setattr(__main__.os, "environ", dict(__main__.os.environ))
    monkeypatch.setattr(__main__.process, "run", lambda *arguments: ("1e9", 0.0, 0.0))
    monkeypatch.setattr(__main__, "busy_cores", lambda: busy)
    monkeypatch.setattr(__main__, "cores", lambda: 8)
    monkeypatch.setattr(__main__, "load_data", lambda root: ("mnist",))
    assert __main__.main() == 0
    record = json.loads((tmp_path / "record.json").read_text())
    assert [found["busy_cores_before"] for found in record["workloads"].values()] == [busy] * 2
    assert record["command"] == "python -m experiments.speed W1 W4 --out=PATH"
    assert capsys.readouterr().out.count("others kept 5.0 cores busy before W") == (2 if busy else 0)


def test_an_inference_runtime_that_fails_is_left_out(monkeypatch, capsys):
    def run(_, module, one, folder, mode):
        if one == "PyTorch" and mode == "warm":
            raise __main__.Ended("no luck")
        return json.dumps({"1": 0.1, "256": 0.2}), 1.0, 2.0

    monkeypatch.setattr(__main__.process, "run", run)
    monkeypatch.setattr(inference, "networks", lambda: {"one": mlp(DIGITS, (8,))})
    monkeypatch.setattr(inference, "RUNTIMES", {inference.OURS: (("numpy",), None), "PyTorch": (("json",), None)})
    network = __main__.time_inference(2)["networks"]["one"]
    assert network["skipped"] == {"PyTorch": "no luck"} and list(network["runtimes"]) == [inference.OURS]
    assert network["runtimes"][inference.OURS]["256"] == [0.2, 0.2]
    assert "skipped: PyTorch: no luck" in capsys.readouterr().out
    assert __main__.inference_table({"networks": {"one": network}}).row_count == 1


def test_an_inference_process_prints_its_times(tmp_path, capsys):
    inference.write_models(mlp(DIGITS, (8,)), tmp_path)
    capsys.readouterr()
    inference.main("jaxdoodle (NumPy)", str(tmp_path), "warm")
    assert set(json.loads(capsys.readouterr().out)) == {"1", "256"}
