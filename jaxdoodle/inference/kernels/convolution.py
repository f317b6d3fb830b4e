"""Convolutions by matrix products, each pooled and rectified while its outputs are in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from jaxdoodle import nn
from jaxdoodle.core.types import Shape
from jaxdoodle.inference.kernels.bound import Bound, Calls, Floats, NumPyParams, Pooled

#: So many numbers of a convolution at once are pooled: a quarter of a cache of 1 MB.
BLOCK = 1 << 16
#: A bias is spread over a row of so many outputs beforehand: one loop over all takes less time than short ones.
SPREAD = 1 << 13
#: Filters are computed so many at a time: the floats in a register of AVX-512.
LANES = 16
#: The fewest images at once for which Winograd's sums, along the images, are worth their calls.
WINOGRAD_IMAGES = 16


def conv2d(layer: nn.Conv2D, params: NumPyParams, x: Floats) -> Bound:
    """One matmul for each row of the output, over as many rows of pixels as the kernel is high."""
    if _suits_one_image(layer, x):
        return _one_image(layer, None, params, x)
    copies, windows, (oh, ow, filters) = _windows(layer, x)
    y = np.empty((oh, filters, windows.shape[2]), np.float32)
    product, bias = partial(np.matmul, params["w"], windows, out=y), partial(np.add, y, params["b"], out=y)
    return y.reshape(oh, filters, ow, -1).swapaxes(0, 1), [*copies, product, bias]


def pooled(layer: Pooled, params: NumPyParams, x: Floats) -> Bound:
    """Some rows after the other, so that what the convolution gives stays in the cache until its maximum is taken."""
    if _suits_one_image(layer.conv, x):
        return _one_image(layer.conv, layer, params, x)
    if x.shape[-1] >= WINOGRAD_IMAGES:
        from jaxdoodle.inference.kernels import winograd  # not needed for an image or two

        if winograd.pays(layer.conv, layer.pool, x.shape[0]):
            return winograd.pooled(layer, params, x)
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
    zeros = np.zeros((block, *y.shape[1:]), np.float32)
    calls = [*copies]
    for first in range(0, rows, block):
        count = min(block, rows - first)
        size, out, most = sh * (count - 1) + kh, y[first : first + count], highest[:count]
        into = products[:size].reshape(size, filters, ow * n)
        calls.append(partial(np.matmul, params["w"], windows[sh * first : sh * first + size], out=into))
        across = [products[i : i + sh * (count - 1) + 1 : sh] for i in range(kh)]
        along = [most[:, :, j : j + sw * (columns - 1) + 1 : sw] for j in range(kw)]
        calls += [*combined(np.maximum, across, most), *combined(np.maximum, along, out)]
        calls.append(partial(np.add, out, b, out=out))
        if layer.relu:
            calls.append(partial(np.maximum, out, zeros[:count], out=out))
    return y.swapaxes(0, 1), calls


def combined(combine: Any, pieces: list[Floats], out: Floats) -> Iterator[Callable[[], Any]]:
    """The calls that put ``combine`` of all pieces into ``out``."""
    if len(pieces) == 1:
        yield partial(np.copyto, out, pieces[0])
    else:
        yield partial(combine, pieces[0], pieces[1], out=out)
    for piece in pieces[2:]:
        yield partial(combine, out, piece, out=out)


def _windows(layer: nn.Conv2D, x: Floats) -> tuple[Calls, Floats, Shape]:
    """The calls that fill what each row of the output is computed from, that as a view, and the output's shape.

    A row holds its pixels once for each column of the kernel, moved to where the kernel wants them. Rows lie one
    behind the other, so what a row of the output needs is one piece of memory: the windows overlap, and nothing is
    copied for the kernel's height. Where the kernel hangs over the border a row is zero, and stays so: nothing is
    written there.
    """
    channels, height, width, n = x.shape
    (kh, kw), (sh, sw) = layer.kernel_size, layer.stride  # type: ignore[misc]
    oh, ow, filters = layer.output_shape((height, width, channels))
    (top, bottom), (left, right) = layer.pads((height, width))
    rows = np.zeros((top + height + bottom, kw * channels, ow * n), np.float32)
    row_bytes, line_bytes, _ = rows.strides
    windows: Floats = as_strided(
        rows, (oh, kh * kw * channels, ow * n), (sh * row_bytes, line_bytes, 4), writeable=False
    )

    lines = rows[top : top + height].reshape(height, kw, channels, ow, n)
    pixels = x.swapaxes(0, 1)
    if not left and not right:  # all columns of the kernel in one copy
        down, aside, step, image = pixels.strides
        source = as_strided(pixels, lines.shape, (down, step, aside, sw * step, image), writeable=False)
        return [partial(np.copyto, lines, source)], windows, (oh, ow, filters)
    copies: Calls = []
    for j in range(kw):
        to, columns = _overlap(j - left, sw, width, ow)
        copies.append(partial(np.copyto, lines[:, j, :, to], pixels[:, :, columns]))
    return copies, windows, (oh, ow, filters)


def _overlap(offset: int, stride: int, size: int, outputs: int) -> tuple[slice, slice]:
    """The outputs o with a pixel at ``offset + o * stride``, and those pixels."""
    first = max(0, math.ceil(-offset / stride))
    last = min(outputs - 1, (size - 1 - offset) // stride)
    if last < first:
        return slice(0, 0), slice(0, 0)
    return slice(first, last + 1), slice(offset + first * stride, offset + last * stride + 1, stride)


def _suits_one_image(layer: nn.Conv2D, x: Floats) -> bool:
    """Whether a product computes more at once along the filters than along the one image's columns."""
    return x.shape[-1] == 1 and layer.filters % LANES == 0


