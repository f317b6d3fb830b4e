"""Devices that share units, or images, do what one device does. A process of its own: JAX counts devices once."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxdoodle.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, ModelSpec, ReLU, Tanh, mlp
from jaxdoodle.training.hardware import layout
from jaxdoodle.training.hardware.layout import Layout, choose_layout, split_pairs

SCRIPT = """
import json
import jax
import numpy as np
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.nn import Dense, Dropout, Flatten, ModelSpec, ReLU, Tanh
from jaxdoodle.nn.penalties import L2
from jaxdoodle.training import Augment, TrainConfig, loop
from jaxdoodle.training.hardware import devices
from jaxdoodle.training.steps import outliers

outliers.GENERATED = 32
devices.use_cpu_devices(2)
spec = ModelSpec((Flatten(), Dense(8), ReLU(), Dropout(0.3), Dense(6), Tanh(), Dense(4), Dense(3)), (28, 28, 1))
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (26, 28, 28, 1), dtype=np.uint8)
data = Dataset("noise", images, rng.integers(0, 3, 26).astype(np.int32), tuple("abc"))
everything = {
    "augment": Augment(), "penalties": (L2(1e-3),), "clip_norm": 0.5, "ema_decay": 0.9, "optimizer": "adamw",
    "outliers": 0.25, "batch_size": 26,
}
tuned = {"freeze": 5, "optimizer": "momentum", "batch_size": 10}
start = [{name: rng.normal(0, 0.1, shape) for name, shape in shapes.items()} for shapes in spec.param_shapes]
found = {}
autodiff = {"gradients": "autodiff", "optimizer": "momentum", "batch_size": 10}
for name, options in {"autodiff": autodiff, "hand": everything, "fine-tuned": tuned}.items():
    runs = []
    for count in (1, 2):
        states = []
        config = TrainConfig(epochs=2, devices=count, **options)
        note = [lambda number, state, metrics: states.append(state)]
        result = loop.fit(spec, data, None, config, params=start if "freeze" in options else None, callbacks=note)
        runs.append([result.step_losses, [np.asarray(leaf).tolist() for p in result.params for leaf in p.values()]])
    moments = [leaf for leaf in jax.tree.leaves(states[-1].opt_state) if leaf.ndim == 2]
    held = sum(leaf.addressable_shards[0].data.size for leaf in moments) / sum(leaf.size for leaf in moments)
    found[name] = {"runs": runs, "held": held}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["hand", "autodiff", "fine-tuned"])
def test_devices_that_share_units_train_the_network_that_one_trains(found, name):
    (one_losses, one), (two_losses, two) = found[name]["runs"]
    np.testing.assert_allclose(two_losses, one_losses, rtol=1e-5)
    for one_device, two_devices in zip(one, two, strict=True):
        np.testing.assert_allclose(two_devices, one_device, rtol=1e-4, atol=5e-6)


def test_each_device_holds_its_half_of_the_optimizer_state_of_split_weights(found):
    assert found["hand"]["held"] == found["fine-tuned"]["held"] == 1 / 2  # all weights are of a pair


def spec_of(*layers, shape=(28, 28, 1)):
    return ModelSpec(layers, shape)


def test_dense_layers_are_paired_across_layers_that_compute_each_unit_on_its_own():
    spec = spec_of(Flatten(), Dense(8), ReLU(), Dropout(0.1), Dense(6), Tanh(), Dense(4), Dense(3), ReLU(), Dense(2))
    assert split_pairs(spec, 2) == ((1, 4), (6, 7))


def test_a_pair_whose_units_do_not_divide_is_skipped():
    assert split_pairs(spec_of(Flatten(), Dense(7), Dense(6), Dense(4)), 2) == ((2, 3),)


def test_normalization_between_two_layers_keeps_them_apart():
    assert split_pairs(spec_of(Flatten(), Dense(8), BatchNorm(), Dense(6)), 2) == ()


@pytest.mark.parametrize(
    ("spec", "batch_size", "options", "splits"),
    [
        (mlp("ab", (128, 64)), 128, {}, True),
        (mlp("ab", (128, 64)), 2048, {}, False),  # 2048 x 64 outputs are more than the parameters
        (mlp("ab", (128, 64)), 128, {"on_disk": True}, False),
        (spec_of(Conv2D(4, 3), Flatten(), Dense(8), Dense(2)), 16, {}, False),
    ],
)
def test_devices_share_what_they_send_each_other_less_for(spec, batch_size, options, splits):
    assert bool(choose_layout(spec, batch_size, 2, **options).splits) == splits
    assert choose_layout(spec, batch_size, 1, **options) == Layout(1)


def test_several_processes_share_the_batch(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert not choose_layout(mlp("ab", (128, 64)), 128, 2).splits


@pytest.mark.parametrize(("size", "batch_size"), [(24, 8), (20, 8), (4, 8)])
@pytest.mark.parametrize("devices", [1, 2, 4])
def test_the_parts_of_all_devices_make_the_batches_of_one(monkeypatch, devices, size, batch_size):
    monkeypatch.setattr(layout, "place", lambda order, sharding: order)
    monkeypatch.setattr(Layout, "order", None)
    order = np.random.default_rng(0).permutation(24).astype(np.int32)
    parts = Layout(devices).take(order, size, batch_size).reshape(devices, -1)
    share = batch_size // devices
    for step, start in enumerate(range(0, size, batch_size)):
        taken = parts[:, step * share : (step + 1) * share]
        assert sorted(taken.ravel()) == sorted(order[:size][start : start + batch_size])


def test_each_share_of_the_images_keeps_its_own_order(monkeypatch):
    monkeypatch.setattr(layout, "place", lambda order, sharding: order)
    monkeypatch.setattr(Layout, "order", None)
    order = np.array([3, 1, 0, 2, 2, 0, 3, 1], np.int32)
    assert Layout(2, shares_images=True).take(order, 4, 2).tolist() == [3, 1, 2, 0]
