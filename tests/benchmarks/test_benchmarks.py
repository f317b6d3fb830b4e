"""The benchmark counts right, and its runtimes that need nothing further train."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import inference, runtimes
from benchmarks.__main__ import training_table
from benchmarks.workloads import WORKLOADS, Workload, load_data
from jaxdoodle.architectures import digit_cnn, mlp

DIGITS = tuple("0123456789")


def test_operations_are_those_counted_by_hand():
    one = Workload("", mlp(DIGITS, (128, 64)), 1, images=1)
    products = [784 * 128, 128 * 64, 64 * 10]
    assert one.flops == 2 * (3 * sum(products) - products[0])
    conv = Workload("", digit_cnn(DIGITS), 1, images=3, epochs=2)
    products = [24 * 24 * 25 * 8, 8 * 8 * 25 * 8 * 16, 256 * 128, 128 * 10]
    assert conv.flops == 6 * 2 * (3 * sum(products) - products[0])


def test_the_workloads_are_the_networks_that_their_titles_say():
    assert [workload.spec.param_count for workload in WORKLOADS.values()] == [109_386, 37_610, 37_610, 500_985, 795_010]


def test_without_mnist_doodles_fill_the_sets(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.workloads.TRAIN_IMAGES", 700)
    monkeypatch.setattr("benchmarks.workloads.TEST_IMAGES", 30)
    name, (images, labels), (test_images, _) = load_data(str(tmp_path))
    assert name == "doodles" and images.shape == (700, 28, 28, 1) and labels.shape == (700,)
    assert images.dtype == np.uint8 and labels.dtype == np.int32 and len(test_images) == 30


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
    able = {name: runtimes.applies("scikit-learn", workload) for name, workload in WORKLOADS.items()}
    assert able == {"W1": True, "W2-32": False, "W2-128": False, "W3": False, "W4": True}


def test_work_that_is_not_equal_is_called_so():
    heard = {"seconds": [2.0, 4.0, 3.0], "start_seconds": 1.0, "peak_bytes": 2**20, "correct": 9, "total": 10}
    found = {one: heard | {"loss": [1.0, 0.1]} for one in runtimes.OURS} | {"other": heard | {"loss": [1.0, 0.2]}}
    result = {"title": "", "images": 1, "flops": 6e9, "runtimes": found}
    table = training_table("W1", result, peak=4e9)
    cells = {column.header: list(column.cells) for column in table.columns}
    assert cells["equal work"] == ["yes", "yes", "loss 50% apart"]
    assert cells["GFLOP/s"] == ["2", "2", "2"] and cells["of peak"] == ["50%"] * 3
    assert cells["s a round (lowest, highest)"] == ["3.00 (2.00, 4.00)"] * 3


def test_an_inference_process_prints_its_times(tmp_path, capsys):
    inference.write_models(mlp(DIGITS, (8,)), tmp_path)
    capsys.readouterr()
    inference.main("jaxdoodle (NumPy)", str(tmp_path), "warm")
    assert set(json.loads(capsys.readouterr().out)) == {"1", "256"}
