"""Keras' files, made by Keras: a network of each kind of layer answers as it did, in each form of file."""

import os

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights import import_weights
from jaxdoodle.inference import Model

pytest.importorskip("h5py", reason="needs h5py")
#: Keras 3 makes arrays as NumPy 1 wanted.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras", reason="needs Keras")


#: Layers -> how they are made; Flatten and Dense(10) follow where the output is no row of ten.
NETWORKS = {
    "dense": lambda L: [L.Flatten(), L.Dense(7, activation="tanh"), L.Dense(10, activation="softmax")],
    "convolutions": lambda L: [L.Conv2D(3, 5, strides=2, padding="same", activation="relu"), L.MaxPooling2D(2)],
    "separable": lambda L: [L.DepthwiseConv2D(3, depth_multiplier=2), L.SeparableConv2D(4, 3, activation="sigmoid")],
    "dilated": lambda L: [L.Conv2D(3, 3, dilation_rate=2, use_bias=False), L.ReLU(max_value=6)],
    "grouped": lambda L: [L.Conv2D(4, 3), L.Conv2D(6, 3, groups=2), L.GlobalAveragePooling2D(), L.Dense(10)],
    "normalization": lambda L: [
        L.Rescaling(1 / 255), L.Normalization(mean=0.13, variance=0.09), L.Conv2D(3, 3), L.BatchNormalization(),
        L.LeakyReLU(negative_slope=0.2), L.AveragePooling2D(2),
    ],
    "padding": lambda L: [L.ZeroPadding2D(((1, 0), (2, 1))), L.Conv2D(2, 3), L.MaxPooling2D(3, padding="same")],
    "largest": lambda L: [L.Conv2D(10, 3), L.Activation("relu"), L.GlobalMaxPooling2D()],
    "left out": lambda L: [L.GaussianNoise(0.1), L.Reshape((784,)), L.Dropout(0.5), L.Dense(10, use_bias=False)],
}  # fmt: skip


@pytest.fixture(scope="module")
def networks(keras):
    made = {}
    for name, layers in NETWORKS.items():
        keras.utils.set_random_seed(1)
        x = inputs = keras.Input((28, 28, 1))
        for layer in layers(keras.layers):
            x = layer(x)
        if x.shape[1:] != (10,):
            x = keras.layers.Dense(10)(keras.layers.Flatten()(x))
        made[name] = keras.Model(inputs, x)
    return made


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_keras_answers_as_it_did(name, suffix, networks, tmp_path):
    net = networks[name]
    net.save(str(tmp_path / f"net{suffix}"))
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1), np.uint8)
    inputs = images.astype(np.float32) / 255
    expected = np.asarray(net(inputs, training=False))
    model = import_weights(tmp_path / f"net{suffix}", scaling=(255.0, 0.0, 1.0))
    found = Model.from_file(model).logits(images)
    if name == "dense":
        found = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_network_that_branches_is_refused_by_the_name_of_the_layer(keras, tmp_path):
    x = keras.Input((28, 28, 1))
    y = keras.layers.Conv2D(1, 3, padding="same")(x)
    keras.Model(x, keras.layers.Flatten()(keras.layers.Add(name="sum")([x, y]))).save(str(tmp_path / "net.keras"))
    with pytest.raises(InputError, match="joins or branches"):
        import_weights(tmp_path / "net.keras")
