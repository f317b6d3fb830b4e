"""The layers that an export writes: those that compute at inference, with batch normalization folded into weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.types import NDArray, Shape
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network, fold_batch_norm

#: Layers that change nothing at inference; no export holds them.
TRAINING_ONLY = (nn.Dropout,)


@dataclass(frozen=True, eq=False)
class Int8:
    """How a layer with weights computes in 8-bit integers.

    The input ``x`` is rounded to ``q = clip(rint(x / x_scale), x_low, x_high)``, halves to even, and the output is
    ``(q @ w) * x_scale * w_scale + b`` with ``q @ w`` in integers. The range of ``q`` is 0 to 255, or -127 to 127
    where calibration found negative inputs.

    Args:
      w: int8, of the shape of the layer's weights; stands for ``w * w_scale``.
      w_scale: float32 ``(outputs,)``.
      x_scale: The input that ``q = 1`` stands for.
      x_low: Least value of ``q``.
      x_high: Greatest value of ``q``.
    """

    w: NDArray[np.int8]
    w_scale: NDArray[np.float32]
    x_scale: float
    x_low: int
    x_high: int


@dataclass(frozen=True, eq=False)
class InferenceLayer:
    """A layer as it computes at inference.

    Args:
      layer: The description of the layer.
      params: "w" and "b" of Dense and Conv2D; "scale" and "shift" of a BatchNorm that was not folded; float32.
      input_shape: Without the batch.
      output_shape: Without the batch.
      int8: For a layer with weights that is quantized.
    """

    layer: nn.Layer
    params: Mapping[str, NDArray[np.float32]]
    input_shape: Shape
    output_shape: Shape
    int8: Int8 | None = None


def fold_for_inference(model: ModelFile) -> list[InferenceLayer]:
    """The layers from ``bitmap / divisor`` to the logits."""
    folded, shape = [], model.spec.input_shape
    for layer, params in fold_batch_norm(zip(model.spec.layers, model.params, strict=True)):
        before, shape = shape, layer.output_shape(shape)
        folded.append(InferenceLayer(layer, params, before, shape))
    return folded


def run(layers: Sequence[InferenceLayer], x: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """The input of each layer, then the output of the last, for inputs ``(n, height, width, 1)``."""
    for folded in layers:
        yield x
        x = _forward(folded, x)
    yield x


def _forward(folded: InferenceLayer, x: NDArray[np.float32]) -> NDArray[np.float32]:
    params, q = folded.params, folded.int8
    if isinstance(folded.layer, nn.BatchNorm):
        return x * params["scale"] + params["shift"]
    if q:
        x = np.clip(np.rint(x / np.float32(q.x_scale)), q.x_low, q.x_high) * np.float32(q.x_scale)
        params = {"w": q.w * q.w_scale, "b": params["b"]}
    return Network(nn.ModelSpec((folded.layer,), folded.input_shape), [params]).logits(x)
