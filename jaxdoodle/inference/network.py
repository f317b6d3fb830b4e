"""The forward pass in NumPy, written for speed: float32, every buffer allocated once, one matmul per layer.

Inside, activations are batch-last, ``(channels, height, width, n)``: the pixels that a convolution gathers for one
column of its kernel are then long contiguous runs, and a dense layer is ``w.T @ x``. For each batch size a plan binds
every layer to its buffers once; to predict is to fill the first buffer and call the plan's functions in turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from jaxdoodle.nn.spec import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ModelSpec,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)

Array = Any  # numpy.ndarray
Params = Mapping[str, Array]
#: The buffer that a layer fills, and the function that fills it from the layer's input buffer.
Bound = tuple[Array, Callable[[], Any]]
#: The buffer to fill, what to call, and where the result will be.
Plan = tuple[Array, list[Callable[[], Any]], Array]

#: Images computed at once: their activations should stay in the cache.
CHUNK = 32
#: Values that they may take up all together, where one image takes up many.
CHUNK_VALUES = 1 << 23
#: Numbers of images that plans are kept for.
SIZES = 4


class Network:
    """A spec and its parameters, ready to run in evaluation mode. May be shared between threads.

    ``params`` holds one dict per layer, as the spec's ``param_shapes`` say; they are copied. Inputs are divided
    by ``divisor``.
    """

    def __init__(self, spec: ModelSpec, params: Sequence[Params], divisor: float = 1.0):
        found = tuple({name: np.shape(value) for name, value in p.items()} for p in params)
        if found != spec.param_shapes:
            raise ValueError(f"the spec has parameters of shapes {spec.param_shapes}; got {found}.")
        self.spec = spec
        self._divisor = divisor
        self._layers = _pool_before_relu(_fold_batch_norm(zip(spec.layers, params, strict=True)))
        self._output_shape = spec.output_shape
        self._chunk = max(1, min(CHUNK, CHUNK_VALUES // values_per_image(spec)))
        #: Number of images -> plans that nobody is using. A thread takes one away, and brings it back.
        self._idle: dict[int, list[Plan]] = {}

    def logits(self, x: Array) -> Array:
        """``(n, *input_shape)``, any real dtype, to ``(n, *output_shape)`` float32."""
        if x.shape[1:] != self.spec.input_shape:
            raise ValueError(f"the network takes inputs of shape (n, *{self.spec.input_shape}); got {x.shape}.")
        out = np.empty((len(x), *self._output_shape), np.float32)
        for start in range(0, len(x), self._chunk):
            stop = start + self._chunk
            self._compute(x[start:stop], out[start:stop])
        return out

    def _compute(self, x: Array, out: Array) -> None:
        if len(x) not in self._idle and len(self._idle) >= SIZES:
            self._idle.clear()
        idle = self._idle.setdefault(len(x), [])
        try:
            plan = idle.pop()
        except IndexError:
            plan = self._bind(len(x))
        source, functions, result = plan
        np.divide(x, self._divisor, out=source, dtype=np.float32, casting="unsafe")
        for function in functions:
            function()
        np.copyto(out, result)
        idle.append(plan)

    def _bind(self, n: int) -> Plan:
        """The plan for ``n`` images."""
        source = np.empty((n, *self.spec.input_shape), np.float32)
        x, functions = source.swapaxes(0, -1), []
        for layer, params in self._layers:
            x, function = APPLY[type(layer)](layer, params, x)
            functions.append(function)
        return source, [f for f in functions if f is not _nothing], x.swapaxes(0, -1)


def values_per_image(spec: ModelSpec) -> int:
    """How many values one image takes up on its way through the network."""
    total = sum(math.prod(shape) for shape in spec.shapes)
    for layer, before, after in zip(spec.layers, spec.shapes[:-1], spec.shapes[1:], strict=True):
        if isinstance(layer, Conv2D):
            (top, bottom), _ = layer.pads(before[:2])
            total += (top + before[0] + bottom) * layer.kernel_size[1] * before[2] * after[1]
    return total


def products_per_image(spec: ModelSpec) -> int:
    """How many multiplications the layers with weights make for one image."""
    return sum(
        math.prod(shapes["w"]) * math.prod(after[:-1])
        for shapes, after in zip(spec.param_shapes, spec.shapes[1:], strict=True)
        if "w" in shapes
    )


def _fold_batch_norm(layers) -> list[tuple[Layer, Params]]:
    """Weights as the kernels want them, ``(out, in)``, with the normalization that follows multiplied in.

    They are transposed as a view: BLAS reads a matrix either way, and turning one over takes longer than a prediction.
    """
    folded: list[tuple[Layer, Params]] = []
    for layer, params in layers:
        p = {name: np.asarray(value, np.float32) for name, value in params.items()}
        if isinstance(layer, Dense | Conv2D):
            w = p["w"].reshape(-1, p["w"].shape[-1])
            p = {"w": w.copy().T, "b": p["b"][:, None].copy()}
        elif isinstance(layer, BatchNorm):
            scale = p["scale"] / np.sqrt(p["var"] + np.float32(layer.epsilon))
            p = {"scale": scale, "shift": p["shift"] - p["mean"] * scale}
            if folded and isinstance(folded[-1][0], Dense | Conv2D):
                before, q = folded.pop()
                scale, shift = scale[:, None], p["shift"][:, None]
                layer, p = before, {"w": q["w"] * scale, "b": q["b"] * scale + shift}
        if not isinstance(layer, Dropout):
            folded.append((layer, p))
    return folded


def _pool_before_relu(layers: list[tuple[Layer, Params]]) -> list[tuple[Layer, Params]]:
    """The largest of the rectified is the rectified largest, and there are fewer of them."""
    layers = list(layers)
    for i in range(len(layers) - 1):
        if isinstance(layers[i][0], ReLU) and isinstance(layers[i + 1][0], MaxPool2D):
            layers[i], layers[i + 1] = layers[i + 1], layers[i]
    return layers


def _nothing() -> None:
    """What a layer does whose output is its input."""


def _dense(layer: Dense, params: Params, x: Array) -> Bound:
    y = np.empty((layer.units, x.shape[-1]), np.float32)

    def run():
        np.matmul(params["w"], x, out=y)
        np.add(y, params["b"], out=y)

    return y, run


def _conv2d(layer: Conv2D, params: Params, x: Array) -> Bound:
    """One matmul for each row of the output, over as many rows of pixels as the kernel is high.

    A row holds its pixels once for each column of the kernel, moved to where the kernel wants them. Rows lie one behind
    the other, so what a row of the output needs is one piece of memory: the windows overlap, and nothing is copied for
    the kernel's height. Where the kernel hangs over the border a row is zero, and stays so: nothing is written there.
    """
    channels, height, width, n = x.shape
    (kh, kw), (sh, sw) = layer.kernel_size, layer.stride
    oh, ow, filters = layer.output_shape((height, width, channels))
    (top, bottom), (left, _) = layer.pads((height, width))
    rows = np.zeros((top + height + bottom, kw * channels, ow * n), np.float32)
    row_bytes, line_bytes, _ = rows.strides
    windows = as_strided(rows, (oh, kh * kw * channels, ow * n), (sh * row_bytes, line_bytes, 4), writeable=False)
    y = np.empty((filters, oh, ow * n), np.float32)
    w, b, y_by_row = params["w"], params["b"][:, None], y.swapaxes(0, 1)

    lines = rows[top : top + height].reshape(height, kw, channels, ow, n)
    pixels, copies = x.swapaxes(0, 1), []
    for j in range(kw):
        to, source = _overlap(j - left, sw, width, ow)
        copies.append((lines[:, j, :, to], pixels[:, :, source]))

    def run():
        for place, piece in copies:
            np.copyto(place, piece)
        np.matmul(w, windows, out=y_by_row)
        np.add(y, b, out=y)

    return y.reshape(filters, oh, ow, n), run


def _overlap(offset: int, stride: int, size: int, outputs: int) -> tuple[slice, slice]:
    """The outputs o with a pixel at ``offset + o * stride``, and those pixels."""
    first = max(0, math.ceil(-offset / stride))
    last = min(outputs - 1, (size - 1 - offset) // stride)
    if last < first:
        return slice(0, 0), slice(0, 0)
    return slice(first, last + 1), slice(offset + first * stride, offset + last * stride + 1, stride)


def _pool(layer: Any, x: Array, combine: Any) -> Bound:
    """``combine`` over the rows of each window, then over its columns."""
    channels, height, width, n = x.shape
    (kh, kw), (sh, sw) = layer.window, layer.stride
    oh, ow, _ = layer.output_shape((height, width, channels))
    rows = np.empty((channels, oh, width, n), np.float32)
    y = np.empty((channels, oh, ow, n), np.float32)
    across = [x[:, i : i + sh * (oh - 1) + 1 : sh] for i in range(kh)]
    along = [rows[:, :, j : j + sw * (ow - 1) + 1 : sw] for j in range(kw)]

    def run():
        _combine(combine, across, rows)
        _combine(combine, along, y)

    return y, run


def _combine(combine: Any, pieces: list[Array], out: Array) -> None:
    if len(pieces) == 1:
        np.copyto(out, pieces[0])
    else:
        combine(pieces[0], pieces[1], out=out)
    for piece in pieces[2:]:
        combine(out, piece, out=out)


def _max_pool(layer: MaxPool2D, params: Params, x: Array) -> Bound:
    return _pool(layer, x, np.maximum)


def _avg_pool(layer: AvgPool2D, params: Params, x: Array) -> Bound:
    y, add = _pool(layer, x, np.add)
    share = np.float32(1 / math.prod(layer.window))

    def run():
        add()
        np.multiply(y, share, out=y)

    return y, run


def _global_avg_pool(layer: GlobalAvgPool2D, params: Params, x: Array) -> Bound:
    channels, height, width, n = x.shape
    y, share = np.empty((channels, n), np.float32), np.float32(1 / (height * width))

    def run():
        np.add.reduce(x, axis=(1, 2), out=y)
        np.multiply(y, share, out=y)

    return y, run


def _flatten(layer: Flatten, params: Params, x: Array) -> Bound:
    ordered = np.moveaxis(x, 0, -2)
    y = ordered.reshape(-1, x.shape[-1])
    if np.shares_memory(y, x):
        return y, _nothing
    return y, partial(np.copyto, y.reshape(ordered.shape), ordered)


def _relu(layer: ReLU, params: Params, x: Array) -> Bound:
    return x, partial(np.maximum, x, np.float32(0), out=x)


def _leaky_relu(layer: LeakyReLU, params: Params, x: Array) -> Bound:
    low, slope = np.empty(x.shape, np.float32), np.float32(layer.slope)

    def run():
        np.minimum(x, np.float32(0), out=low)
        np.multiply(low, slope, out=low)
        np.maximum(x, np.float32(0), out=x)
        np.add(x, low, out=x)

    return x, run


def _sigmoid(layer: Sigmoid, params: Params, x: Array) -> Bound:
    def run():
        np.negative(x, out=x)
        np.minimum(x, np.float32(88), out=x)  # exp(88) is still a float32
        np.exp(x, out=x)
        np.add(x, np.float32(1), out=x)
        np.reciprocal(x, out=x)

    return x, run


def _tanh(layer: Tanh, params: Params, x: Array) -> Bound:
    return x, partial(np.tanh, x, out=x)


def _softmax(layer: Softmax, params: Params, x: Array) -> Bound:
    row = np.empty((1, *x.shape[1:]), np.float32)

    def run():
        np.maximum.reduce(x, axis=0, keepdims=True, out=row)
        np.subtract(x, row, out=x)
        np.exp(x, out=x)
        np.add.reduce(x, axis=0, keepdims=True, out=row)
        np.divide(x, row, out=x)

    return x, run


def _dropout(layer: Dropout, params: Params, x: Array) -> Bound:
    return x, _nothing


def _batch_norm(layer: BatchNorm, params: Params, x: Array) -> Bound:
    """Where no Dense or Conv2D comes before it to take it in."""
    shape = (-1,) + (1,) * (x.ndim - 1)
    scale, shift = params["scale"].reshape(shape), params["shift"].reshape(shape)

    def run():
        np.multiply(x, scale, out=x)
        np.add(x, shift, out=x)

    return x, run


#: Layer class -> the function that binds it: ``(layer, params, x) -> (y, run)``, where ``run()`` fills y from x.
APPLY: dict[type[Layer], Callable[[Any, Params, Array], Bound]] = {
    Dense: _dense,
    Conv2D: _conv2d,
    MaxPool2D: _max_pool,
    AvgPool2D: _avg_pool,
    GlobalAvgPool2D: _global_avg_pool,
    Flatten: _flatten,
    ReLU: _relu,
    LeakyReLU: _leaky_relu,
    Sigmoid: _sigmoid,
    Tanh: _tanh,
    Softmax: _softmax,
    Dropout: _dropout,
    BatchNorm: _batch_norm,
}
