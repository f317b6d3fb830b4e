"""Layers -> weights with their axes as here, in the order in which each takes what the one before it gives.

Axes are decided for each layer by what fits its neighbors: kernels may be HWIO or OIHW, matrices inputs or outputs
first. Where both fit (a square matrix), it is as the other layers of its kind in the file are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights.names import Arrays, RawLayer
from jaxdoodle.formats.weights.readers.tensors import by_name

#: Layout of a weight array -> how its axes are brought to (in, out), and (height, width, in, out).
LAYOUTS: Mapping[str, Mapping[int, tuple[int, ...]]] = {
    "inputs first": {2: (0, 1), 4: (0, 1, 2, 3)},  # NumPy by hand, Keras, JAX
    "outputs first": {2: (1, 0), 4: (2, 3, 1, 0)},  # PyTorch; NumPy by hand where y = W x
}
#: Orders of layers that are tried where neither that of the file nor that of the names fits.
MAX_ORDERS = 20_000
#: Largest height and width of a kernel, beyond which four axes are taken for another layout.
MAX_KERNEL = 32


class Oriented:
    """Layers with their axes as here.

    Attributes:
      layers: One dict per layer: w and b, or those of a BatchNorm.
      kernels_outputs_first: Whether the kernels of convolutions were OIHW; then images are flattened channels first.
      layout: The names of ``LAYOUTS`` of kernels and matrices, for provenance.
    """

    def __init__(self, layers: list[Arrays], kernels_outputs_first: bool, layout: str):
        self.layers, self.kernels_outputs_first, self.layout = layers, kernels_outputs_first, layout


def orientations(
    raw: Sequence[RawLayer], layout: str | None, outputs_first: bool | None, of_images: bool = False
) -> list[Oriented]:
    """Every way in which the layers fit each other, the likeliest first.

    Args:
      raw: The layers as they are in the file.
      layout: The name in ``LAYOUTS`` that the user gives, or None.
      outputs_first: The layout of the program that wrote the file, or None.
      of_images: Whether the inputs of a dense layer that comes first are a square image's, where there is such a way.

    Raises:
      InputError: The layers fit in no order.
    """
    others: list[Oriented] = []
    for interpretation in (list(raw), *_with_bias_inside(raw)):
        for order in _orders(interpretation, layout):
            if found := list(_oriented(order, layout, outputs_first)):
                if not of_images or any(_takes_an_image(one) for one in found):
                    return found
                others = others or found
    if others:
        return others
    shapes = ", ".join(str(layer.w.shape) for layer in raw if layer.w is not None)
    raise InputError(f"which network is it? No order of weights of shapes {shapes} fits; give --spec.")


def _takes_an_image(found: Oriented) -> bool:
    w = next(layer["w"] for layer in found.layers if "w" in layer)
    return w.ndim == 4 or math.isqrt(w.shape[0]) ** 2 == w.shape[0]


def _with_bias_inside(raw: Sequence[RawLayer]) -> Iterator[list[RawLayer]]:
    """Matrices without biases whose first, or last, column or row is the bias."""
    if any(layer.b is not None or layer.w is None or layer.w.ndim != 2 for layer in raw):
        return
    for at in (0, -1):
        rest = slice(1, None) if at == 0 else slice(None, -1)
        yield [RawLayer(layer.name, layer.w[:, rest], layer.w[:, at]) for layer in raw if layer.w is not None]
        yield [RawLayer(layer.name, layer.w[rest], layer.w[at]) for layer in raw if layer.w is not None]


def _orders(raw: list[RawLayer], layout: str | None) -> Iterator[list[RawLayer]]:
    yield raw
    yield list(by_name({f"{layer.name} {i}": layer for i, layer in enumerate(raw)}).values())
    left = iter(range(MAX_ORDERS))
    if len(raw) > 12:
        return

    def search(begun: list[RawLayer], rest: list[RawLayer]) -> Iterator[list[RawLayer]]:
        if next(left, None) is None:
            return
        if not rest:
            yield begun
        for i, layer in enumerate(rest):
            if next(_oriented([*begun, layer], layout, None), None):
                yield from search([*begun, layer], rest[:i] + rest[i + 1 :])

    found = [order for _, order in zip(range(2), search([], raw), strict=False)]
    if len(found) == 1 or found and len({len(layer.w) for layer in found[0] if layer.w is not None}) > 1:
        yield found[0]


def _oriented(raw: list[RawLayer], layout: str | None, outputs_first: bool | None) -> Iterator[Oriented]:
    """The ways to turn these layers in this order, without repetition."""
    names = [layout] if layout else list(LAYOUTS)
    if outputs_first:
        names.reverse()
    seen: list[list[bytes]] = []
    for dense, kernel in product(names, repeat=2):
        turned, decided, ties = _turned(raw, dense, kernel, layout)
        if turned is None:
            continue
        shapes = [layer["w"].tobytes() if "w" in layer else b"" for layer in turned]
        if shapes in seen:
            continue
        # a square matrix follows the other matrices, which fit one way alone
        if ties and decided - {dense} and dense not in decided:
            continue
        if ties and outputs_first is not None and (dense == "outputs first") != outputs_first and not layout:
            continue
        seen.append(shapes)
        yield Oriented(turned, kernel == "outputs first", f"{kernel} kernels, {dense} matrices")


def _turned(
    raw: list[RawLayer], dense: str, kernel: str, forced: str | None
) -> tuple[list[Arrays] | None, set[str], bool]:
    """The layers turned, or None; the layouts that matrices fit in alone; and whether a matrix fits both ways."""
    width, flat, ties = 1, False, False
    layers: list[Arrays] = []
    decided: set[str] = set()
    for position, layer in enumerate(raw):
        if layer.w is None:
            if layer.norm["mean"].size != width and position:
                return None, decided, ties
            layers.append({name: np.asarray(value, np.float32) for name, value in layer.norm.items()})
            continue
        w = layer.w
        if w.ndim == 4:
            if flat:
                return None, decided, ties
            w = w.transpose(LAYOUTS[kernel][4])
            if w.shape[2] != width or max(w.shape[:2]) > MAX_KERNEL:
                return None, decided, ties
        else:
            fits = [
                name
                for name in ([forced] if forced else LAYOUTS)
                if _fits(w.transpose(LAYOUTS[name][2]), width, flat) and _bias_fits(layer, LAYOUTS[name][2][1])
            ]
            if not fits:
                return None, decided, ties
            if len(fits) == 1:
                decided.add(fits[0])
            elif w.shape[0] == w.shape[1] or not flat:
                ties = True
            w = w.transpose(LAYOUTS[dense if dense in fits else fits[0]][2])
            flat = True
        width = w.shape[-1]
        b = np.zeros(width) if layer.b is None else layer.b
        if b.size != width:
            return None, decided, ties
        layers.append({"w": np.ascontiguousarray(w, np.float32), "b": np.asarray(b, np.float32)})
    return layers, decided, ties


def _fits(w: np.ndarray, width: int, flat: bool) -> bool:
    """Whether it takes as many inputs as there are, or, after convolutions, a multiple of them."""
    return w.shape[0] == width if flat else w.shape[0] % width == 0


def _bias_fits(layer: RawLayer, axis: int) -> bool:
    return layer.b is None or layer.w is None or layer.b.size == layer.w.shape[axis]