def _one_image(conv: nn.Conv2D, layer: Pooled | None, params: NumPyParams, x: Floats) -> Bound:
    """Channels last: one matmul for each row of the output, whose windows are its rows.

    As in ``_windows``, with the axes the other way round: pixels lie column by column, so what a column of the output
    needs, of as many rows as the kernel is high, is one piece of memory.
    """
    channels, height, width, _ = x.shape
    (kh, kw), (sh, sw) = conv.kernel_size, conv.stride  # type: ignore[misc]
    oh, ow, filters = conv.output_shape((height, width, channels))
    if layer:  # what no window of the pool holds is not computed
        (ph, pw), (ps, qs) = layer.pool.window, layer.pool.stride  # type: ignore[misc]
        rows, places, _ = layer.pool.output_shape((oh, ow, filters))
        oh, ow = ps * (rows - 1) + ph, qs * (places - 1) + pw
    (top, bottom), (left, right) = conv.pads((height, width))
    padded = np.zeros((top + height + bottom, left + width + right, channels), np.float32)
    inside = padded[top : top + height, left : left + width]
    calls: Calls = [partial(np.copyto, inside, x[..., 0].transpose(1, 2, 0))]

    down, step, _ = padded.strides
    across = kw * channels
    columns = np.empty((ow, len(padded), across), np.float32)
    source = as_strided(padded, columns.shape, (sw * step, down, 4), writeable=False)
    parts = 1 if channels > 1 else kw  # runs of a few numbers are copied slowly
    for part in np.split(np.arange(across), parts):
        of = slice(part[0], part[-1] + 1)
        calls.append(partial(np.copyto, columns[..., of], source[..., of]))
    strides = (sh * across * 4, columns.strides[0], 4)
    windows = as_strided(columns, (oh, ow, kh * across), strides, writeable=False)

    y = np.empty((oh, ow, filters), np.float32)
    calls.append(partial(np.matmul, windows, params["w"].T, out=y))
    if layer:
        most, out = np.empty((rows, ow, filters), np.float32), np.empty((rows, places, filters), np.float32)
        calls += combined(np.maximum, [y[i : i + ps * (rows - 1) + 1 : ps] for i in range(ph)], most)
        calls += combined(np.maximum, [most[:, j : j + qs * (places - 1) + 1 : qs] for j in range(pw)], out)
        y = out
    b = np.ascontiguousarray(np.broadcast_to(params["b"][:, 0], y.shape))
    calls.append(partial(np.add, y, b, out=y))
    if layer and layer.relu:
        calls.append(partial(np.maximum, y, np.zeros_like(y), out=y))
    return y.transpose(2, 0, 1)[..., None], calls
