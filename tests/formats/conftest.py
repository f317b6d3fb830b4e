"""Models for the exports: random weights over every layer kind, and the reports' networks."""

import dataclasses
import math

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats import FORMATS, export, format_of
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
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
    layers,
)
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn
from jaxdoodle.preprocessing.config import MNIST, Preprocessing

DIGITS = [str(digit) for digit in range(10)]
NAMES = ["cat", 'é "quoted" ??/', "<b>&amp;</b></script>", "%s\\n"]

SPECS = {
    "every image layer": ModelSpec(
        (
            Conv2D(6, (3, 5), stride=(1, 2), padding="SAME"), BatchNorm(), LeakyReLU(0.2), AvgPool2D((2, 1)),
            Conv2D(5, 2, padding="SAME"), Sigmoid(), BatchNorm(), MaxPool2D((3, 2), stride=1), Softmax(), Dropout(0.5),
            Conv2D(8, 3), Tanh(), GlobalAvgPool2D(), Dense(7), Dropout(0.2), BatchNorm(), ReLU(), BatchNorm(), Dense(4),
        ),
        (12, 10, 1),
        NAMES,
    ),
    "ends in softmax": ModelSpec((Conv2D(3, 2, stride=2), ReLU(), Flatten(), Dense(4), Softmax()), (5, 4, 1), NAMES),
    "begins with batch norm": ModelSpec((BatchNorm(), Flatten(), Sigmoid(), Dense(4)), (4, 4, 1), NAMES),
    "pool after flat pixels": ModelSpec((MaxPool2D(2), AvgPool2D(3), Tanh(), Flatten(), Dense(4)), (6, 6, 1), NAMES),
    "doodle mlp": mlp(DIGITS, (64, 32), drop_rate=0.2),
    "digit cnn": digit_cnn(DIGITS),
    "sketch cnn": sketch_cnn(DIGITS, input_shape=(13, 12, 1)),
}  # fmt: skip

#: The examples of the built-in layers: a layer and the shape of its input.
EXAMPLES = [example for name in layers.__all__ for example in getattr(layers, name).examples()]


def around(layer, shape):
    """A network from images to classes with the layer in it."""
    before = (Flatten(), Dense(*shape)) if len(shape) == 1 else (Conv2D(shape[2], 1),)
    image = (4, 4, 1) if len(shape) == 1 else (*shape[:2], 1)
    count = math.prod(layer.output_shape(shape))
    names = [str(index) for index in range(count)]
    return ModelSpec((*before, Tanh(), layer, Flatten(), Dense(count)), image, names)


def build(spec, seed=0, **changes):
    rng = np.random.default_rng(seed)
    params = []
    for shapes in spec.param_shapes:
        p = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        if "w" in p:
            p["w"] *= np.float32(1.5 / math.sqrt(math.prod(p["w"].shape[:-1])))
        p |= {name: np.abs(value) + np.float32(0.3) for name, value in p.items() if name.endswith("var")}
        params.append(p)
    height, width, _ = spec.input_shape
    preprocessing = MNIST
    if (height, width) != (28, 28):
        preprocessing = Preprocessing(
            spec.input_shape, min(height, width) - 2, "box", (height / 2, width / 2), None, 255.0
        )
    inputs = draw_images(spec, 6, seed + 1)
    logits = Network(spec, params, preprocessing.divisor).logits(inputs)
    energy = np.median(np.log(np.exp(logits).sum(axis=1)))
    if isinstance(spec.layers[-1], Softmax):
        energy = None  # of probabilities it says nothing
    provenance = {"note": "*/ ?? // </script> {{model}}"}
    given = {"temperature": 1.7, "abstain_below": energy and float(energy), "provenance": provenance}
    return dataclasses.replace(ModelFile(spec, params, preprocessing, inputs, logits, **given), **changes)


def draw_images(spec, n, seed=5):
    """Half of the pixels ink, and the first image blank."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, *spec.input_shape), dtype=np.uint8)
    images[rng.random(images.shape) < 0.5] = 0
    images[0] = 0
    return images


@pytest.fixture(scope="session", params=SPECS)
def model(request):
    return build(SPECS[request.param])


@pytest.fixture(scope="session", params=EXAMPLES, ids=lambda example: f"{example[0]!r}, {example[1]}")
def example(request):
    """A model with an example of a built-in layer."""
    return build(around(*request.param))


@pytest.fixture
def carried(example, tmp_path):
    """``suffix -> path`` of the example in a format, or ``None`` where the format refuses the layer by name."""

    def write(suffix):
        layer, path = example.spec.layers[-3], tmp_path / f"model{suffix}"
        if FORMATS[format_of(path)].carries(layer):
            export(example, path)
            return path
        refusal = f"cannot carry {type(layer).__name__}: [^;]*; npz, safetensors, zipapp can.$"
        with pytest.raises(InputError, match=refusal):
            export(example, path)
        return None

    return write


@pytest.fixture(scope="session")
def images(model):
    return draw_images(model.spec, 40)


@pytest.fixture(scope="session")
def logits(model, images):
    return Network(model.spec, model.params, model.preprocessing.divisor).logits(images)


@pytest.fixture(scope="session")
def digits():
    """The digit network with random weights, which never abstains."""
    return build(SPECS["digit cnn"], abstain_below=None)


@pytest.fixture(scope="session")
def every_layer():
    return build(SPECS["every image layer"])


@pytest.fixture(scope="session")
def images_for():
    """``(model, n) -> images``"""
    return lambda model, n: draw_images(model.spec, n)


@pytest.fixture(scope="session")
def build_spec():
    """``spec -> model`` with random weights."""
    return build
