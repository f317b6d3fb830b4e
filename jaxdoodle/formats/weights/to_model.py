"""Weight import, one path for every format: read, name the layers, decide their axes, find the network, prove it."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.core.types import NDArray, Shape
from jaxdoodle.data import synthetic
from jaxdoodle.data.catalog import list_datasets, load_dataset
from jaxdoodle.formats import safetensors
from jaxdoodle.formats.weights.chain import Chain
from jaxdoodle.formats.weights.layouts import orientations
from jaxdoodle.formats.weights.names import layers_of
from jaxdoodle.formats.weights.proof import CheckSet, Inputs, Proven, prove, scaling_of, sized, transposed, usual_inputs
from jaxdoodle.formats.weights.readers import one_line, read_weights
from jaxdoodle.formats.weights.source import Weights
from jaxdoodle.formats.weights.structures import Candidate, candidates
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.preprocessing.config import MNIST, Preprocessing

DIGITS = tuple(map(str, range(10)))
#: Networks that are told apart by their accuracy.
MAX_CANDIDATES = 400
#: How far apart in penalty two networks are of which the more usual is taken without being measured.
SURE = 0.9
#: A network that multiplies its inputs by less than this takes bytes.
LARGEST_BYTE_SCALE = 0.05
#: Training images whose mean and standard deviation are measured.
STATISTICS = 10_000


def import_weights(
    path: str | os.PathLike[str],
    preprocessing: Preprocessing = MNIST,
    classes: Sequence[str] = (),
    activation: str | None = None,
    spec: nn.ModelSpec | None = None,
    layout: str | None = None,
    layers: Sequence[type] = (),
    *,
    scaling: tuple[float, float, float] | None = None,
    check: CheckSet | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> ModelFile:
    """A model from a file of weights of another program; the first bytes of the file decide its format.

    A ``.safetensors`` file that ``jaxdoodle.formats.export`` wrote needs none of the arguments after ``path``.

    Args:
      path: The file. Nothing in it is run.
      preprocessing: How the images that the weights were trained on were made; size and scaling are found out.
      classes: Names of the outputs in order; by default "0", "1", ...
      activation: Name of the activation between the layers ("relu", "leaky_relu", "sigmoid", "tanh"), where neither
        the file nor a measurement says.
      spec: The network, where the shapes of the weights leave it open.
      layout: A name of ``LAYOUTS``, where the shapes fit both.
      layers: Classes marked ``@nn.layer`` in a .safetensors file of ``export``, beside the built-in ones.
      scaling: Divisor, mean and standard deviation of the inputs, where they are known.
      check: Images to measure the accuracy on, from ``check_set``: it decides what the file leaves open.
      say: Called with each line of what was found.

    Returns:
      The content of a model file, with four reference examples.

    Raises:
      InputError: The file cannot be read or leaves something open; one line that begins with the path.
    """
    with np.errstate(all="ignore"):  # what is not finite is refused
        return _import(Path(path), preprocessing, tuple(classes), activation, spec, layout, layers, scaling, check, say)


def _import(
    path: Path,
    preprocessing: Preprocessing,
    classes: tuple[str, ...],
    activation: str | None,
    spec: nn.ModelSpec | None,
    layout: str | None,
    layers: Sequence[type],
    scaling: tuple[float, float, float] | None,
    check: CheckSet | None,
    say: Callable[[str], object],
) -> ModelFile:
    try:
        if path.suffix == ".safetensors" and path.is_file() and (whole := safetensors.read(path, layers)):
            return whole
        format_name, weights = read_weights(path)
        if spec and classes:
            spec = replace(spec, classes=classes)
        found = _candidates(weights, preprocessing.image_shape, activation, spec, layout)
        outputs = found[0].spec.output_shape[0]
        given = Inputs("those given", *scaling) if scaling else None
        names = classes or found[0].spec.classes or tuple(map(str, range(outputs)))
        if len(names) != outputs:
            raise InputError(f"has {outputs} outputs; --classes names {len(names)}.")
        proven = _proven(found, given, check, not classes and names == DIGITS)
        candidate, inputs = proven.candidate, proven.inputs
        used = sized(preprocessing, candidate.spec.input_shape, scaling_of(candidate, inputs))
        if inputs.transposed:
            candidate = transposed(candidate)
        if inputs.shifted:
            names = (*names[1:], names[0])
        chosen = nn.ModelSpec(candidate.spec.layers, candidate.spec.input_shape, names)
        images = _reference_images(chosen.input_shape)
        logits = Network(chosen, candidate.params, *used.scaling).logits(images)
        if not np.isfinite(logits).all():
            raise InputError("gives numbers that are not finite.")
    except InputError as error:
        raise InputError(f"{path}: {one_line(str(error))}") from None
    except ModuleNotFoundError as error:
        extra = "onnx" if error.name == "onnx" else "import"
        raise InputError(f"{path}: reading it needs {error.name}; {install_hint(extra)}.") from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    origin: dict[str, Any] = {"imported_from": path.name, "sha256": digest, "format": format_name}
    if candidate.layout:
        origin["layout"] = candidate.layout
    if proven.correct is not None and check:
        origin["check"] = {"dataset": check.name, "correct": proven.correct, "total": proven.total}
    _tell(say, proven, check)
    return ModelFile(chosen, candidate.params, used, images, logits, provenance=origin)


def check_set(name: str | None, classes: Sequence[str], root: str | None) -> CheckSet | None:
    """The images that an import is measured on.

    Args:
      name: A dataset, as for ``load_dataset``; None for MNIST or the doodles, where they are at hand and have the
        classes.
      classes: Names of the outputs, or () for the digits.
      root: The data folder, as for ``load_dataset``.

    Returns:
      At most 10,000 test images; None where no dataset is at hand.

    Raises:
      InputError: The dataset that is named cannot be loaded.
    """
    if name is None:
        at_hand = {status.name for status in list_datasets(root) if status.present}
        if set(classes or DIGITS) == set(DIGITS) and "mnist" in at_hand:
            name = "mnist"
        elif classes and set(classes) <= set(synthetic.CLASSES):
            name = "doodles"
        else:
            return None
    splits = load_dataset(name, classes=tuple(classes) or None, root=root)
    test, train = splits.test, splits.train
    if not len(test) or not len(train):
        raise InputError(f"{name}: has no test images, or no training images; an import is measured on both.")
    part = np.random.default_rng(0).permutation(len(test))[:10_000]
    pixels = np.asarray(train.images[:STATISTICS]) / np.float32(255)
    mean, std = round(float(pixels.mean()), 4), round(float(pixels.std()), 4)
    if name == "mnist" and not classes:
        mean, std = 0.1307, 0.3081  # of all 60,000 training images, as everybody writes them
    return CheckSet(name, np.asarray(test.images[np.sort(part)]), test.labels[np.sort(part)], mean, std)


def _candidates(
    weights: Weights, image_shape: Shape, activation: str | None, spec: nn.ModelSpec | None, layout: str | None
) -> list[Candidate]:
    if weights.network:
        return [_described(weights.network, image_shape)]
    arrays = {name: _floats(name, array) for name, array in weights.arrays.items() if array.ndim}
    found: list[Candidate] = []
    for oriented in orientations(layers_of(arrays), layout, weights.outputs_first, spec is None):
        known = weights.outputs_first is not None
        likely = candidates(oriented, image_shape, activation, spec, weights.epsilon, known)
        found += islice(likely, MAX_CANDIDATES - len(found))
    if not found:
        shapes = ", ".join(str(array.shape) for array in arrays.values() if array.ndim > 1)
        raise InputError(f"which network is it? No usual one has weights of shapes {shapes}; give --spec.")
    outputs = {candidate.spec.output_shape for candidate in found}
    if len(outputs) > 1:
        raise InputError("which axis is which? The weights fit both layouts: give --layout.")
    return sorted(found, key=lambda candidate: candidate.penalty)


def _floats(name: str, array: NDArray[np.generic]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        floats = np.asarray(array, np.float32)
    if not np.isfinite(floats).all():
        raise InputError(f"{name} holds {array.dtype} that are not all finite float32 numbers.")
    return floats


def _described(chain: Chain, image_shape: Shape) -> Candidate:
    """A network that the file describes; a last layer that keeps the order of the outputs is left out."""
    layers, params, shape = list(chain.layers), list(chain.params), chain.input_shape
    while layers and isinstance(layers[-1], nn.Softmax | nn.Sigmoid | nn.Tanh | nn.Dropout):
        layers.pop()
        params.pop()
    if len(shape) == 1:
        features = shape[0]
        side = math.isqrt(features)
        shape = image_shape if features == math.prod(image_shape) else (side, side, 1)
        layers, params = [nn.Flatten(), *layers], [{}, *params]
    elif len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or shape[2] != 1 or math.prod(shape) != math.prod(chain.input_shape):
        raise InputError(f"takes inputs of shape {chain.input_shape}; expected gray images.")
    if not chain.scale or not all(np.isfinite(v).all() for own in params for v in own.values()):
        raise InputError("multiplies its inputs by zero, or holds numbers that are not finite.")
    spec = nn.ModelSpec(layers, shape)
    if len(spec.output_shape) != 1:
        raise InputError(f"gives outputs of shape {spec.output_shape}; expected one score for each class.")
    return Candidate(spec, params, scale=chain.scale, offset=chain.offset)


def _proven(found: list[Candidate], given: Inputs | None, check: CheckSet | None, may_shift: bool) -> Proven:
    default = next(
        inputs
        for inputs in usual_inputs()
        if inputs.text == ("x" if abs(found[0].scale) < LARGEST_BYTE_SCALE else "x / 255")
    )
    outputs = found[0].spec.output_shape[0]
    if check and outputs != len(set(check.labels.tolist()) | set(range(int(check.labels.max()) + 1))):
        warning = f"has {outputs} outputs, {check.name} {int(check.labels.max()) + 1} classes"
        return replace(_unmeasured(found, given or default), warning=f"not measured: {warning}")
    if check:
        return prove(found, given, check, may_shift, default)
    proven = _unmeasured(found, given or default)
    own = found[0].scale != 1 or found[0].offset != 0
    reason = "which the file says" if given is None and own else "which nothing says"
    return proven if given else replace(proven, warning=f"not measured; inputs are taken to be {default}, {reason}")


def _unmeasured(found: list[Candidate], inputs: Inputs) -> Proven:
    """The one network, or the question that would decide."""
    close = [c for c in found if c.penalty <= found[0].penalty + SURE]
    names = list(dict.fromkeys(c.activation for c in close))
    if len(names) > 1:
        raise InputError(
            f"which activation is between the layers? Weights do not say: --activation {', '.join(names)}."
        )
    if len({str(c.spec) for c in close}) > 1:
        texts = " or ".join(", ".join(map(str, c.spec.layers)) for c in close[:2])
        raise InputError(
            f"which network is it? {len(close)} fit the weights; give --spec, or --check DATASET: {texts}."
        )
    if len(close) > 1:
        raise InputError("which axis is which? The weights fit both layouts: --layout inputs first, outputs first.")
    return Proven(found[0], inputs)


def _tell(say: Callable[[str], object], proven: Proven, check: CheckSet | None) -> None:
    if proven.correct is not None and check:
        percent = 100 * proven.correct / proven.total
        of = f"{proven.correct:,} of {proven.total:,} right ({percent:.2f} %)"
        say(f"{check.name} test: {of} with inputs {proven.inputs}")
        for line in proven.lines:
            say(f"  {line}")
    if proven.warning:
        say(f"WARNING: {proven.warning}")


def _reference_images(shape: Shape) -> NDArray[np.uint8]:
    """Four images for the reference examples: doodles, or noise where images have another size."""
    rng = np.random.default_rng(0)
    if shape == (28, 28, 1):
        return np.stack([synthetic.generate(name, 1, rng)[0] for name in synthetic.CLASSES[:4]])[..., None]
    return rng.integers(0, 256, (4, *shape), dtype=np.uint8)
