"""The workloads are those of the reports, and their operations are counted right."""

from functools import partial

import numpy as np

from experiments.speed.workloads import WORKLOADS, Workload, load_data
from jaxdoodle.data import load_dataset
from jaxdoodle.nn.architectures import digit_cnn, mlp

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


def test_without_mnist_doodles_are_repeated_to_train_on_and_each_tests_once(tmp_path, monkeypatch):
    few = partial(load_dataset, per_class=40)
    monkeypatch.setattr("experiments.speed.workloads.load_dataset", few)
    splits = few("doodles", root=str(tmp_path))
    count = len(splits.train) + 7
    monkeypatch.setattr("experiments.speed.workloads.TRAIN_IMAGES", count)
    name, (images, labels), (test_images, test_labels) = load_data(str(tmp_path))
    assert name == "doodles" and images.dtype == np.uint8 and labels.dtype == test_labels.dtype == np.int32
    assert images.shape == (count, 28, 28, 1) and labels.shape == (count,)
    assert np.array_equal(images[-7:], splits.train.images[:7]) and np.array_equal(labels[-7:], labels[:7])
    assert np.array_equal(test_images, splits.test.images) and np.array_equal(test_labels, splits.test.labels)
