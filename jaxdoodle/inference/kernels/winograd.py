"""A convolution by 3x3 kernels and the maximum of each 2x2 outputs, with 16 multiplications for them instead of 36.

With the tables P, K and O of ``jaxdoodle.nn.fused.winograd``, which derives them, ' for transposed and * for entry by
entry, 4x4 pixels x and a kernel w give 2x2 outputs ``O ((K w K') * (P x P')) O'``. Products are summed over channels:
one matmul for each of the 16 entries and each window of a row. (Lavin and Gray, "Fast Algorithms for Convolutional
Neural Networks", 2015.)

Pixels are ``(height, width, channels, n)``, one row of windows after the other, so that what is between pixels and
outputs stays in the cache.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from jaxdoodle import nn
from jaxdoodle.inference.kernels.bound import Bound, Calls, Floats, NumPyParams, Pooled

KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
#: From so many channels and filters on, by their harmonic mean, the matrix products save more than the sums cost.
LEAST = 32


def pays(conv: nn.Conv2D, pool: nn.MaxPool2D, channels: int) -> bool:
    """Whether this computes such a layer, in less time than a plain product."""
    sizes = conv.kernel_size, conv.stride, pool.window, pool.stride
    enough = 2 * channels * conv.filters >= LEAST * (channels + conv.filters)
    return sizes == ((3, 3), (1, 1), (2, 2), (2, 2)) and enough


def pooled(layer: Pooled, params: NumPyParams, x: Floats) -> Bound:
    """The kernel of ``Pooled``, see ``bind``."""
    channels, height, width, n = x.shape
    rows, columns, filters = layer.pool.output_shape(layer.conv.output_shape((height, width, channels)))
    (top, _), (left, _) = layer.conv.pads((height, width))

    def empty(*shape: int) -> Floats:
        return np.empty(shape, np.float32)

    pixels = np.zeros((2 * rows + 2, 2 * columns + 2, channels, n), np.float32)
    inside = pixels[top : top + height, left : left + width]
    calls: Calls = [partial(np.copyto, inside, x[:, : len(inside), : inside.shape[1]].transpose(1, 2, 0, 3))]

    half = (KERNEL @ params["w"].T.reshape(3, -1)).reshape(4, 3, -1)
    kernel = (KERNEL @ half).reshape(16, 1, channels, filters).swapaxes(2, 3)
    down, transformed = empty(4, 2 * columns + 2, channels, n), empty(4, 4, columns, channels, n)
    products, half_outputs = empty(4, 4, columns, filters, n), empty(2, 4, columns, filters, n)
    outputs, highest = empty(2, 2, columns, filters, n), empty(2, columns, filters, n)
    y = empty(rows, columns, filters, n)
    b, zeros = np.broadcast_to(params["b"], y.shape[1:]).copy(), np.zeros(y.shape[1:], np.float32)
    along = [down[:, j : j + 2 * columns - 1 : 2] for j in range(4)]
    for row in range(rows):
        calls += _pixels([*pixels[2 * row : 2 * row + 4]], [*down])
        calls += _pixels(along, [*transformed.swapaxes(0, 1)])
        inputs = transformed.reshape(16, columns, channels, n)
        calls.append(partial(np.matmul, kernel, inputs, out=products.reshape(16, columns, filters, n)))
        calls += _outputs([*products], [*half_outputs])
        calls += _outputs([*half_outputs.swapaxes(0, 1)], [*outputs.swapaxes(0, 1)])
        calls.append(partial(np.maximum, outputs[0], outputs[1], out=highest))
        calls.append(partial(np.maximum, highest[0], highest[1], out=y[row]))
        calls.append(partial(np.add, y[row], b, out=y[row]))
        if layer.relu:
            calls.append(partial(np.maximum, y[row], zeros, out=y[row]))
    return y.transpose(2, 0, 1, 3), calls


def _pixels(x: list[Any], out: list[Any]) -> Calls:
    """``out = P x``."""
    return [
        partial(np.subtract, x[0], x[2], out=out[0]),
        partial(np.add, x[1], x[2], out=out[1]),
        partial(np.subtract, x[2], x[1], out=out[2]),
        partial(np.subtract, x[1], x[3], out=out[3]),
    ]


def _outputs(m: list[Any], out: list[Any]) -> Calls:
    """``out = O m``."""
    return [
        partial(np.add, m[0], m[1], out=out[0]),
        partial(np.add, out[0], m[2], out=out[0]),
        partial(np.subtract, m[1], m[2], out=out[1]),
        partial(np.subtract, out[1], m[3], out=out[1]),
    ]
