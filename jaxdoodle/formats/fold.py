"""A network as an export writes it out: what runs in evaluation, with shapes, and nothing that only trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.nn.spec import BatchNorm, Conv2D, Dense, Dropout, Layer, ModelSpec, Shape

Array = Any  # numpy.ndarray

#: Layers that do nothing in evaluation; no export has them.
GONE = (Dropout,)
#: Layers with weights, which the normalization that follows is multiplied into.
WEIGHTED = (Dense, Conv2D)


@dataclass(frozen=True, eq=False)
class Int8:
    """How a weighted layer is computed with small integers.

    ``w`` int8, laid out as the layer's weights, stands for ``w * w_scale`` with one scale per output, float32 (out,).
    The input x is rounded to ``q = clip(rint(x / x_scale), x_low, x_high)``, halves to even; the range is 0 to 255, or
    -127 to 127 where there are negative inputs. The output is ``(q @ w) * x_scale * w_scale + b``, q @ w in integers.
    """

    w: Array
    w_scale: Array
    x_scale: float
    x_low: int
    x_high: int


@dataclass(frozen=True, eq=False)
class Step:
    """A layer at work. ``params``: "w" and "b" of Dense and Conv2D; "scale" and "shift" of a BatchNorm on its own."""

    layer: Layer
    params: Mapping[str, Array]
    input_shape: Shape
    output_shape: Shape
    int8: Int8 | None = None


def steps_of(model: ModelFile) -> list[Step]:
    """The steps from ``bitmap / divisor`` to the outputs, parameters float32."""
    steps: list[Step] = []
    shapes = model.spec.shapes
    for layer, params, before, after in zip(model.spec.layers, model.params, shapes[:-1], shapes[1:], strict=True):
        if isinstance(layer, GONE):
            continue
        if isinstance(layer, BatchNorm):
            scale = params["scale"] / np.sqrt(params["var"] + np.float32(layer.epsilon))
            shift = params["shift"] - params["mean"] * scale
            if steps and isinstance(steps[-1].layer, WEIGHTED):
                last = steps.pop()
                folded = {"w": last.params["w"] * scale, "b": last.params["b"] * scale + shift}
                layer, params, before = last.layer, folded, last.input_shape
            else:
                params = {"scale": scale, "shift": shift}
        steps.append(Step(layer, {k: np.asarray(v, np.float32) for k, v in params.items()}, before, after))
    return steps


def run(steps: list[Step], x: Array) -> Iterator[Array]:
    """The input of each step and then the output of the last, float32, for float32 inputs (n, height, width, 1)."""
    for step in steps:
        yield x
        x = _apply(step, x)
    yield x


def _apply(step: Step, x: Array) -> Array:
    if isinstance(step.layer, BatchNorm):
        return x * step.params["scale"] + step.params["shift"]
    params = step.params
    if step.int8:
        q = step.int8
        x = np.clip(np.rint(x / np.float32(q.x_scale)), q.x_low, q.x_high) * np.float32(q.x_scale)
        params = {"w": q.w * q.w_scale, "b": params["b"]}
    return Network(ModelSpec((step.layer,), step.input_shape), [params]).logits(x)
