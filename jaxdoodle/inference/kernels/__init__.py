"""The NumPy kernels of layers, written for speed: each binds a layer to the buffers that it reads and fills.

Activations are batch-last float32, ``(channels, height, width, n)`` or ``(features, n)``. A kernel registers on the
class of its layer; a layer without one is computed by its own ``numpy_forward``.
"""

from __future__ import annotations

import math
from functools import partial, singledispatch
from typing import Any

import numpy as np

from jaxdoodle import nn
from jaxdoodle.inference.kernels.bound import Bound, Floats, NumPyParams, Pooled
from jaxdoodle.inference.kernels.convolution import SPREAD, combined, conv2d, pooled

__all__ = ["Bound", "Floats", "NumPyParams", "Pooled", "bind"]


@singledispatch
def bind(layer: Any, params: NumPyParams, x: Floats) -> Bound:
    """Bind a layer to its input buffer ``x``, which it may overwrite.

    Args:
      layer: Any layer; those without a kernel are computed by ``numpy_forward``.
      params: Its parameters; of Dense and Conv2D ``w`` as ``(outputs, inputs)`` and ``b`` as ``(outputs, 1)``, of
        BatchNorm ``scale`` and ``shift`` with the statistics folded in.
      x: Batch-last, as a view of any strides.

    Returns:
      The output buffer and the calls that fill it; none where it is ``x`` as it is.
    """
    inputs = x.swapaxes(0, -1)
    y = np.empty((x.shape[-1], *layer.output_shape(inputs.shape[1:])), np.float32)

    return y.swapaxes(0, -1), [lambda: np.copyto(y, layer.numpy_forward(params, inputs), casting="same_kind")]


@bind.register(nn.Dense)
def _dense(layer: nn.Dense, params: NumPyParams, x: Floats) -> Bound:
    y = np.empty((layer.units, x.shape[-1]), np.float32)
    return y, [partial(np.matmul, params["w"], x, out=y), partial(np.add, y, params["b"], out=y)]


bind.register(nn.Conv2D, conv2d)
bind.register(Pooled, pooled)


def _pool(layer: Any, x: Floats, combine: Any) -> Bound:
    """``combine`` over the rows of each window, then over its columns."""
    channels, height, width, n = x.shape
    (kh, kw), (sh, sw) = layer.window, layer.stride
    oh, ow, _ = layer.output_shape((height, width, channels))
    rows = np.empty_like(x, shape=(channels, oh, width, n))  # in the order of x
    y = np.empty_like(x, shape=(channels, oh, ow, n))
    across = [x[:, i : i + sh * (oh - 1) + 1 : sh] for i in range(kh)]
    along = [rows[:, :, j : j + sw * (ow - 1) + 1 : sw] for j in range(kw)]
    return y, [*combined(combine, across, rows), *combined(combine, along, y)]


bind.register(nn.MaxPool2D, lambda layer, params, x: _pool(layer, x, np.maximum))


@bind.register(nn.ReLU)
def _relu(layer: nn.ReLU, params: NumPyParams, x: Floats) -> Bound:
    """The maximum with an array of zeros takes less than half the time of that with one zero."""
    numbers = x.swapaxes(0, 1) if x.ndim == 4 else x  # as a convolution leaves them
    if not numbers.flags.c_contiguous:
        return x, [partial(np.maximum, x, np.float32(0), out=x)]
    flat, zeros = numbers.reshape(-1), np.zeros(min(x.size, SPREAD), np.float32)
    parts = [flat[start : start + SPREAD] for start in range(0, x.size, SPREAD)]
    return x, [partial(np.maximum, part, zeros[: len(part)], out=part) for part in parts]


bind.register(nn.Tanh, lambda layer, params, x: (x, [partial(np.tanh, x, out=x)]))
bind.register(nn.Dropout, lambda layer, params, x: (x, []))


@bind.register(nn.AvgPool2D)
def _avg_pool(layer: nn.AvgPool2D, params: NumPyParams, x: Floats) -> Bound:
    y, add = _pool(layer, x, np.add)
    share = np.float32(1 / math.prod(layer.window))  # type: ignore[arg-type]
    return y, [*add, partial(np.multiply, y, share, out=y)]


@bind.register(nn.GlobalAvgPool2D)
def _global_avg_pool(layer: nn.GlobalAvgPool2D, params: NumPyParams, x: Floats) -> Bound:
    channels, height, width, n = x.shape
    y, share = np.empty((channels, n), np.float32), np.float32(1 / (height * width))
    return y, [partial(np.add.reduce, x, axis=(1, 2), out=y), partial(np.multiply, y, share, out=y)]


@bind.register(nn.Flatten)
def _flatten(layer: nn.Flatten, params: NumPyParams, x: Floats) -> Bound:
    ordered = np.moveaxis(x, 0, -2)
    y = ordered.reshape(-1, x.shape[-1])
    return y, [] if np.shares_memory(y, x) else [partial(np.copyto, y.reshape(ordered.shape), ordered)]


@bind.register(nn.LeakyReLU)
def _leaky_relu(layer: nn.LeakyReLU, params: NumPyParams, x: Floats) -> Bound:
    low, slope = np.empty(x.shape, np.float32), np.float32(layer.slope)
    return x, [
        partial(np.minimum, x, np.float32(0), out=low),
        partial(np.multiply, low, slope, out=low),
        partial(np.maximum, x, np.float32(0), out=x),
        partial(np.add, x, low, out=x),
    ]


@bind.register(nn.Sigmoid)
def _sigmoid(layer: nn.Sigmoid, params: NumPyParams, x: Floats) -> Bound:
    return x, [
        partial(np.negative, x, out=x),
        partial(np.minimum, x, np.float32(88), out=x),  # exp(88) is still a float32
        partial(np.exp, x, out=x),
        partial(np.add, x, np.float32(1), out=x),
        partial(np.reciprocal, x, out=x),
    ]


@bind.register(nn.Softmax)
def _softmax(layer: nn.Softmax, params: NumPyParams, x: Floats) -> Bound:
    row = np.empty((1, *x.shape[1:]), np.float32)
    return x, [
        partial(np.maximum.reduce, x, axis=0, keepdims=True, out=row),
        partial(np.subtract, x, row, out=x),
        partial(np.exp, x, out=x),
        partial(np.add.reduce, x, axis=0, keepdims=True, out=row),
        partial(np.divide, x, row, out=x),
    ]


@bind.register(nn.BatchNorm)
def _batch_norm(layer: nn.BatchNorm, params: NumPyParams, x: Floats) -> Bound:
    """Where no Dense or Conv2D comes before it to take it in."""
    shape = (-1,) + (1,) * (x.ndim - 1)
    scale, shift = params["scale"].reshape(shape), params["shift"].reshape(shape)
    return x, [partial(np.multiply, x, scale, out=x), partial(np.add, x, shift, out=x)]
