"""Two devices do what one does. A process of its own, because JAX counts devices once, when it starts."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.training.hardware import devices

SCRIPT = """
import json, sys
import numpy as np
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ModelSpec, ReLU
from jaxdoodle.training.hardware import devices as parallel
from jaxdoodle.training import TrainConfig, loop, setup
from jaxdoodle.training.steps import outliers

parallel.use_cpu_devices(2)
outliers.OVER = outliers.HALVES = 0.0
setup.collect = lambda train, *given: np.full((4, 28, 28, 1), 200, np.uint8)  # turned, they are what they were
spec = ModelSpec((Conv2D(3, 3), ReLU(), MaxPool2D(), Flatten(), Dense(32), ReLU(), Dense(4)), (28, 28, 1))
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (25, 28, 28, 1), dtype=np.uint8)
data = Dataset("noise", images, rng.integers(0, 4, 25).astype(np.int32), tuple("abcd"))


def fit(data, devices, batch_size, epochs, spec=spec, params=None, **options):
    config = TrainConfig(
        epochs=epochs, batch_size=batch_size, optimizer="sgd", learning_rate=0.1, schedule="constant", devices=devices,
        **options,
    )
    return loop.fit(spec, data, None, config, params=params)


def leaves(fit):
    return [np.asarray(leaf).tolist() for p in fit.params for leaf in p.values()]


even = Dataset("noise", images[:24], data.labels[:24], data.classes)
whole = [fit(even, devices, 10, 3) for devices in (1, 2)]
noisy = [fit(even, 2, 6, 1, ModelSpec((Flatten(), BatchNorm(), Dropout(0.5), Dense(4)), (28, 28, 1))) for _ in range(2)]
normalized = ModelSpec((Flatten(), BatchNorm(), Dense(4)), (28, 28, 1))
rest = fit(data, 2, 10, 2, normalized)
means = [fit(even, devices, 24, 1, normalized).params[1]["mean"].tolist() for devices in (1, 2)]
other = ModelSpec((*spec.layers[:-1], Dense(7)), (28, 28, 1))
start = [{k: np.float32(rng.normal(0, 0.1, shape)) for k, shape in sorted(p.items())} for p in other.param_shapes]
tuned = [fit(even, devices, 12, 2, params=start, freeze=3, outliers=0.5) for devices in (1, 2)]
print(json.dumps({
    "start": [np.asarray(leaf).tolist() for p in start for leaf in p.values()],
    "tuned": [leaves(one) for one in tuned],
    "tuned losses": [one.step_losses for one in tuned],
    "means": means,
    "params": [leaves(one) for one in whole],
    "losses": [one.step_losses for one in whole],
    "correct": [[epoch.training[1:] for epoch in one.history] for one in whole],
    "rest": [[epoch.training.total for epoch in rest.history], len(rest.step_losses)],
    "noisy": [leaves(one) for one in noisy],
}))
"""


@pytest.fixture(scope="module")
def found():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_network_has_arrays_that_are_sent_together_and_one_that_is_sent_alone():
    assert 13 * 13 * 3 * 32 >= devices.LARGE > 32 * 4


def test_two_devices_train_the_network_that_one_trains(found):
    one, two = found["params"]
    for one_device, two_devices in zip(one, two, strict=True):
        np.testing.assert_allclose(one_device, two_devices, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(*found["losses"], rtol=1e-5)


def test_two_devices_fine_tune_with_frozen_layers_and_outliers_as_one_does(found):
    one, two = found["tuned"]
    assert two[:2] == found["start"][:2] and two[2] != found["start"][2]  # the convolution is frozen
    for one_device, two_devices in zip(one, two, strict=True):
        np.testing.assert_allclose(one_device, two_devices, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(*found["tuned losses"], rtol=1e-5)


def test_the_right_answers_of_all_devices_are_counted(found):
    one, two = found["correct"]
    assert one == two and one[0][1] == 24


def test_what_does_not_divide_among_the_devices_is_left_out_of_the_epoch(found):
    assert found["rest"] == [[24, 24], 2 * 3]


def test_running_statistics_are_means_over_the_devices(found):
    """Each device normalizes its own 12 images; the mean of both means is the mean of all 24."""
    one, two = found["means"]
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)
    assert np.abs(one).max() > 0.01


def test_the_same_seed_gives_the_same_network_on_two_devices(found):
    one, two = found["noisy"]
    assert one == two


def test_more_devices_than_there_are_is_refused():
    there = len(jax.devices())
    with pytest.raises(InputError, match=rf"^devices is at most {there}, as many as JAX sees; got {there + 1}\.$"):
        devices.make_mesh(there + 1)


def test_a_platform_that_is_not_there_is_refused():
    before = jax.config.values["jax_platforms"]
    with pytest.raises(InputError, match=r"^device tpu: JAX finds none on this machine\.$"):
        devices.use_platform("tpu")
    assert jax.config.values["jax_platforms"] == before
    devices.use_platform("cpu")
    jax.config.update("jax_platforms", before)
