"""Which layers of a network are computed together: the one place where speed is chosen."""

from __future__ import annotations

from typing import NamedTuple

from jaxdoodle.nn.fused import conv_relu_maxpool
from jaxdoodle.nn.layers import RULES, Rule
from jaxdoodle.nn.spec import Conv2D, Layer, MaxPool2D, ModelSpec, ReLU


class Block(NamedTuple):
    """Consecutive layers computed by one rule, from ``layers[start]`` of the network on.

    Only the first of them has parameters, and the rule takes it for all.
    """

    start: int
    layers: tuple[Layer, ...]
    rule: Rule


def reference(spec: ModelSpec) -> tuple[Block, ...]:
    """One layer, one block, each by the rule that is there to be read."""
    return tuple(Block(index, (layer,), RULES[type(layer)]) for index, layer in enumerate(spec.layers))


def plan(spec: ModelSpec, backend: str) -> tuple[Block, ...]:
    """The blocks that compute ``spec`` fastest on ``backend``, ``"cpu"`` or another of JAX's names.

    On a processor, convolution, ReLU and pool are one block where they follow each other and their sizes
    are the usual ones; all else is by the reference.
    """
    if backend != "cpu":
        return reference(spec)
    blocks: list[Block] = []
    for block in reference(spec):
        blocks.append(block)
        last = tuple(layer for block in blocks[-3:] for layer in block.layers)
        if _is_conv_block(last):
            blocks[-3:] = [Block(blocks[-3].start, last, conv_relu_maxpool.RULE)]
    return tuple(blocks)


def _is_conv_block(layers: tuple[Layer, ...]) -> bool:
    match layers:
        case Conv2D(stride=(1, 1)), ReLU(), MaxPool2D(window=(2, 2), stride=(2, 2)):
            return True
    return False
