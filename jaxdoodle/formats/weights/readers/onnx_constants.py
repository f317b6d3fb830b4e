"""Constants of an ONNX graph, and what its nodes compute from constants alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.formats.weights.source import Budget

#: Numbers in a constant that is computed.
MAX_COMPUTED = 1 << 24


def tensor_of(tensor: Any, budget: Budget) -> NDArray[Any]:
    """The array of a tensor in the file, within the budget."""
    from onnx import numpy_helper

    if tensor.external_data or tensor.data_location:
        raise InputError(f"{tensor.name[:60]!r} is kept in another file.")
    count = math.prod(tensor.dims)
    if count < 0 or len(tensor.dims) > 8:
        raise InputError(f"{tensor.name[:60]!r} has the shape {tuple(tensor.dims)}.")
    budget.take(count, 8)
    return np.asarray(numpy_helper.to_array(tensor))


def compute(operator: str, inputs: list[Any], values: Mapping[str, Any]) -> NDArray[Any]:
    """What a node gives whose inputs are constants; ``values`` are its attributes."""
    if operator not in COMPUTED:
        raise InputError("is computed from constants by an operator that is not known here.")
    result = np.asarray(COMPUTED[operator](inputs, values))
    if result.size > MAX_COMPUTED:
        raise InputError(f"gives a constant of {result.size:,} numbers.")
    return result


def _axes(inputs: list[Any], values: Any) -> Any:
    axes = inputs[1] if len(inputs) > 1 else values.get("axes")
    return None if axes is None else tuple(int(n) for n in np.ravel(axes))


def squeeze(array: Any, inputs: list[Any], values: Any) -> Any:
    """An array without some axes of length 1, or without all but the first."""
    axes = _axes(inputs, values)
    return array.squeeze(tuple(range(1, array.ndim)) if axes is None else axes) if axes or array.ndim else array


def unsqueeze(array: Any, inputs: list[Any], values: Any) -> Any:
    """An array with further axes of length 1."""
    return np.expand_dims(array, _axes(inputs, values))


def _slice(inputs: list[Any], values: Any) -> Any:
    starts, ends = (inputs[1], inputs[2]) if len(inputs) > 2 else (values["starts"], values["ends"])
    axes = inputs[3] if len(inputs) > 3 else values.get("axes", range(len(starts)))
    steps = inputs[4] if len(inputs) > 4 else [1] * len(starts)
    cut = [slice(None)] * inputs[0].ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        cut[axis] = slice(int(start), int(end), int(step))
    return inputs[0][tuple(cut)]


def _cast(inputs: list[Any], values: Any) -> Any:
    from onnx import helper

    return inputs[0].astype(helper.tensor_dtype_to_np_dtype(values["to"]))


CONSTANT_VALUES = ("value", "value_float", "value_int", "value_ints", "value_floats")
#: Operator -> its value on constants.
COMPUTED: Mapping[str, Callable[[list[Any], Any], Any]] = {
    "Constant": lambda inputs, values: next(values[k] for k in CONSTANT_VALUES if k in values),
    "Identity": lambda inputs, values: inputs[0],
    "Reshape": lambda inputs, values: inputs[0].reshape([int(n) for n in inputs[1]]),
    "Transpose": lambda inputs, values: inputs[0].transpose(values.get("perm")),
    "Shape": lambda inputs, values: np.array(inputs[0].shape),
    "Gather": lambda inputs, values: np.take(inputs[0], np.asarray(inputs[1], int), axis=values.get("axis", 0)),
    "Concat": lambda inputs, values: np.concatenate(inputs, axis=values["axis"]),
    "Squeeze": lambda inputs, values: squeeze(inputs[0], inputs, values),
    "Unsqueeze": lambda inputs, values: unsqueeze(inputs[0], inputs, values),
    "Slice": _slice,
    "Cast": _cast,
    "Add": lambda inputs, values: _bounded(np.add, inputs),
    "Sub": lambda inputs, values: _bounded(np.subtract, inputs),
    "Mul": lambda inputs, values: _bounded(np.multiply, inputs),
    "Div": lambda inputs, values: _bounded(np.divide, inputs),
}


def _bounded(function: Any, inputs: list[Any]) -> Any:
    if math.prod(np.broadcast_shapes(*(np.shape(v) for v in inputs))) > MAX_COMPUTED:
        raise InputError("gives a constant that is too large.")
    whole = all(np.asarray(v).dtype.kind in "iu" for v in inputs) and function is np.divide
    return np.floor_divide(*inputs) if whole else function(*inputs)
