"""ONNX: from the uint8 bitmap to logits, probabilities and "none of mine", so that no runtime has to know the rest.

Input    ``images``         uint8 (n, height, width, 1), any n: bitmaps as the contract says
Outputs  ``logits``         float32 (n, classes)
         ``probabilities``  float32 (n, classes): ``softmax(logits / temperature)``
         ``abstained``      bool (n,): whether the log-sum-exp of the logits is below ``abstain_below``

Classes, contract and provenance are JSON texts in the model's metadata. With int8 steps the weights are int8 tensors,
and each weighted layer's input is quantized and dequantized, which runtimes turn into integer kernels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import jaxdoodle
from jaxdoodle.formats.fold import Step, steps_of
from jaxdoodle.inference.model_file import ModelFile, metadata_of
from jaxdoodle.nn.spec import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)

OPSET, IR_VERSION = 17, 8  # of 2022: what is needed, and old enough for every runtime


class Graph:
    """The nodes and constants so far."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        self.constants[name] = np.ascontiguousarray(value, dtype)
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output


def write(model: ModelFile, path: Path, steps: list[Step] | None = None) -> None:
    steps = steps_of(model) if steps is None else steps
    from onnx import TensorProto, checker, helper, numpy_helper

    graph = Graph()
    x = graph.node("Cast", ["images"], "pixels", to=TensorProto.FLOAT)
    x = graph.node("Div", [x, graph.constant("divisor", model.preprocessing.divisor)], "scaled")
    x = graph.node("Transpose", [x], "channels_first", perm=[0, 3, 1, 2])
    for index, step in enumerate(steps):
        x = NODES[type(step.layer)](graph, f"{index}_{type(step.layer).__name__}", step, x)
    graph.node("Identity", [x], "logits")
    _conclude(graph, model)

    height, width, _ = model.preprocessing.image_shape
    classes = len(model.spec.classes)
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "jaxdoodle",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", height, width, 1])],
            [
                helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes]),
                helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes]),
                helper.make_tensor_value_info("abstained", TensorProto.BOOL, ["n"]),
            ],
            [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
        ),
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


def _weights(graph: Graph, name: str, step: Step, x: str, axes: tuple[int, ...]) -> list[str]:
    """The inputs x, w and b of a weighted layer; w with its axes in ONNX's order, outputs first."""
    b = graph.constant(f"{name}.b", step.params["b"])
    if not step.int8:
        return [x, graph.constant(f"{name}.w", step.params["w"].transpose(axes)), b]
    q = step.int8
    scale = graph.constant(f"{name}.x_scale", q.x_scale)
    zero = graph.constant(f"{name}.x_zero", 0, np.uint8 if q.x_low == 0 else np.int8)
    if q.x_low < 0:  # int8 reaches to -128, which stands for nothing here
        low, high = (graph.constant(f"{name}.x_{k}", n * q.x_scale) for k, n in (("low", q.x_low), ("high", q.x_high)))
        x = graph.node("Clip", [x, low, high], f"{name}.clipped")
    x = graph.node("QuantizeLinear", [x, scale, zero], f"{name}.q")
    x = graph.node("DequantizeLinear", [x, scale, zero], f"{name}.x")
    w = graph.constant(f"{name}.w_int8", q.w.transpose(axes), np.int8)
    w_scale = graph.constant(f"{name}.w_scale", q.w_scale)
    w_zero = graph.constant(f"{name}.w_zero", np.zeros(len(q.w_scale)), np.int8)
    return [x, graph.node("DequantizeLinear", [w, w_scale, w_zero], f"{name}.w", axis=0), b]


def _dense(graph: Graph, name: str, step: Step, x: str) -> str:
    return graph.node("Gemm", _weights(graph, name, step, x, (1, 0)), name, transB=1)


def _conv2d(graph: Graph, name: str, step: Step, x: str) -> str:
    layer: Any = step.layer
    (top, bottom), (left, right) = layer.pads(step.input_shape[:2])
    return graph.node(
        "Conv",
        _weights(graph, name, step, x, (3, 2, 0, 1)),
        name,
        kernel_shape=layer.kernel_size,
        strides=layer.stride,
        pads=[top, left, bottom, right],
    )


def _pool(kind: str) -> Callable[[Graph, str, Step, str], str]:
    def nodes(graph: Graph, name: str, step: Step, x: str) -> str:
        layer: Any = step.layer
        return graph.node(kind, [x], name, kernel_shape=layer.window, strides=layer.stride)

    return nodes


def _global_avg_pool(graph: Graph, name: str, step: Step, x: str) -> str:
    return graph.node("Flatten", [graph.node("GlobalAveragePool", [x], f"{name}.image")], name)


def _flatten(graph: Graph, name: str, step: Step, x: str) -> str:
    if len(step.input_shape) == 3:
        x = graph.node("Transpose", [x], f"{name}.channels_last", perm=[0, 2, 3, 1])
    return graph.node("Flatten", [x], name)


def _elementwise(kind: str) -> Callable[[Graph, str, Step, str], str]:
    return lambda graph, name, step, x: graph.node(kind, [x], name)


def _leaky_relu(graph: Graph, name: str, step: Step, x: str) -> str:
    layer: Any = step.layer
    return graph.node("LeakyRelu", [x], name, alpha=float(layer.slope))


def _softmax(graph: Graph, name: str, step: Step, x: str) -> str:
    return graph.node("Softmax", [x], name, axis=1)


def _batch_norm(graph: Graph, name: str, step: Step, x: str) -> str:
    shape = (-1,) + (1,) * (len(step.input_shape) - 1)
    scale, shift = (graph.constant(f"{name}.{k}", step.params[k].reshape(shape)) for k in ("scale", "shift"))
    return graph.node("Add", [graph.node("Mul", [x, scale], f"{name}.scaled"), shift], name)


#: Layer class -> ``(graph, name, step, x) -> y``: adds the nodes that compute y, named ``name``, from x.
#: Inside, images are (n, channels, height, width).
NODES: Mapping[type[Layer], Callable[[Graph, str, Step, str], str]] = {
    Dense: _dense,
    Conv2D: _conv2d,
    MaxPool2D: _pool("MaxPool"),
    AvgPool2D: _pool("AveragePool"),
    GlobalAvgPool2D: _global_avg_pool,
    Flatten: _flatten,
    ReLU: _elementwise("Relu"),
    LeakyReLU: _leaky_relu,
    Sigmoid: _elementwise("Sigmoid"),
    Tanh: _elementwise("Tanh"),
    Softmax: _softmax,
    BatchNorm: _batch_norm,
}
