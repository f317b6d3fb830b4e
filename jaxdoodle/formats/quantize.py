"""Weights as int8 with one scale for each output; the ranges of the inputs come from calibration images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.formats.fold import InferenceLayer, Int8, fold_for_inference, run
from jaxdoodle.inference.model_file import LARGEST_LEVEL, ModelFile, members_of

#: The largest level of an input that an integer of 8 or 16 bits holds.
BYTE, SHORT = 255, 32767
#: Sums are below it in size.
MAX_SUM = 2**31 - 1
#: Images computed at once.
CHUNK = 256
#: Inputs of a layer that its rounding is fitted to, of each chunk; and what is added to their second moments, as a part
#: of the mean of these, so that inputs which are always 0 have an inverse.
SAMPLES, DAMPING = 8192, 0.01
#: Weights of an output that are rounded between two updates of all later ones.
BLOCK = 64


def int8_layers(model: ModelFile, images: NDArray[np.uint8], levels: int = BYTE) -> list[InferenceLayer]:
    """The inference layers with the weights of every Dense and Conv2D in int8.

    Weights are rounded one input after the other, and what a rounding changes in the output for the calibration images
    is made up by the weights that are still to be rounded.

    Args:
      model: Spec and weights.
      images: Calibration images ``(n, height, width, 1)``: the largest input of each layer among them gets the
        highest level.
      levels: The largest level of an input, ``BYTE`` or ``SHORT``; fewer where a sum of products might not fit into 32
        bits.

    Raises:
      InputError: A sum might not fit into 32 bits.

    Reference:
      Frantar et al. (2023), "GPTQ: Accurate post-training quantization for generative pre-trained transformers".
    """
    layers, rng = fold_for_inference(model), np.random.default_rng(0)
    moments: list[NDArray[np.float32] | float] = [0.0] * len(layers)
    bounds = []
    for start in range(0, len(images), CHUNK):
        inputs = list(run(layers, scaled(model, images[start : start + CHUNK])))
        bounds.append([(x.min(), x.max()) for x in inputs])
        for index, (folded, x) in enumerate(zip(layers, inputs, strict=False)):
            if "w" in folded.params:
                rows = _inputs_of_an_output(folded, x, rng)
                moments[index] += rows.T @ rows
    low, high = np.min(bounds, axis=0)[:, 0], np.max(bounds, axis=0)[:, 1]
    return [
        replace(folded, int8=_int8(folded, moments[i], float(low[i]), float(high[i]), levels))
        if "w" in folded.params
        else folded
        for i, folded in enumerate(layers)
    ]


def _inputs_of_an_output(
    folded: InferenceLayer, x: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """At most ``SAMPLES`` rows of what the weights of an output are multiplied with: float32 ``(n, inputs)``."""
    if not isinstance(folded.layer, nn.Conv2D):
        return x.reshape(-1, x.shape[-1])
    layer = folded.layer
    (sh, sw), (kh, kw) = layer.stride, layer.kernel_size  # type: ignore[misc]
    windows = sliding_window_view(np.pad(x, ((0, 0), *layer.pads(x.shape[1:3]), (0, 0))), (kh, kw), axis=(1, 2))
    windows = windows[:, ::sh, ::sw]
    places = [rng.integers(0, n, SAMPLES) for n in windows.shape[:3]]
    return windows[tuple(places)].transpose(0, 2, 3, 1).reshape(SAMPLES, -1)


def _int8(folded: InferenceLayer, moments: NDArray[np.float32] | float, low: float, high: float, levels: int) -> Int8:
    w = folded.params["w"]
    flat = w.reshape(-1, w.shape[-1])
    scale = _scales(w)
    q = _rounded(flat, scale, np.asarray(moments, np.float64))
    room = MAX_SUM // max(1, int(np.abs(q).sum(axis=0, dtype=np.int64).max()))
    x_high = min(levels if low >= 0 else levels // 2, room)
    if room < BYTE:
        raise InputError(f"{folded.layer} has {len(flat)} inputs to an output, whose sum int8 has no room for.")
    largest = max(high, -low) or 1.0
    x_scale = float(np.float32(largest / x_high))
    return Int8(q.reshape(w.shape), scale, x_scale, 0 if low >= 0 else -x_high, x_high)


def _rounded(w: NDArray[np.float32], scale: NDArray[np.float32], moments: NDArray[np.float64]) -> NDArray[np.int8]:
    """Weights ``(inputs, outputs)`` as multiples of ``scale``: outputs change least for inputs of these moments.

    Args:
      w: The weights.
      scale: ``(outputs,)``.
      moments: ``X.T @ X`` of inputs X, up to a factor.
    """
    size = len(w)
    moments = moments + np.eye(size) * (DAMPING * np.trace(moments) / size or 1.0)
    order = np.argsort(-np.diag(moments), kind="stable")
    upper = np.linalg.cholesky(np.linalg.inv(moments[np.ix_(order, order)])).T
    left, q = w[order].astype(np.float64), np.empty(w.shape, np.int8)
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        errors = np.empty((stop - start, w.shape[1]))
        for i in range(start, stop):
            level = np.clip(np.rint(left[i] / scale), -LARGEST_LEVEL, LARGEST_LEVEL)
            q[order[i]] = level
            errors[i - start] = (left[i] - level * scale) / upper[i, i]
            left[i + 1 : stop] -= np.outer(upper[i, i + 1 : stop], errors[i - start])
        left[stop:] -= upper[start:stop, stop:].T @ errors
    return q


def round_weights(model: ModelFile) -> ModelFile:
    """The model with each array of two axes or more in int8: a quarter of the file, computed in float32 as before.

    Its reference examples get the logits of the rounded weights.
    """
    params: list[dict[str, NDArray[np.float32]]] = [dict(layer) for layer in model.params]
    scales = {}
    for i, layer in enumerate(params):
        for name, w in layer.items():
            if w.ndim > 1:
                [member] = members_of([{}] * i + [{name: w}])
                levels, scales[member] = rounded(w)
                layer[name] = levels * scales[member]
    small = replace(model, params=tuple(params), scales=scales)
    return replace(small, golden_logits=small.network.logits(model.golden_inputs))


def rounded(w: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights ``(..., outputs)`` as int8 and, float32 ``(outputs,)``, what one level stands for."""
    scales = _scales(w)
    return np.rint(w / scales).astype(np.int8), scales


def _scales(w: NDArray[np.float32]) -> NDArray[np.float32]:
    """For each output, the weight that one level stands for; 1 where all weights are 0."""
    scales = np.abs(w).reshape(-1, w.shape[-1]).max(axis=0) / np.float32(LARGEST_LEVEL)
    scales[scales == 0] = 1
    return scales


def scaled(model: ModelFile, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bitmaps as the network's input."""
    divisor, mean, std = map(np.float32, model.preprocessing.scaling)
    return (images.astype(np.float32) / divisor - mean) / std


def logits(model: ModelFile, layers: Sequence[InferenceLayer], images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The outputs ``(n, classes)`` of the inference layers for images ``(n, height, width, 1)``."""
    chunks = [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]
    return np.concatenate([list(run(layers, scaled(model, chunk)))[-1] for chunk in chunks])
