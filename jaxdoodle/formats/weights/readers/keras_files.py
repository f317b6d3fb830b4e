"""Keras' files: ``.keras``, ``.h5`` with or without the network, ``.weights.h5``, of Keras 2 and 3; and other HDF5.

Where the file describes the network, its layers are built from the description. HDF5 is read by h5py.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.formats.weights.chain import Chain
from jaxdoodle.formats.weights.readers.keras_layers import LAYERS
from jaxdoodle.formats.weights.readers.npy import content, members, open_zip
from jaxdoodle.formats.weights.readers.tensors import by_name
from jaxdoodle.formats.weights.source import Budget, Weights

SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: Of batch normalization in Keras.
EPSILON = 1e-3
#: Groups and datasets of a file; one of a hundred layers has a thousand.
MAX_OBJECTS = 20_000
MAX_NESTING = 8
#: What a layer keeps, by the number of its arrays.
ROLES = {1: ("kernel",), 2: ("kernel", "bias"), 4: ("gamma", "beta", "mean", "var")}


def read_keras(data: bytes, budget: Budget) -> Weights:
    """A ``.keras`` file: the description as JSON beside the weights in HDF5."""
    files = members(archive := open_zip(data))
    description = json.loads(content(archive, files["config.json"], budget))
    return _read(content(archive, files["model.weights.h5"], budget), budget, description)


def read_h5(data: bytes, budget: Budget) -> Weights:
    """An HDF5 file."""
    return _read(data, budget, None)


def _read(data: bytes, budget: Budget, description: Any) -> Weights:
    import h5py

    with h5py.File(io.BytesIO(data), "r") as file:
        if description is None and "model_config" in file.attrs:
            description = json.loads(_text(file.attrs["model_config"]))
        root = file["model_weights"] if "model_weights" in file else file
        found = _by_layer(root, budget)
        matlab = data[:10] == b"MATLAB 7.3"
        keras = "layer_names" in root.attrs or "layers" in root
    if description is not None:
        return Weights(network=_network(description, found), outputs_first=False, epsilon=EPSILON)
    arrays = {}
    for layer, kept in found.items():
        for index, array in enumerate(kept.values()):
            names = ROLES.get(len(kept), ()) if len(kept) < 4 or array.ndim == 1 else ()
            name = names[index] if names and all(key.isdigit() for key in kept) else list(kept)[index]
            arrays[f"{layer}.{name}" if layer else name] = array.T if matlab else array
    return Weights(arrays, outputs_first=False if keras else None, epsilon=EPSILON)


def _by_layer(root: Any, budget: Budget) -> dict[str, dict[str, NDArray[Any]]]:
    """Name of a layer -> its arrays by their last names, in their order."""
    if "layer_names" in root.attrs:  # Keras 2, and whole models
        found = {}
        for layer in map(_text, root.attrs["layer_names"]):
            names = [_text(name) for name in root[layer].attrs.get("weight_names", ())]
            found[layer] = {name.split("/")[-1].split(":")[0]: _array(root[layer][name], budget) for name in names}
        return found
    grouped: dict[str, dict[str, NDArray[Any]]] = {}
    for path, dataset, named in by_name({path: (path, *rest) for path, *rest in _datasets(root)}).values():
        folder, _, last = path.rpartition("/")
        if not path.startswith("optimizer") and dataset.dtype.kind in "fiu":
            grouped.setdefault(named or folder.replace("/", "."), {})[last] = _array(dataset, budget)
    return grouped


def _datasets(root: Any) -> Iterator[tuple[str, Any, str]]:
    """Path of each dataset, itself, and the name of its layer in Keras 3."""
    import h5py

    count, stack = 0, [("", root)]
    while stack:
        path, item = stack.pop()
        count += 1
        if count > MAX_OBJECTS or path.count("/") > 4 * MAX_NESTING:
            raise InputError(f"has more than {MAX_OBJECTS:,} groups, or groups nested deeper than {4 * MAX_NESTING}.")
        if isinstance(item, h5py.Dataset):
            parent = item.parent
            own = parent.name.endswith("/vars") and "name" in parent.attrs
            yield path, item, _text(parent.attrs["name"]) if own else ""
            continue
        for name in item:
            if isinstance(item.get(name, getlink=True), h5py.HardLink):
                stack.append((f"{path}/{name}" if path else str(name), item[name]))


def _array(dataset: Any, budget: Budget) -> NDArray[Any]:
    if dataset.external or dataset.is_virtual:
        raise InputError(f"{dataset.name} is kept in another file.")
    if dataset.dtype.kind not in "fiu" or dataset.dtype.itemsize > 8:
        raise InputError(f"{dataset.name} holds {dataset.dtype}; only numbers are read.")
    budget.take(dataset.size, dataset.dtype.itemsize)
    return np.asarray(dataset[()])


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _network(description: Any, found: Mapping[str, Mapping[str, NDArray[Any]]]) -> Chain:
    layers = list(_layers(description, 0))
    shape = next((shape for layer in layers if (shape := _input_shape(layer))), None) or _input_shape(description)
    if not shape:
        raise InputError("does not say the shape of its inputs.")
    chain = Chain(shape)
    seen: dict[str, int] = {}
    for layer in layers:
        kind, config = layer["class_name"], layer["config"]
        if kind not in LAYERS:
            raise InputError(f"has the layer {str(kind)[:60]}, which has no equivalent here.")
        alias = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
        seen[alias] = seen.get(alias, -1) + 1
        alias += f"_{seen[alias]}" if seen[alias] else ""
        kept = found.get(config["name"], found.get(f"layers.{alias}.vars", {}))
        try:
            LAYERS[kind](chain, config, list(kept.values()))
        except InputError as error:
            raise InputError(f"layer {config['name']!r} ({kind}): {error}") from None
    return chain


def _input_shape(layer: Any) -> tuple[int, ...] | None:
    """Without the batch."""
    config, built = layer.get("config", {}), layer.get("build_config") or {}
    for shape in (
        *(config.get(k) for k in ("batch_shape", "batch_input_shape", "build_input_shape")),
        built.get("input_shape"),
    ):
        if isinstance(shape, list) and len(shape) > 1 and all(type(n) is int for n in shape[1:]):
            return tuple(shape[1:])
    return None


def _layers(description: Any, depth: int) -> Iterator[Any]:
    """The layers in the order in which they compute, those of models within models too."""
    if depth > MAX_NESTING:
        raise InputError(f"holds models nested deeper than {MAX_NESTING}.")
    kind, config = description["class_name"], description["config"]
    if kind not in ("Sequential", "Functional", "Model"):
        raise InputError(f"is a {str(kind)[:60]}; only Sequential and Functional models describe their layers.")
    layers = config["layers"] if isinstance(config, dict) else config
    for layer in layers if kind == "Sequential" else _in_line(layers):
        if "layers" in (layer["config"] if isinstance(layer["config"], dict) else ()):
            yield from _layers(layer, depth + 1)
        else:
            yield layer


def _in_line(layers: Any) -> Iterator[Any]:
    """The layers of a Functional model, each after the one whose output it takes."""
    after: dict[str, Any] = {}
    start = None
    for layer in layers:
        parents = set(_parents(layer.get("inbound_nodes", ()), 0))
        if not parents and layer["class_name"] == "InputLayer" and start is None:
            start = layer
            continue
        if len(parents) != 1 or (parent := parents.pop()) in after:
            raise InputError(f"layer {layer['name']!r}: joins or branches; only layers one after another are read.")
        after[parent] = layer
    while start is not None:
        yield start
        start = after.pop(start["name"], None)
    if after:
        raise InputError("its layers do not form one line from the input.")


def _parents(node: Any, depth: int) -> Iterator[str]:
    if depth > 12:
        raise InputError("a layer names its inputs in lists nested too deep.")
    if isinstance(node, dict):
        history = node.get("keras_history")
        if isinstance(history, list) and history:
            yield str(history[0])
        else:
            for one in node.values():
                yield from _parents(one, depth + 1)
    elif isinstance(node, list):
        if len(node) >= 3 and isinstance(node[0], str) and type(node[1]) is type(node[2]) is int:
            yield node[0]
        else:
            for one in node:
                yield from _parents(one, depth + 1)
