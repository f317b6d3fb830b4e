"""Weight import: the shapes of the arrays decide the network; what they leave open is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.core.types import NDArray, Shape
from jaxdoodle.data import synthetic
from jaxdoodle.formats import safetensors
from jaxdoodle.formats.weights.read_arrays import read_arrays
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.nn.architectures import ACTIVATIONS
from jaxdoodle.preprocessing.config import Preprocessing

#: Layout of a weight array -> how its axes are brought to (in, out), and (height, width, in, out).
LAYOUTS: Mapping[str, Mapping[int, tuple[int, ...]]] = {
    "inputs first": {2: (0, 1), 4: (0, 1, 2, 3)},  # NumPy by hand, Keras, JAX
    "outputs first": {2: (1, 0), 4: (2, 3, 1, 0)},  # PyTorch; NumPy by hand where y = W x
}
#: Parameter of a BatchNorm -> its names in files: of this package, Keras, PyTorch, and the index in Keras's list.
NORM_NAMES = {
    "scale": ("scale", "gamma", "weight", "0"),
    "shift": ("shift", "beta", "bias", "1"),
    "mean": ("mean", "moving_mean", "running_mean", "2"),
    "var": ("var", "moving_variance", "running_var", "3"),
}


#: Arrays by name; of a layer, they are "w" and "b", or those of a BatchNorm.
Arrays = dict[str, NDArray[np.float32]]
#: Layout, network, parameters.
Match = tuple[str, nn.ModelSpec, list[Arrays]]


def import_weights(
    path: Path,
    preprocessing: Preprocessing,
    classes: Sequence[str] = (),
    activation: str | None = None,
    spec: nn.ModelSpec | None = None,
    layout: str | None = None,
    layers: Sequence[type] = (),
) -> ModelFile:
    """A model from a file of weights: .pkl, .npz, .safetensors or .weights.h5.

    A .safetensors file that ``jaxdoodle.formats.export`` wrote needs none of the arguments after ``path``.

    Args:
      path: The file. A pickle is read without running anything in it.
      preprocessing: How the images that the weights were trained on were made.
      classes: Names of the outputs in order; by default "0", "1", ...
      activation: Name of the activation between the layers ("relu", "leaky_relu", "sigmoid", "tanh"); needed where
        there are hidden layers and no ``spec``.
      spec: The network, where the shapes of the weights leave it open.
      layout: A name of ``LAYOUTS``, where the shapes fit both.
      layers: Classes marked ``@nn.layer`` in a .safetensors file of ``export``, beside the built-in ones.

    Returns:
      The content of a model file, with four reference examples.

    Raises:
      InputError: The file cannot be read or leaves something open; one line that begins with the path.
    """
    try:
        if path.suffix == ".safetensors" and (whole := safetensors.read(path, layers)):
            return whole
        if spec:
            spec = replace(spec, classes=tuple(classes) or spec.classes or _numbered(spec.output_shape[-1]))
        image_shape = preprocessing.image_shape
        found = _layers_in(read_arrays(path))

        def candidates(ordered: list[Arrays]) -> Iterator[nn.ModelSpec]:
            return iter([spec]) if spec else _candidates(ordered, image_shape, classes, activation)

        layouts = [layout] if layout else LAYOUTS
        name, chosen, params = _only([match for name in layouts for match in _matches(found, name, candidates)], found)
        inputs = _reference_images(image_shape)
        logits = Network(chosen, params, preprocessing.divisor).logits(inputs)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except ModuleNotFoundError as error:
        raise InputError(f"{path}: reading it needs {error.name}; {install_hint('import')}.") from None
    origin = {"imported_from": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "layout": name}
    return ModelFile(chosen, params, preprocessing, inputs, logits, provenance=origin)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def _reference_images(shape: Shape) -> NDArray[np.uint8]:
    """Four images for the reference examples: doodles, or noise where images have another size."""
    rng = np.random.default_rng(0)
    if shape == (28, 28, 1):
        return np.stack([synthetic.generate(name, 1, rng)[0] for name in synthetic.CLASSES[:4]])[..., None]
    return rng.integers(0, 256, (4, *shape), dtype=np.uint8)


def _layers_in(arrays: Arrays) -> list[Arrays]:
    """Arrays grouped into layers: by the part of the name that they share, or else each matrix with the next vector."""
    groups: dict[str, Arrays] = {}
    for name, array in arrays.items():
        group, _, last = name.rpartition(".")
        groups.setdefault(group, {})[last] = array
    layers = [_layer_of(list(group.items())) for group in groups.values()]
    if layers and all(layers):
        return [layer for layer in layers if layer]
    matrices = [(name, array) for name, array in arrays.items() if not _is_vector(array)]
    vectors = [(name, array) for name, array in arrays.items() if _is_vector(array)]
    if not matrices or len(vectors) not in (0, len(matrices)):
        listed = ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:12]) or "no arrays"
        raise InputError(f"which arrays belong together? Expected a bias for each weight; got {listed}.")
    pairs = zip(*([matrices, vectors] if vectors else [matrices]), strict=True)
    return [layer for pair in pairs if (layer := _layer_of(list(pair)))]


def _layer_of(arrays: list[tuple[str, NDArray[np.float32]]]) -> Arrays | None:
    weights = [array for _, array in arrays if not _is_vector(array)]
    vectors = {key: array.reshape(-1) for key, array in arrays if _is_vector(array)}
    if len(weights) == 1 and len(vectors) <= 1 and weights[0].ndim in (2, 4):
        return dict(zip(("w", "b"), [weights[0], *vectors.values()], strict=False))
    if not weights and len(vectors) == 4:
        norm = {param: vectors[one] for param, names in NORM_NAMES.items() for one in names if one in vectors}
        return norm if len(norm) == 4 else None
    return None


def _is_vector(array: NDArray[np.float32]) -> bool:
    """Whether it has one axis, or is a matrix of one row or column, as biases often are."""
    return array.ndim == 1 or array.ndim == 2 and 1 in array.shape


def _matches(
    layers: list[Arrays], layout: str, candidates: Callable[[list[Arrays]], Iterator[nn.ModelSpec]]
) -> Iterator[Match]:
    """The networks whose parameters have the shapes of the layers in this layout, each with its parameters."""
    ordered = _in_order([_transposed(layer, LAYOUTS[layout]) for layer in layers])
    found = [{name: value.shape for name, value in layer.items()} for layer in ordered]
    for candidate in candidates(ordered):
        if found == [shapes for shapes in candidate.param_shapes if shapes]:
            remaining = iter(ordered)
            params = [dict(next(remaining)) if shapes else {} for shapes in candidate.param_shapes]
            if layout == "outputs first":
                _reorder_flattened(candidate, params)
            yield layout, candidate, params


def _transposed(layer: Arrays, axes: Mapping[int, Shape]) -> Arrays:
    if "w" not in layer:
        return layer
    w = layer["w"].transpose(axes[layer["w"].ndim])
    return {"w": np.ascontiguousarray(w), "b": layer.get("b", np.zeros(w.shape[-1], np.float32))}


def _reorder_flattened(spec: nn.ModelSpec, params: list[Arrays]) -> None:
    """Where channels come first they vary slowest in a flattened image; in NHWC they vary fastest."""
    for i, (layer, shape) in enumerate(zip(spec.layers, spec.shapes[:-1], strict=True)):
        if isinstance(layer, nn.Flatten) and shape[-1] > 1:
            after = next(p for p in params[i:] if "w" in p)
            height, width, channels = shape
            w = after["w"].reshape(channels, height, width, -1)
            after["w"] = np.ascontiguousarray(w.transpose(1, 2, 0, 3)).reshape(after["w"].shape)


def _in_order(layers: list[Arrays]) -> list[Arrays]:
    """As they are, if each takes the output of the one before it; else in the only order in which that is so."""
    if _joins(layers):
        return layers
    orders = [order for _, order in zip(range(2), _orders([], layers), strict=False)] if len(layers) < 10 else []
    return orders[0] if len(orders) == 1 else layers


def _orders(begun: list[Arrays], left: list[Arrays]) -> Iterator[list[Arrays]]:
    if not left:
        yield begun
    for i, layer in enumerate(left):
        if _joins([*begun, layer]):
            yield from _orders([*begun, layer], left[:i] + left[i + 1 :])


def _joins(layers: list[Arrays]) -> bool:
    """Convolutions on one channel first, then matrices; each input as large as the output before it, or, flattened,
    a multiple of that."""
    size, flat = 1, False
    for layer in layers:
        if "w" not in layer:
            if layer["mean"].shape != (size,):
                return False
            continue
        w = layer["w"]
        if w.ndim == 4 and (flat or w.shape[2] != size):
            return False
        if w.ndim == 2 and (w.shape[0] % size or (flat and w.shape[0] != size)):
            return False
        size, flat = w.shape[-1], w.ndim == 2
    return True


def _candidates(
    layers: list[Arrays], image_shape: Shape, classes: Sequence[str], activation: str | None
) -> Iterator[nn.ModelSpec]:
    """Networks of the usual form: convolutions of stride 1, each with or without a 2x2 max-pool, then dense layers."""
    if any("w" not in layer for layer in layers):
        raise InputError("where is the normalization, and what is its epsilon? Weights do not say; give a spec.")
    convolutions = sum(layer["w"].ndim == 4 for layer in layers)
    hidden = len(layers) - 1
    if hidden and activation is None:
        raise InputError(
            f"which activation is between the {hidden + 1} layers? Weights do not say: {', '.join(ACTIVATIONS)}."
        )
    between = ACTIVATIONS[activation] if activation else None
    names = tuple(classes) or _numbered(layers[-1]["w"].shape[-1])
    paddings = ("VALID", "SAME") if convolutions else ("VALID",)
    heads = (nn.Flatten(), nn.GlobalAvgPool2D()) if convolutions else (nn.Flatten(),)
    seen = set()
    for padding, pools, head in product(paddings, product((True, False), repeat=convolutions), heads):
        built = _built(layers, between, padding, list(pools), head)
        try:
            candidate = nn.ModelSpec(tuple(built), image_shape, names)
        except InputError:
            continue
        if candidate not in seen:
            seen.add(candidate)
            yield candidate


def _built(
    layers: list[Arrays], between: nn.Layer | None, padding: str, pools: list[bool], head: nn.Layer
) -> Iterator[nn.Layer]:
    flat = False
    for index, layer in enumerate(layers):
        w = layer["w"]
        if w.ndim == 4:
            yield nn.Conv2D(w.shape[3], w.shape[:2], padding=padding)
        else:
            if not flat:
                yield head
            flat = True
            yield nn.Dense(w.shape[1])
        if between and index + 1 < len(layers):
            yield between
        if not flat and pools.pop(0):
            yield nn.MaxPool2D()


def _only(matches: list[Match], layers: list[Arrays]) -> Match:
    if len(matches) == 1:
        return matches[0]
    shapes = ", ".join(str(tuple(layer["w"].shape)) for layer in layers if "w" in layer)
    if not matches:
        raise InputError(f"which network is it? No usual one has weights of shapes {shapes}; give a spec.")
    if len({name for name, _, _ in matches}) > 1:
        raise InputError(f"which axis is which? Weights of shapes {shapes} fit both layouts: {', '.join(LAYOUTS)}.")
    texts = " or ".join(", ".join(map(str, spec.layers)) for _, spec, _ in matches[:2])
    raise InputError(f"which network is it? {len(matches)} have weights of shapes {shapes}; give a spec: {texts}.")
