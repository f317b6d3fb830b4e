"""A model in JSON, as ``network.js`` reads it: in a page, and as the file of the ES module package."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import fields
from functools import singledispatch
from typing import Any

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.types import NDArray, Shape
from jaxdoodle.formats.fold import InferenceLayer
from jaxdoodle.formats.reference_examples import examples_of
from jaxdoodle.inference.model_file import ModelFile, metadata_of


def describe(model: ModelFile, layers: Sequence[InferenceLayer]) -> dict[str, Any]:
    """The model as network.js reads it, in JSON values: metadata, classes, reference examples, layers with arrays."""
    examples = examples_of(model, layers)
    return metadata_of(model) | {
        "reference_examples": {
            "images": packed(examples.images),
            "logits": packed(examples.logits),
            "allowed": examples.allowed,
        },
        "classes": list(model.spec.classes),
        "parameters": model.spec.param_count,
        "ends_in_softmax": model.spec.ends_in_softmax,
        "layers": [_describe(folded) for folded in layers],
    }


def _describe(folded: InferenceLayer) -> dict[str, Any]:
    layer, before, after = folded.layer, folded.input_shape, folded.output_shape
    described: dict[str, Any] = {"type": type(layer).__name__, "input_shape": before, "output_shape": after}
    names = [field.name for field in fields(layer)]  # type: ignore[arg-type]
    described |= {name: getattr(layer, name) for name in names} | derived(layer, before)
    arrays: dict[str, NDArray[Any]] = dict(folded.params)
    if folded.int8:
        q = folded.int8
        arrays |= {"w": q.w, "scale": q.w_scale * np.float32(q.x_scale)}
        described["levels"] = {"x_scale": q.x_scale, "x_low": q.x_low, "x_high": q.x_high}
    if "w" in arrays:
        arrays["w"] = np.moveaxis(arrays["w"], -1, 0)  # outputs first: JavaScript sums along contiguous runs
    return described | {"arrays": {name: packed(value) for name, value in arrays.items()}}


@singledispatch
def derived(layer: nn.Layer, input_shape: Shape) -> dict[str, Any]:
    """What network.js reads of a layer besides its fields. The classes registered here are those it computes."""
    raise NotImplementedError(f"network.js does not compute {type(layer).__name__}.")


@derived.register
def _(layer: nn.Conv2D, input_shape: Shape) -> dict[str, Any]:
    (top, _), (left, _) = layer.pads(input_shape[:2])
    return {"pads": (top, left)}


_Pool = nn.MaxPool2D | nn.AvgPool2D | nn.GlobalAvgPool2D
_Activation = nn.ReLU | nn.LeakyReLU | nn.Clip | nn.Sigmoid | nn.Tanh | nn.Softmax


@derived.register
def _(
    layer: nn.Dense | nn.BatchNorm | nn.Flatten | nn.Pad2D | _Pool | _Activation, input_shape: Shape
) -> dict[str, Any]:
    return {}


def packed(value: NDArray[Any]) -> dict[str, str]:
    little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
    return {"type": value.dtype.name, "data": base64.b64encode(little.tobytes()).decode("ascii")}
