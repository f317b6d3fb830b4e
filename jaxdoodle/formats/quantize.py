"""Weights as int8 with one scale for each output; the ranges of the inputs come from calibration images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.formats.fold import InferenceLayer, Int8, fold_for_inference, run
from jaxdoodle.inference.model_file import ModelFile

LARGEST = 127
#: Products of an int8 weight and an input level whose sum fits into an int32 for certain.
MAX_INPUTS = (2**31 - 1) // (LARGEST * 255)
#: Images computed at once.
CHUNK = 256


def int8_layers(model: ModelFile, images: NDArray[np.uint8]) -> list[InferenceLayer]:
    """The inference layers with every Dense and Conv2D in int8.

    Args:
      model: Spec and weights.
      images: Calibration images ``(n, height, width, 1)``: the largest input of each layer among them gets the
        highest level.

    Raises:
      InputError: A sum might not fit into 32 bits.
    """
    layers = fold_for_inference(model)
    chunks = [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]
    bounds = np.array([[(x.min(), x.max()) for x in run(layers, scaled(model, chunk))] for chunk in chunks])
    lows, highs = bounds[..., 0].min(axis=0), bounds[..., 1].max(axis=0)
    return [
        replace(folded, int8=_int8(folded, float(low), float(high))) if "w" in folded.params else folded
        for folded, low, high in zip(layers, lows, highs, strict=False)
    ]


def _int8(folded: InferenceLayer, low: float, high: float) -> Int8:
    w = folded.params["w"]
    inputs = w.size // w.shape[-1]
    if inputs > MAX_INPUTS:
        raise InputError(f"{folded.layer} has {inputs} inputs to an output; int8 takes at most {MAX_INPUTS}.")
    w_scale = np.abs(w).reshape(inputs, -1).max(axis=0) / np.float32(LARGEST)
    w_scale[w_scale == 0] = 1
    x_low, x_high = (0, 255) if low >= 0 else (-LARGEST, LARGEST)
    largest = max(high, -low) or 1.0
    return Int8(np.rint(w / w_scale).astype(np.int8), w_scale, float(np.float32(largest / x_high)), x_low, x_high)


def scaled(model: ModelFile, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bitmaps as the network's input."""
    divisor, mean, std = map(np.float32, model.preprocessing.scaling)
    return (images.astype(np.float32) / divisor - mean) / std


def logits(model: ModelFile, layers: Sequence[InferenceLayer], images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The outputs ``(n, classes)`` of the inference layers for images ``(n, height, width, 1)``."""
    chunks = [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]
    return np.concatenate([list(run(layers, scaled(model, chunk)))[-1] for chunk in chunks])
