"""ONNX: the nodes that one value goes through, as layers.

A value of the graph is followed by ``index``: an array of the value's shape, the batch being 1, that says of each
number where it stands in the output of the layers so far. Transpose, Reshape, Flatten and the like then move numbers in
``index`` alone, and weights that follow are reordered by it: channels first or last makes no difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.formats.weights.chain import LOWEST, NO_PADS, Chain, Pads
from jaxdoodle.formats.weights.readers.onnx_constants import compute, squeeze, tensor_of, unsqueeze
from jaxdoodle.formats.weights.source import Budget, Weights

MAX_NODES = 5000


def read_onnx(data: bytes, budget: Budget) -> Weights:
    """The network of an ONNX file."""
    import onnx

    model = onnx.ModelProto.FromString(data)
    if not model.graph.node:
        raise InputError("an ONNX file without nodes.")
    return Weights(network=Graph(model, budget).chain)


class Graph:
    """An ONNX model as a chain of layers.

    Attributes:
      chain: The layers.
      index: Of the output.
      order: Where each number of the chain's input stands in that of the graph.
    """

    def __init__(self, model: Any, budget: Budget, given: Mapping[str, NDArray[Any]] | None = None):
        graph = model.graph
        self.opset = max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=1)
        self.constants = {t.name: tensor_of(t, budget) for t in graph.initializer} | dict(given or {})
        inputs = [value for value in graph.input if value.name not in self.constants]
        if len(inputs) != 1 or len(graph.node) > MAX_NODES:
            raise InputError(f"has {len(inputs)} inputs and {len(graph.node)} nodes; expected one input.")
        shape = [d.dim_value for d in inputs[0].type.tensor_type.shape.dim]
        if not 2 <= len(shape) <= 4 or not all(n > 0 for n in shape[1:]):
            raise InputError(f"takes inputs of shape {shape}, which leaves something else than the batch open.")
        self.batch, self.name = shape[0], inputs[0].name
        first = len(shape) == 4 and not (shape[3] in (1, 3) and shape[1] not in (1, 3))  # channels
        self.chain = Chain((shape[2], shape[3], shape[1]) if first else tuple(shape[1:]))
        self.index = self._standard(first)
        self.order = np.empty(self.index.size, np.int64)
        self.order[self.index.ravel()] = np.arange(self.index.size)
        self.ended = ""
        for node in graph.node:
            try:
                self._step(node, budget)
            except InputError as error:
                raise InputError(f"node {node.name[:60]!r} ({node.op_type[:40]}): {error}") from None
        if graph.output[0].name != self.name:
            raise InputError("its output is not what the last node gives.")

    def _standard(self, channels_first: bool = True) -> NDArray[Any]:
        """The index of what the chain gives, with the channels first or last."""
        shape = self.chain.shape
        index = np.arange(math.prod(shape)).reshape(shape)
        return (index.transpose(2, 0, 1) if channels_first and len(shape) == 3 else index)[None]

    def _step(self, node: Any, budget: Budget) -> None:
        from onnx import helper

        values = {
            a.name: tensor_of(a.t, budget) if a.name == "value" else helper.get_attribute_value(a)
            for a in node.attribute
        }
        inputs = [None if name == self.name else self.constants.get(name, False) for name in node.input if name]
        if "" in node.input and node.op_type == "Clip":  # a maximum alone
            inputs = [inputs[0], np.float32(LOWEST), *inputs[1:]]
        if any(value is False for value in inputs):
            raise InputError("takes what an earlier node gave to others too; only nodes in one line are read.")
        if node.op_type == "Shape" and inputs == [None]:
            self.constants[node.output[0]] = np.array([max(self.batch, 1), *self.index.shape[1:]])
        elif all(value is not None for value in inputs):
            self.constants[node.output[0]] = compute(node.op_type, inputs, values)
        else:
            if sum(value is None for value in inputs) != 1:
                raise InputError("joins two values; only nodes in one line are read.")
            if node.op_type not in OPERATORS:
                raise InputError("has no equivalent among the layers here.")
            if self.ended:
                raise InputError(f"follows {self.ended}, which is read at the end alone.")
            OPERATORS[node.op_type](self, inputs, values)
            self.name = node.output[0]

    # What the operators need.
    def images(self) -> None:
        """Refuse anything but images with their channels first."""
        if self.index.ndim == 4 and not self.chain.layers and self.chain.scale == 1 and self.chain.offset == 0:
            _, channels, height, width = self.index.shape
            if (height, width, channels) != self.chain.shape:
                order, before = self.order, self.index.ravel()
                self.chain.as_image((height, width, channels))
                self.index = self._standard()
                self.order = np.empty_like(order)
                self.order[self.index.ravel()] = order[before]
        if self.index.ndim == 4 and self.index.shape[1] == 1 and len(self.chain.shape) < 3 and not self.chain.layers:
            self.chain.as_image((*self.index.shape[2:], 1))
        if len(self.chain.shape) != 3 or not np.array_equal(self.index, self._standard()):
            raise InputError(f"takes images with the channels first; its input is another {self.index.shape}.")

    def per_channel(self, constant: Any) -> NDArray[Any]:
        """A constant that goes with every number, as one for each channel of the chain's output."""
        constant = np.asarray(constant, np.float64)
        if constant.size > self.index.size or constant.ndim > self.index.ndim:
            raise InputError(f"combines {self.index.shape} with a constant of {constant.shape}.")
        full = np.empty(self.index.size)
        full[self.index.ravel()] = np.broadcast_to(constant, self.index.shape).ravel()
        rows = full.reshape(-1, self.chain.shape[-1])
        if np.ptp(rows, axis=0).any():
            raise InputError("has a constant that differs from pixel to pixel.")
        return rows[0]

    def affine(self, scale: Any, offset: Any) -> None:
        """``scale * x + offset``."""
        self.chain.affine(self.per_channel(scale), self.per_channel(offset))

    def dense(self, w: Any, b: Any) -> None:
        """``x @ w + b``."""
        if np.ndim(w) != 2:
            raise InputError(f"multiplies by an array of {np.ndim(w)} axes.")
        if self.index.ndim == 2 and len(w) == self.index.size:
            self.chain.flatten()
            rows = np.empty_like(w)
            rows[self.index.ravel()] = w
            self.chain.dense(rows, b)
        elif self.index.ndim == 4 and np.array_equal(self.index, self._standard(False)):
            self.chain.dense(w, b)
        else:
            raise InputError(f"multiplies {self.index.shape} by {np.shape(w)}.")
        self.index = self._standard(False)

    def pads(self, values: Mapping[str, Any], window: Any, stride: Any) -> tuple[Pads, Pads]:
        """Explicit padding, and the rows and columns that rounding up adds at the end."""
        kind, size = values.get("auto_pad", b"NOTSET"), self.index.shape[2:]
        given = values.get("pads", [0, 0, 0, 0])
        explicit: list[Any] = [(given[0], given[2]), (given[1], given[3])]
        if kind in (b"SAME_UPPER", b"SAME_LOWER"):
            totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, window, stride, strict=True)]
            explicit = [(t // 2, t - t // 2) if kind == b"SAME_UPPER" else (t - t // 2, t // 2) for t in totals]
        elif kind == b"VALID":
            explicit = list(NO_PADS)
        extra = [0, 0]
        if values.get("ceil_mode"):
            for at, (n, k, s, pad) in enumerate(zip(size, window, stride, explicit, strict=True)):
                count = -(-(n + sum(pad) - k) // s) + 1
                count -= (count - 1) * s >= n + pad[0]  # the last window begins on the image
                extra[at] = max((count - 1) * s + k - n - sum(pad), 0)
        return tuple(explicit), ((0, extra[0]), (0, extra[1]))  # type: ignore[return-value]


def _conv(graph: Graph, inputs: list[Any], values: Any) -> None:
    graph.images()
    if inputs[0] is not None or np.ndim(inputs[1]) != 4:
        raise InputError("is no convolution of images by constants.")
    w = inputs[1].transpose(2, 3, 1, 0)
    stride, dilation = values.get("strides", [1, 1]), values.get("dilations", [1, 1])
    window = [(n - 1) * d + 1 for n, d in zip(w.shape[:2], dilation, strict=True)]
    pads, _ = graph.pads(values, window, stride)
    graph.chain.conv(w, inputs[2] if len(inputs) > 2 else None, stride, pads, dilation, values.get("group", 1))
    graph.index = graph._standard()


def _pool(kind: str) -> Callable[[Graph, list[Any], Any], None]:
    def pool(graph: Graph, inputs: list[Any], values: Any) -> None:
        graph.images()
        window, dilation = values["kernel_shape"], values.get("dilations", [1, 1])
        stride = values.get("strides", [1, 1])
        spread = [(n - 1) * d + 1 for n, d in zip(window, dilation, strict=True)]
        pads, extra = graph.pads(values, spread, stride)
        both: Any = tuple((a + c, b + d) for (a, b), (c, d) in zip(pads, extra, strict=True))
        if spread != list(window):
            if kind == "max" or both != NO_PADS:
                raise InputError("pools over windows with gaps.")
            channels = graph.chain.shape[2]
            w = np.full((*window, 1, channels), 1 / math.prod(window))
            graph.chain.conv(w, None, stride, NO_PADS, dilation, channels)
        elif kind == "max":
            graph.chain.max_pool(window, stride, both)
        else:
            _average(graph, window, stride, both, extra if values.get("count_include_pad") else both)
            return
        graph.index = graph._standard()

    return pool


def _average(graph: Graph, window: Any, stride: Any, pads: Pads, left_out: Pads) -> None:
    """The mean over windows without some of the padding: windows that reach into it are scaled, so it ends flat."""
    size = graph.chain.shape[:2]
    graph.chain.average_pool(window, stride, pads)
    graph.index = graph._standard()
    if left_out == NO_PADS:
        return
    counts = []
    for axis in (0, 1):
        start = np.arange(graph.chain.shape[axis]) * stride[axis] - pads[axis][0]
        first = np.maximum(start, left_out[axis][0] - pads[axis][0])
        last = np.minimum(start + window[axis], size[axis] + pads[axis][1] - left_out[axis][1])
        counts.append(last - first)
    scale = math.prod(window) / np.multiply.outer(*counts)
    graph.chain.flatten()
    graph.chain.affine(np.repeat(scale.ravel(), graph.chain.shape[0] // scale.size), 0.0)


def _global_average(graph: Graph, inputs: list[Any], values: Any) -> None:
    graph.images()
    graph.chain.add(nn.GlobalAvgPool2D())
    graph.index = np.arange(graph.chain.shape[0]).reshape(1, -1, 1, 1)


def _batch_norm(graph: Graph, inputs: list[Any], values: Any) -> None:
    if values.get("training_mode") or len(inputs) != 5:
        raise InputError("normalizes by the batch, as in training.")
    shape = [1, -1, *[1] * (graph.index.ndim - 2)]
    scale, shift, mean, var = (graph.per_channel(value.reshape(shape)) for value in inputs[1:])
    graph.chain.batch_norm(scale, shift, mean, var, float(values.get("epsilon", 1e-5)))


def _gemm(graph: Graph, inputs: list[Any], values: Any) -> None:
    if inputs[0] is not None or values.get("transA"):
        raise InputError("has its input transposed, or second.")
    w = (inputs[1].T if values.get("transB") else inputs[1]) * values.get("alpha", 1.0)
    b = np.zeros(w.shape[-1])
    if len(inputs) > 2:
        if inputs[2].size not in (1, len(b)) or inputs[2].shape[-1:] not in ((), (1,), (len(b),)):
            raise InputError(f"adds an array of shape {inputs[2].shape}.")
        b = b + inputs[2].reshape(-1) * values.get("beta", 1.0)
    graph.dense(w, b)


def _matmul(graph: Graph, inputs: list[Any], values: Any) -> None:
    if inputs[0] is not None:
        raise InputError("multiplies from the left.")
    graph.dense(inputs[1], None)


def _sub(graph: Graph, inputs: list[Any], values: Any) -> None:
    if inputs[0] is None:
        graph.affine(1.0, -np.asarray(inputs[1], np.float64))
    else:
        graph.affine(-1.0, inputs[0])


def _div(graph: Graph, inputs: list[Any], values: Any) -> None:
    if inputs[0] is not None or not np.all(inputs[1]):
        raise InputError("divides by its input, or by zero.")
    graph.affine(1 / np.asarray(inputs[1], np.float64), 0.0)


def _clip(graph: Graph, inputs: list[Any], values: Any) -> None:
    bounds = [LOWEST, -LOWEST]
    for at, name in enumerate(("min", "max")):
        value = inputs[at + 1] if len(inputs) > at + 1 else values.get(name)
        if value is not None:
            bounds[at] = float(np.clip(np.asarray(value, np.float64).reshape(()), LOWEST, -LOWEST))
    graph.chain.add(nn.ReLU() if bounds == [0, -LOWEST] else nn.Clip(*bounds))


def _softmax(graph: Graph, inputs: list[Any], values: Any) -> None:
    axis = values.get("axis", -1 if graph.opset >= 13 else 1)
    last = graph.index.ndim - 1
    axis = axis + last + 1 if axis < 0 else axis
    if not 0 <= axis <= last or graph.opset < 13 and axis != last and math.prod(graph.index.shape[axis + 1 :]) > 1:
        raise InputError(f"has the axis {axis}.")
    if graph.index.ndim == 2:
        graph.chain.flatten()
    rows = graph.index // graph.chain.shape[-1]
    if graph.index.shape[axis] != graph.chain.shape[-1] or np.ptp(rows, axis=axis).any():
        raise InputError(f"has the axis {axis}; only that of the channels is read.")
    graph.chain.add(nn.Softmax())


def _log_softmax(graph: Graph, inputs: list[Any], values: Any) -> None:
    graph.ended = "LogSoftmax"  # the logits serve as well


def _elementwise(layer: Callable[[Any], nn.Layer]) -> Callable[[Graph, list[Any], Any], None]:
    return lambda graph, inputs, values: graph.chain.add(layer(values))


def _moved(move: Callable[[NDArray[Any], list[Any], Any], NDArray[Any]]) -> Callable[[Graph, list[Any], Any], None]:
    """An operator that only moves numbers, and none from one image to another."""

    def operator(graph: Graph, inputs: list[Any], values: Any) -> None:
        index = move(graph.index, inputs, {**values, "batch": graph.batch})
        if index.size != graph.index.size or index.shape[:1] != (1,):
            raise InputError("moves numbers from one image to another.")
        graph.index = index

    return operator


def _reshape(index: NDArray[Any], inputs: list[Any], values: Any) -> NDArray[Any]:
    shape = [int(n) for n in (inputs[1] if len(inputs) > 1 else values["shape"])]
    if values.get("allowzero") and 0 in shape:
        raise InputError("reshapes to nothing.")
    if len(shape) > 8:
        raise InputError(f"reshapes to {len(shape)} axes.")
    shape = [index.shape[at] if n == 0 and at < index.ndim else n for at, n in enumerate(shape)]
    if shape and shape[0] == values["batch"] and shape[0] > 1:
        shape[0] = 1
    if shape and shape[0] == -1 and values["batch"] > 1:
        rest = math.prod(shape[1:])
        if rest != index.size:
            raise InputError("moves numbers from one image to another.")
    return index.reshape(shape)


def _transpose(index: NDArray[Any], inputs: list[Any], values: Any) -> NDArray[Any]:
    return index.transpose(values.get("perm"))


def _flatten(index: NDArray[Any], inputs: list[Any], values: Any) -> NDArray[Any]:
    axis = values.get("axis", 1)
    axis = axis + index.ndim if axis < 0 else axis
    if axis != 1 and math.prod(index.shape[1:axis]) != 1 or not axis:
        raise InputError(f"flattens from axis {axis}.")
    return index.reshape(1, -1)


#: Operator -> what it does to the chain.
OPERATORS: Mapping[str, Callable[[Graph, list[Any], Any], None]] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": lambda graph, inputs, values: graph.affine(1.0, next(v for v in inputs if v is not None)),
    "Sub": _sub,
    "Mul": lambda graph, inputs, values: graph.affine(next(v for v in inputs if v is not None), 0.0),
    "Div": _div,
    "MaxPool": _pool("max"),
    "AveragePool": _pool("average"),
    "GlobalAveragePool": _global_average,
    "BatchNormalization": _batch_norm,
    "Relu": _elementwise(lambda values: nn.ReLU()),
    "LeakyRelu": _elementwise(lambda values: nn.LeakyReLU(values.get("alpha", 0.01))),
    "Sigmoid": _elementwise(lambda values: nn.Sigmoid()),
    "Tanh": _elementwise(lambda values: nn.Tanh()),
    "Clip": _clip,
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "Reshape": _moved(_reshape),
    "Flatten": _moved(_flatten),
    "Transpose": _moved(_transpose),
    "Squeeze": _moved(squeeze),
    "Unsqueeze": _moved(unsqueeze),
    **dict.fromkeys(("Identity", "Dropout", "Cast"), _moved(lambda index, inputs, values: index)),
}
