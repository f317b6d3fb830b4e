"""The NumPy kernels of layers, written for speed: each binds a layer to the buffers that it reads and fills.

Activations are batch-last float32, ``(channels, height, width, n)`` or ``(features, n)``. A kernel registers on the
class of its layer; a layer without one is computed by its own ``numpy_forward``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial, singledispatch
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from jaxdoodle import nn
from jaxdoodle.core.types import NDArray, Shape

Floats = NDArray[np.float32]
NumPyParams = Mapping[str, Floats]
#: The buffer that a layer fills, and the calls that fill it, in turn, from the layer's input buffer.
Bound = tuple[Floats, list[Callable[[], Any]]]

#: So many numbers of a convolution at once are pooled: a quarter of a cache of 1 MB.
BLOCK = 1 << 16
#: A bias is spread over a row of so many outputs beforehand: one loop over all takes less time than short ones.
SPREAD = 1 << 13


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


@bind.register(nn.Conv2D)
def _conv2d(layer: nn.Conv2D, params: NumPyParams, x: Floats) -> Bound:
    """One matmul for each row of the output, over as many rows of pixels as the kernel is high."""
    copies, windows, (oh, ow, filters) = _windows(layer, x)
    y = np.empty((oh, filters, windows.shape[2]), np.float32)
    product, bias = partial(np.matmul, params["w"], windows, out=y), partial(np.add, y, params["b"], out=y)
    return y.reshape(oh, filters, ow, -1).swapaxes(0, 1), [*copies, product, bias]


def _windows(layer: nn.Conv2D, x: Floats) -> tuple[list[Callable[[], Any]], Floats, Shape]:
    """The calls that fill what each row of the output is computed from, that as a view, and the output's shape.

    A row holds its pixels once for each column of the kernel, moved to where the kernel wants them. Rows lie one
    behind the other, so what a row of the output needs is one piece of memory: the windows overlap, and nothing is
    copied for the kernel's height. Where the kernel hangs over the border a row is zero, and stays so: nothing is
    written there.
    """
    channels, height, width, n = x.shape
    (kh, kw), (sh, sw) = layer.kernel_size, layer.stride  # type: ignore[misc]
    oh, ow, filters = layer.output_shape((height, width, channels))
    (top, bottom), (left, _) = layer.pads((height, width))
    rows = np.zeros((top + height + bottom, kw * channels, ow * n), np.float32)
    row_bytes, line_bytes, _ = rows.strides
    windows: Floats = as_strided(
        rows, (oh, kh * kw * channels, ow * n), (sh * row_bytes, line_bytes, 4), writeable=False
    )

    lines = rows[top : top + height].reshape(height, kw, channels, ow, n)
    pixels = x.swapaxes(0, 1)
    copies: list[Callable[[], Any]] = []
    for j in range(kw):
        to, source = _overlap(j - left, sw, width, ow)
        copies.append(partial(np.copyto, lines[:, j, :, to], pixels[:, :, source]))
    return copies, windows, (oh, ow, filters)


class Pooled(NamedTuple):
    """A convolution and the maximum over its windows. The bias is added last: the same, from fewer numbers."""

    conv: nn.Conv2D
    pool: nn.MaxPool2D


@bind.register(Pooled)
def _pooled(layer: Pooled, params: NumPyParams, x: Floats) -> Bound:
    """Some rows after the other, so that what the convolution gives stays in the cache until its maximum is taken."""
    copies, windows, shape = _windows(layer.conv, x)
    (_, ow, filters), n = shape, x.shape[-1]
    (kh, kw), (sh, sw) = layer.pool.window, layer.pool.stride  # type: ignore[misc]
    rows, columns, _ = layer.pool.output_shape(shape)
    block = max(1, min(rows, BLOCK // (sh * filters * ow * n))) if kh == sh else rows
    products = np.empty((sh * (block - 1) + kh, filters, ow, n), np.float32)
    highest, y = np.empty((block, filters, ow, n), np.float32), np.empty((rows, filters, columns, n), np.float32)
    b: Floats = params["b"][:, None]
    if y.size <= SPREAD:
        b = np.ascontiguousarray(np.broadcast_to(b, y.shape[1:]))
    calls = [*copies]
    for first in range(0, rows, block):
        count = min(block, rows - first)
        size, out, most = sh * (count - 1) + kh, y[first : first + count], highest[:count]
        into = products[:size].reshape(size, filters, ow * n)
        calls.append(partial(np.matmul, params["w"], windows[sh * first : sh * first + size], out=into))
        across = [products[i : i + sh * (count - 1) + 1 : sh] for i in range(kh)]
        along = [most[:, :, j : j + sw * (columns - 1) + 1 : sw] for j in range(kw)]
        calls += [*_combined(np.maximum, across, most), *_combined(np.maximum, along, out)]
        calls.append(partial(np.add, out, b, out=out))
    return y.swapaxes(0, 1), calls


def _overlap(offset: int, stride: int, size: int, outputs: int) -> tuple[slice, slice]:
    """The outputs o with a pixel at ``offset + o * stride``, and those pixels."""
    first = max(0, math.ceil(-offset / stride))
    last = min(outputs - 1, (size - 1 - offset) // stride)
    if last < first:
        return slice(0, 0), slice(0, 0)
    return slice(first, last + 1), slice(offset + first * stride, offset + last * stride + 1, stride)


def _pool(layer: Any, x: Floats, combine: Any) -> Bound:
    """``combine`` over the rows of each window, then over its columns."""
    channels, height, width, n = x.shape
    (kh, kw), (sh, sw) = layer.window, layer.stride
    oh, ow, _ = layer.output_shape((height, width, channels))
    rows = np.empty_like(x, shape=(channels, oh, width, n))  # in the order of x
    y = np.empty_like(x, shape=(channels, oh, ow, n))
    across = [x[:, i : i + sh * (oh - 1) + 1 : sh] for i in range(kh)]
    along = [rows[:, :, j : j + sw * (ow - 1) + 1 : sw] for j in range(kw)]
    return y, [*_combined(combine, across, rows), *_combined(combine, along, y)]


def _combined(combine: Any, pieces: list[Floats], out: Floats) -> Iterator[Callable[[], Any]]:
    if len(pieces) == 1:
        yield partial(np.copyto, out, pieces[0])
    else:
        yield partial(combine, pieces[0], pieces[1], out=out)
    for piece in pieces[2:]:
        yield partial(combine, out, piece, out=out)


bind.register(nn.MaxPool2D, lambda layer, params, x: _pool(layer, x, np.maximum))


def _in_memory_order(x: Floats) -> Floats:
    """The same numbers with the first two axes as they lie in memory: NumPy is quickest on what is contiguous."""
    return x.swapaxes(0, 1) if x.ndim == 4 and x.swapaxes(0, 1).flags.c_contiguous else x


@bind.register(nn.ReLU)
def _relu(layer: nn.ReLU, params: NumPyParams, x: Floats) -> Bound:
    numbers = _in_memory_order(x)
    return x, [partial(np.maximum, numbers, np.float32(0), out=numbers)]


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
