"""Which layers of a network are computed together: the one place where speed is chosen."""

from __future__ import annotations

from functools import singledispatch
from typing import NamedTuple

from jaxdoodle.nn.base import Layer
from jaxdoodle.nn.fused.conv_relu_maxpool import ConvReLUMaxPool
from jaxdoodle.nn.layers.activations import ReLU
from jaxdoodle.nn.layers.conv2d import Conv2D
from jaxdoodle.nn.layers.pooling import MaxPool2D
from jaxdoodle.nn.spec import ModelSpec

__all__ = ["FusedBlock", "fuse", "unfused"]


class FusedBlock(NamedTuple):
    """``size`` consecutive layers, from ``spec.layers[start]`` on, computed as one ``layer``.

    Only the first of them has parameters.
    """

    start: int
    layer: Layer
    size: int = 1


def unfused(spec: ModelSpec) -> tuple[FusedBlock, ...]:
    """Every layer on its own: what autodiff differentiates, and what fused blocks are tested against."""
    return tuple(FusedBlock(index, layer) for index, layer in enumerate(spec.layers))


def fuse(spec: ModelSpec, backend: str) -> tuple[FusedBlock, ...]:
    """The blocks that compute ``spec`` fastest.

    Args:
      spec: The network.
      backend: JAX's name of the platform; only ``"cpu"`` has fused blocks.

    Returns:
      Blocks that cover every layer once, in order.
    """
    blocks: list[FusedBlock] = []
    start = 0
    while start < len(spec.layers):
        fused = starting_with(spec.layers[start], spec.layers[start + 1 :]) if backend == "cpu" else None
        blocks.append(FusedBlock(start, *(fused or (spec.layers[start], 1))))
        start += blocks[-1].size
    return tuple(blocks)


@singledispatch
def starting_with(layer: Layer, following: tuple[Layer, ...]) -> tuple[Layer, int] | None:
    """A layer that computes ``layer`` and some of the ``following`` ones, and how many in all; else ``None``."""
    return None


@starting_with.register(Conv2D)
def _(layer: Conv2D, following: tuple[Layer, ...]) -> tuple[Layer, int] | None:
    if (type(layer), *map(type, following[:2])) == (Conv2D, ReLU, MaxPool2D):  # and no class derived from them
        match following[1]:
            case MaxPool2D(window=(2, 2), stride=(2, 2)) if layer.stride == (1, 1):
                return ConvReLUMaxPool(layer), 3
    return None
