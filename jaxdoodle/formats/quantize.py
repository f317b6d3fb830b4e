"""Weights as int8, one scale for each output, and the ranges of the inputs from calibration images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.fold import Int8, Step, run, steps_of
from jaxdoodle.inference.model_file import ModelFile

Array = Any  # numpy.ndarray

LARGEST = 127
#: Products of an int8 weight and an input level that an int32 can surely hold the sum of.
MAX_INPUTS = (2**31 - 1) // (LARGEST * 255)
#: Images computed at once.
CHUNK = 256


def int8_steps(model: ModelFile, images: Array) -> list[Step]:
    """The network's steps with every Dense and Conv2D in int8.

    ``images`` uint8 (n, height, width, 1) are for calibration: the largest input that each layer sees among them
    gets the highest level. Raises ``InputError`` where a sum might not fit into 32 bits.
    """
    steps = steps_of(model)
    chunks = [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]
    bounds = np.array([[(x.min(), x.max()) for x in run(steps, scaled(model, chunk))] for chunk in chunks])
    lows, highs = bounds[..., 0].min(axis=0), bounds[..., 1].max(axis=0)
    return [
        replace(step, int8=_int8(step, float(low), float(high))) if "w" in step.params else step
        for step, low, high in zip(steps, lows, highs, strict=False)
    ]


def _int8(step: Step, low: float, high: float) -> Int8:
    w = step.params["w"]
    inputs = w.size // w.shape[-1]
    if inputs > MAX_INPUTS:
        raise InputError(f"{step.layer} has {inputs} inputs to an output; int8 takes at most {MAX_INPUTS}.")
    w_scale = np.abs(w).reshape(inputs, -1).max(axis=0) / np.float32(LARGEST)
    w_scale[w_scale == 0] = 1
    x_low, x_high = (0, 255) if low >= 0 else (-LARGEST, LARGEST)
    largest = max(high, -low) or 1.0
    return Int8(np.rint(w / w_scale).astype(np.int8), w_scale, float(np.float32(largest / x_high)), x_low, x_high)


def scaled(model: ModelFile, images: Array) -> Array:
    """Bitmaps as the network's input, float32."""
    return images.astype(np.float32) / np.float32(model.preprocessing.divisor)


def logits(model: ModelFile, steps: Sequence[Step], images: Array) -> Array:
    """What the steps make of uint8 images (n, height, width, 1): float32 (n, classes)."""
    chunks = [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]
    return np.concatenate([list(run(list(steps), scaled(model, chunk)))[-1] for chunk in chunks])
