"""ONNX: from the uint8 bitmap to logits, probabilities and abstention, so that a runtime needs nothing else.

Input    ``images``         uint8 (n, height, width, 1), any n: bitmaps as the preprocessing says
Outputs  ``logits``         float32 (n, classes)
         ``probabilities``  float32 (n, classes): ``softmax(logits / temperature)``
         ``abstained``      bool (n,): whether the log-sum-exp of the logits is below ``abstain_below``

Classes, preprocessing and provenance are JSON texts in the model's metadata. With int8 layers the weights are int8
tensors, and the inputs of Dense and Conv2D are quantized and dequantized, which runtimes turn into integer kernels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np

import jaxdoodle
from jaxdoodle import nn
from jaxdoodle.core.types import NDArray, Shape
from jaxdoodle.formats.fold import InferenceLayer, fold_for_inference
from jaxdoodle.inference.model_file import ModelFile, metadata_of

OPSET, IR_VERSION = 17, 8  # of 2022: every runtime in use reads them


class Graph:
    """The nodes and constants of a graph that is being built."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        self.constants[name] = np.ascontiguousarray(value, dtype)
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output


def write(model: ModelFile, path: Path, layers: Sequence[InferenceLayer] | None = None) -> None:
    """Write a model as an ONNX file; ``layers`` from ``int8_layers`` computes in 8 bits."""
    from onnx import TensorProto, checker, helper, numpy_helper

    layers = fold_for_inference(model) if layers is None else layers
    graph = Graph()
    x = graph.node("Cast", ["images"], "pixels", to=TensorProto.FLOAT)
    x = graph.node("Div", [x, graph.constant("divisor", model.preprocessing.divisor)], "scaled")
    if model.preprocessing.scaling[1:] != (0, 1):
        x = graph.node("Sub", [x, graph.constant("mean", model.preprocessing.mean)], "centered")
        x = graph.node("Div", [x, graph.constant("std", model.preprocessing.std)], "standardized")
    x = graph.node("Transpose", [x], "channels_first", perm=[0, 3, 1, 2])
    for index, folded in enumerate(layers):
        x = nodes(folded.layer, graph, f"{index}_{type(folded.layer).__name__}", folded, x)
    graph.node("Identity", [x], "logits")
    _conclude(graph, model)

    height, width, _ = model.preprocessing.image_shape
    classes = len(model.spec.classes)
    inputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", height, width, 1])]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes]),
        helper.make_tensor_value_info("abstained", TensorProto.BOOL, ["n"]),
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in graph.constants.items()]
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "jaxdoodle", inputs, outputs, constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="jaxdoodle",
        producer_version=jaxdoodle.__version__,
    )
    metadata = metadata_of(model) | {"classes": list(model.spec.classes)}
    helper.set_model_props(proto, {name: json.dumps(value) for name, value in metadata.items()})
    checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _conclude(graph: Graph, model: ModelFile) -> None:
    """Probabilities and abstention, from the logits."""
    if model.spec.ends_in_softmax:
        graph.node("Identity", ["logits"], "probabilities")
    else:
        tempered = graph.node("Div", ["logits", graph.constant("temperature", model.temperature)], "tempered")
        graph.node("Softmax", [tempered], "probabilities", axis=1)
    energy = graph.node("ReduceLogSumExp", ["logits"], "energy", axes=[1], keepdims=0)
    least = -np.inf if model.abstain_below is None else model.abstain_below
    graph.node("Less", [energy, graph.constant("abstain_below", least)], "abstained")


