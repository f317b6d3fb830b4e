"""Named arrays -> layers: which arrays belong together, by their names or by their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray

Arrays = dict[str, NDArray[Any]]
#: Words in names of what an optimizer or a log keeps; such arrays are left out.
LOGS = set(
    "optimizer optimizers optim opt history hist losses loss acc accuracy grads grad gradients cost costs".split()
)
#: Words in names of copies of weights: moments, averages, earlier values. Left out where the weights are there as well.
COPIES = set("m v s d mt vt mom momentum vel velocity exp avg sq ema best swa old prev init initial cache adam".split())
#: Words that only say that weights follow.
CONTAINERS = set("params param parameters model state dict module net network batch stats running moving vars".split())
WEIGHT = set("w weight weights kernel kernels theta filter filters".split())
BIAS = set("b bias biases".split())
#: Parameter of a BatchNorm -> words for it.
NORM = {"scale": {"scale", "gamma"}, "shift": {"shift", "beta"}, "mean": {"mean"}, "var": {"var", "variance"}}


@dataclass
class RawLayer:
    """The arrays of a layer, their axes as in the file.

    Attributes:
      name: From the names of its arrays.
      w: Two or four axes; None for batch normalization.
      b: The bias, one axis, or None.
      norm: Scale, shift, mean and variance of batch normalization.
    """

    name: str
    w: NDArray[Any] | None = None
    b: NDArray[Any] | None = None
    norm: Arrays = field(default_factory=dict)


def words(name: str) -> list[str]:
    """``"fc1.runningMean"`` -> fc, 1, running, mean; ``"mb1"`` -> m, b, 1."""
    found = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]
    return [part for word in found for part in (word if re.fullmatch("[mvsd][wb]", word) else [word])]


def layers_of(arrays: Arrays) -> list[RawLayer]:
    """The layers in the order of the file.

    Raises:
      InputError: It is open which arrays belong together.
    """
    kept = _weights(arrays)
    for attempt in (_by_words, _by_folder, _by_order):
        layers = attempt(kept)
        axes = {layer.w.ndim for layer in layers or () if layer.w is not None}
        if layers and axes and axes <= {2, 4}:
            return layers
    listed = ", ".join(f"{name} {array.shape}" for name, array in list(kept.items())[:12]) or "no arrays"
    raise InputError(f"which arrays belong together? Expected weights, and at most one bias for each; got {listed}.")


def _weights(arrays: Arrays) -> Arrays:
    """Without single numbers, logs of training and an optimizer's moments."""
    sized = {name: array for name, array in arrays.items() if array.size > 1}
    bare = {name: array for name, array in sized.items() if not LOGS & set(words(name))} or sized

    def stem(name: str, left_out: set[str]) -> tuple[str, ...]:
        return tuple(word for word in words(name) if word not in left_out)

    originals = {(stem(n, CONTAINERS), a.shape) for n, a in bare.items() if stem(n, COPIES) == stem(n, set())}
    return {
        name: array
        for name, array in bare.items()
        if stem(name, COPIES) == stem(name, set()) or (stem(name, CONTAINERS | COPIES), array.shape) not in originals
    }


def is_vector(array: NDArray[Any]) -> bool:
    """Whether it has one axis, or is a matrix of one row or column, as biases often are."""
    return array.ndim == 1 or array.ndim == 2 and 1 in array.shape


def _by_words(arrays: Arrays) -> list[RawLayer] | None:
    """Grouped by their names without the words for weight, bias and the like."""
    groups: dict[tuple[str, ...], dict[str, NDArray[Any]]] = {}
    unnamed = []
    for name, array in arrays.items():
        found = words(name)
        roles = [r for r, known in (("w", WEIGHT), ("b", BIAS), *NORM.items()) if known & set(found)]
        if len(roles) != 1:
            if not is_vector(array):
                return None
            unnamed.append(array)
            continue
        known = {**NORM, "w": WEIGHT, "b": BIAS}[roles[0]]
        groups.setdefault(tuple(w for w in found if w not in known | CONTAINERS), {})[roles[0]] = array
    layers = [_layer(".".join(key), group) for key, group in groups.items()]
    if not all(layers):
        return None
    found_layers = [layer for layer in layers if layer]
    widths = {n for layer in found_layers if layer.w is not None for n in layer.w.shape}
    if any(array.size in widths for array in unnamed):
        return None  # one of them may be a bias
    return found_layers


def _by_folder(arrays: Arrays) -> list[RawLayer] | None:
    """Grouped by all of a name but its last part."""
    groups: dict[str, list[NDArray[Any]]] = {}
    for name, array in arrays.items():
        groups.setdefault(re.sub(r"[./]?[^./]*$", "", name), []).append(array)
    layers = []
    for name, group in groups.items():
        matrices, vectors = _split(group)
        if len(matrices) != 1 or len(vectors) > 1:
            return None
        layers.append(_layer(name, dict(zip("wb", matrices + vectors, strict=False))))
    return [layer for layer in layers if layer] if all(layers) else None


def _by_order(arrays: Arrays) -> list[RawLayer] | None:
    """Each matrix with the next vector: in turn, or all matrices on one side and all vectors on the other."""
    matrices, vectors = _split(list(arrays.values()))
    if len(vectors) in (0, len(matrices)):
        biases: list[Any] = list(vectors) or [None] * len(matrices)
        pairs = zip(matrices, biases, strict=True)
        return [RawLayer(str(i), w, None if b is None else b.reshape(-1)) for i, (w, b) in enumerate(pairs)]
    return list(_in_turn(list(arrays.values()))) or None


def _in_turn(arrays: list[NDArray[Any]]) -> Iterator[RawLayer]:
    """As Keras' ``get_weights`` lists them: a matrix, its bias or not, four vectors of batch normalization or not."""
    groups: list[list[NDArray[Any]]] = []
    for array in arrays:
        if not is_vector(array):
            groups.append([])
        if not groups:
            return
        groups[-1].append(array)
    if not all(len(group) in (1, 2, 5, 6) for group in groups):
        return
    for i, (w, *vectors) in enumerate(groups):
        yield RawLayer(str(i), w, vectors[0].reshape(-1) if len(vectors) in (1, 5) else None)
        if len(vectors) >= 4:
            yield RawLayer(f"{i}.norm", norm=dict(zip(NORM, vectors[-4:], strict=True)))


def _split(arrays: list[NDArray[Any]]) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    return [a for a in arrays if not is_vector(a)], [a for a in arrays if is_vector(a)]


def _layer(name: str, group: Arrays) -> RawLayer | None:
    """A layer of what the words call weight, bias, scale, ...; None where they are no layer's."""
    vectors = {role: array.reshape(-1) for role, array in group.items() if is_vector(array)}
    if "mean" in vectors and "var" in vectors:
        size = vectors["mean"].size
        scale = vectors.get("scale", vectors.get("w", np.ones(size)))
        shift = vectors.get("shift", vectors.get("b", np.zeros(size)))
        norm = {"scale": scale, "shift": shift, "mean": vectors["mean"], "var": vectors["var"]}
        return RawLayer(name, norm=norm) if {v.size for v in norm.values()} == {size} else None
    w = group.get("w")
    if w is None or is_vector(w) or w.ndim not in (2, 4) or set(group) - {"w", "b"}:
        return None
    return RawLayer(name, w, vectors.get("b")) if "b" not in group or "b" in vectors else None
