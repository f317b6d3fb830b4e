import json

import numpy as np
import pytest

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError
from jaxdoodle.formats import safetensors as to_safetensors
from jaxdoodle.inference.model_file import from_metadata, metadata_of
from jaxdoodle.nn import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    LeakyReLU,
    MaxPool2D,
    ModelSpec,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from tests.formats.conftest import build

safetensors = pytest.importorskip("safetensors", reason="needs the safetensors package")


@pytest.fixture(scope="session")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("safetensors") / "model.safetensors"
    to_safetensors.write(model, path)
    return path


def metadata_in(path):
    with safetensors.safe_open(path, "np") as file:
        return json.loads(file.metadata()["jaxdoodle"])


def spec_in(path):
    return from_metadata(metadata_in(path), params=(), golden_inputs=None, golden_logits=None).spec


def test_the_metadata_hold_spec_preprocessing_and_calibration(model, file):
    metadata = metadata_in(file)
    assert metadata == json.loads(json.dumps(metadata_of(model)))
    assert spec_in(file) == model.spec
    assert metadata["contract"]["centre"] == list(model.preprocessing.center)
    assert (metadata["temperature"], metadata["abstain_below"]) == (model.temperature, model.abstain_below)
    assert metadata["provenance"] == model.provenance


def test_jax_reads_it_and_computes_the_same(model, file, images, logits):
    jax = pytest.importorskip("jax", reason="needs JAX")
    from safetensors.flax import load_file

    from jaxdoodle.nn.model import apply

    tensors = load_file(file)
    spec = spec_in(file)
    params = [{name: tensors[f"layers.{i}.{name}"] for name in p} for i, p in enumerate(spec.param_shapes)]
    x = images.astype(np.float32) / np.float32(model.preprocessing.divisor)
    found = jax.jit(apply, static_argnums=0)(spec, params, x)
    np.testing.assert_allclose(found, logits, rtol=0, atol=1e-4)


def test_pytorch_reads_it_and_computes_the_same(model, file, images, logits):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    from safetensors.torch import load_file

    functional = torch.nn.functional
    tensors = load_file(file)

    def conv(layer, p, x):
        (top, bottom), (left, right) = layer.pads(tuple(x.shape[2:]))
        w = p["w"].permute(3, 2, 0, 1)
        return functional.conv2d(functional.pad(x, (left, right, top, bottom)), w, p["b"], layer.stride)

    torch_layers = {
        Dense: lambda layer, p, x: functional.linear(x, p["w"].T, p["b"]),
        Conv2D: conv,
        MaxPool2D: lambda layer, p, x: functional.max_pool2d(x, layer.window, layer.stride),
        AvgPool2D: lambda layer, p, x: functional.avg_pool2d(x, layer.window, layer.stride),
        GlobalAvgPool2D: lambda layer, p, x: x.mean((2, 3)),
        Flatten: lambda layer, p, x: x.permute(0, 2, 3, 1).flatten(1),
        ReLU: lambda layer, p, x: functional.relu(x),
        LeakyReLU: lambda layer, p, x: functional.leaky_relu(x, layer.slope),
        Sigmoid: lambda layer, p, x: torch.sigmoid(x),
        Tanh: lambda layer, p, x: torch.tanh(x),
        Softmax: lambda layer, p, x: torch.softmax(x, 1),
        Dropout: lambda layer, p, x: x,
        BatchNorm: lambda layer, p, x: functional.batch_norm(
            x, p["mean"], p["var"], p["scale"], p["shift"], eps=layer.epsilon
        ),
    }
    x = torch.tensor(images).permute(0, 3, 1, 2).float() / model.preprocessing.divisor
    spec = spec_in(file)
    for i, (layer, names) in enumerate(zip(spec.layers, spec.param_shapes, strict=True)):
        x = torch_layers[type(layer)](layer, {name: tensors[f"layers.{i}.{name}"] for name in names}, x)
    np.testing.assert_allclose(x.numpy(), logits, rtol=0, atol=1e-4)


def test_it_holds_the_reference_examples(model, file):
    with safetensors.safe_open(file, "np") as found:
        np.testing.assert_array_equal(found.get_tensor("goldens.inputs"), model.golden_inputs)
        np.testing.assert_array_equal(found.get_tensor("goldens.logits"), model.golden_logits)


def test_the_same_model_gives_the_same_bytes(model, file, tmp_path):
    to_safetensors.write(model, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


@nn.layer
class Same:
    """A layer that is not built in."""

    def forward(self, params, x, *, key=None):
        return x, ()

    def backward(self, residuals, dy):
        return {}, dy

    def numpy_forward(self, params, x):
        return x


def test_a_model_with_layers_of_its_own_is_read_with_their_classes(tmp_path):
    model = build(ModelSpec((Flatten(), Same(), Dense(2)), (4, 4, 1), ("a", "b")))
    to_safetensors.write(model, tmp_path / "own.safetensors")
    assert to_safetensors.read(tmp_path / "own.safetensors", [Same]).spec == model.spec
    with pytest.raises(InputError, match="type 'Same', which is not built in"):
        to_safetensors.read(tmp_path / "own.safetensors")