def _weights(graph: Graph, name: str, folded: InferenceLayer, x: str, axes: Shape) -> list[str]:
    """The inputs x, w and b of a weighted layer; w with its axes in ONNX's order, outputs first."""
    b = graph.constant(f"{name}.b", folded.params["b"])
    if not folded.int8:
        return [x, graph.constant(f"{name}.w", folded.params["w"].transpose(axes)), b]
    q = folded.int8
    scale = graph.constant(f"{name}.x_scale", q.x_scale)
    zero = graph.constant(f"{name}.x_zero", 0, np.uint8 if q.x_low == 0 else np.int8)
    if q.x_low < 0:  # int8 reaches to -128, which the range leaves out
        low, high = (graph.constant(f"{name}.x_{k}", n * q.x_scale) for k, n in (("low", q.x_low), ("high", q.x_high)))
        x = graph.node("Clip", [x, low, high], f"{name}.clipped")
    x = graph.node("QuantizeLinear", [x, scale, zero], f"{name}.q")
    x = graph.node("DequantizeLinear", [x, scale, zero], f"{name}.x")
    w = graph.constant(f"{name}.w_int8", q.w.transpose(axes), np.int8)
    w_scale = graph.constant(f"{name}.w_scale", q.w_scale)
    w_zero = graph.constant(f"{name}.w_zero", np.zeros(len(q.w_scale)), np.int8)
    return [x, graph.node("DequantizeLinear", [w, w_scale, w_zero], f"{name}.w", axis=0), b]


@singledispatch
def nodes(layer: nn.Layer, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    """Add the nodes that compute a layer from the output ``x``; the last one and its output are called ``name``.

    Inside the graph images are ``(n, channels, height, width)``.
    """
    raise NotImplementedError(f"there are no ONNX nodes for {type(layer).__name__}.")


@nodes.register
def _dense(layer: nn.Dense, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    return graph.node("Gemm", _weights(graph, name, folded, x, (1, 0)), name, transB=1)


@nodes.register
def _conv2d(layer: nn.Conv2D, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    (top, bottom), (left, right) = layer.pads(folded.input_shape[:2])
    inputs, pads = _weights(graph, name, folded, x, (3, 2, 0, 1)), [top, left, bottom, right]
    return graph.node("Conv", inputs, name, kernel_shape=layer.kernel_size, strides=layer.stride, pads=pads)


@nodes.register
def _pool(layer: nn.MaxPool2D | nn.AvgPool2D, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    kind = "MaxPool" if isinstance(layer, nn.MaxPool2D) else "AveragePool"
    return graph.node(kind, [x], name, kernel_shape=layer.window, strides=layer.stride)


@nodes.register
def _global_avg_pool(layer: nn.GlobalAvgPool2D, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    return graph.node("Flatten", [graph.node("GlobalAveragePool", [x], f"{name}.image")], name)


@nodes.register
def _flatten(layer: nn.Flatten, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    if len(folded.input_shape) == 3:
        x = graph.node("Transpose", [x], f"{name}.channels_last", perm=[0, 2, 3, 1])
    return graph.node("Flatten", [x], name)


@nodes.register
def _relu(layer: nn.ReLU, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    return graph.node("Relu", [x], name)


@nodes.register
def _leaky_relu(layer: nn.LeakyReLU, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    return graph.node("LeakyRelu", [x], name, alpha=float(layer.slope))


@nodes.register
def _clip(layer: nn.Clip, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    return graph.node("Clip", [x, *(graph.constant(f"{name}.{k}", getattr(layer, k)) for k in ("low", "high"))], name)


@nodes.register
def _pad(layer: nn.Pad2D, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    (top, bottom), (left, right) = layer.pads
    pads = graph.constant(f"{name}.pads", [0, 0, top, left, 0, 0, bottom, right], np.int64)
    return graph.node("Pad", [x, pads, graph.constant(f"{name}.value", layer.value)], name)


@nodes.register
def _sigmoid(layer: nn.Sigmoid | nn.Tanh, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    return graph.node(type(layer).__name__, [x], name)


@nodes.register
def _softmax(layer: nn.Softmax, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    return graph.node("Softmax", [x], name, axis=1)


@nodes.register
def _batch_norm(layer: nn.BatchNorm, graph: Graph, name: str, folded: InferenceLayer, x: str) -> str:
    shape = (-1,) + (1,) * (len(folded.input_shape) - 1)
    scale, shift = (graph.constant(f"{name}.{k}", folded.params[k].reshape(shape)) for k in ("scale", "shift"))
    return graph.node("Add", [graph.node("Mul", [x, scale], f"{name}.scaled"), shift], name)
