"""The runtimes that need nothing further train, and each is asked for what it can do."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.speed import runtimes
from experiments.speed.workloads import WORKLOADS
from jaxdoodle.nn.architectures import mlp

KINDS = ("cpu", "gpu")
GRAM = "jaxdoodle, Gram matrix"


@pytest.mark.usefixtures("as_users_run")
@pytest.mark.parametrize("runtime", ["jaxdoodle", "JAX, compiled epoch"])
def test_runtimes_of_jax_train(runtime):
    workload = replace(WORKLOADS["W2-32"], batch_size=8)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 40).astype(np.int32)
    images = np.zeros((40, 28, 28, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 6] = 255
    trainer = runtimes.RUNTIMES[runtime][1](workload, images, labels)
    losses = [trainer.epoch() for _ in range(12)]
    assert losses[-1] < losses[0] / 2
    assert trainer.predict(images).shape == (40,)


@pytest.mark.usefixtures("as_users_run")
def test_a_compiled_epoch_without_the_library_does_the_same_work():
    workload = replace(WORKLOADS["W1"], batch_size=16)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 28, 28, 1), np.uint8)
    labels = rng.integers(0, 10, 40).astype(np.int32)
    ours, bare = (runtimes.RUNTIMES[name][1](workload, images, labels) for name in ("jaxdoodle", "JAX, compiled epoch"))
    np.testing.assert_allclose([ours.epoch(), ours.epoch()], [bare.epoch(), bare.epoch()], rtol=1e-4)


@pytest.mark.usefixtures("as_users_run")
def test_descent_by_the_gram_matrix_has_the_costs_and_the_answers_of_the_plain_way():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 28, 28, 1), np.uint8), rng.integers(0, 10, 60).astype(np.int32)
    workload = replace(WORKLOADS["W4"], spec=mlp("0123456789", (32,)), batch_size=60, images=60, learning_rate=0.02)
    plain, gram = (runtimes.RUNTIMES[name][1](workload, images, labels) for name in ("jaxdoodle", GRAM))
    costs = np.array([(plain.epoch(), gram.epoch()) for _ in range(60)])
    np.testing.assert_allclose(costs[:, 0], costs[:, 1], rtol=1e-4)
    assert costs[-1, 0] < costs[0, 0] * 0.8  # so its answers to other images are those of weights that have moved
    others = rng.integers(0, 256, (200, 28, 28, 1), np.uint8)
    assert (plain.predict(others) == gram.predict(others)).mean() >= 0.99


def test_the_gram_matrix_is_for_full_batches_alone():
    assert [name for name, workload in WORKLOADS.items() if runtimes.applies(GRAM, workload, "cpu")] == ["W4"]


def test_autocast_changes_the_loss_by_its_rounding_alone():
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (64, 28, 28, 1), np.uint8), np.arange(64, dtype=np.int32) % 10
    names = "PyTorch", "PyTorch, bfloat16"
    exact, rounded = (runtimes.RUNTIMES[name][1](WORKLOADS["W1"], images, labels).epoch() for name in names)
    assert 0 < abs(exact - rounded) < 0.02 * exact


def test_scikit_learn_is_not_asked_for_convolutions():
    able = {name: runtimes.applies("scikit-learn", workload, "cpu") for name, workload in WORKLOADS.items()}
    assert able == {"W1": True, "W2-32": False, "W2-128": False, "W3": False, "W4": True}


def test_cuda_graphs_are_for_gpus_and_a_processor_alone_is_split():
    on = {kind: {name for name in runtimes.RUNTIMES if runtimes.applies(name, WORKLOADS["W1"], kind)} for kind in KINDS}
    assert on["cpu"] ^ on["gpu"] == {"jaxdoodle, per core", "PyTorch, CUDA graphs"}
    assert "PyTorch, CUDA graphs" in on["gpu"]
