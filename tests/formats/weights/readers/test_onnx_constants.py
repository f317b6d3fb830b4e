"""What nodes of an ONNX graph compute from constants alone, within bounds."""

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights.readers.onnx_constants import compute, tensor_of
from jaxdoodle.formats.weights.source import Budget

ARRAY = np.arange(6).reshape(1, 2, 3)


@pytest.mark.parametrize(
    ("operator", "inputs", "values", "expected"),
    [
        ("Constant", [], {"value_ints": [1, -1]}, [1, -1]),
        ("Shape", [ARRAY], {}, [1, 2, 3]),
        ("Gather", [np.array([4, 5, 6]), np.array(1)], {}, 5),
        ("Concat", [ARRAY[0], ARRAY[0]], {"axis": 0}, [[0, 1, 2], [3, 4, 5], [0, 1, 2], [3, 4, 5]]),
        ("Squeeze", [ARRAY, np.array([0])], {}, ARRAY[0]),
        ("Unsqueeze", [ARRAY[0, 0], np.array([1])], {}, [[0], [1], [2]]),
        ("Slice", [ARRAY, [1], [3], [2]], {}, [[[1, 2], [4, 5]]]),
        ("Slice", [ARRAY], {"starts": [0], "ends": [1]}, ARRAY),
        ("Div", [np.array(7), np.array(2)], {}, 3),
        ("Div", [np.array(7.0), np.array(2)], {}, 3.5),
    ],
)
def test_operators_give_what_the_onnx_specification_says(operator, inputs, values, expected):
    np.testing.assert_array_equal(compute(operator, inputs, values), expected, strict=False)


@pytest.mark.parametrize(
    ("operator", "inputs", "reason"),
    [
        ("Einsum", [ARRAY], "by an operator that is not known here"),
        ("Add", [np.zeros((1, 1 << 13)), np.zeros((1 << 13, 1))], "a constant that is too large"),
        ("Gather", [np.zeros(2), np.zeros((1 << 24) + 1, np.int8)], "a constant of 16,777,217 numbers"),
    ],
)
def test_what_is_unknown_or_too_large_is_refused(operator, inputs, reason):
    with pytest.raises(InputError, match=reason):
        compute(operator, inputs, {})


def test_tensors_are_read_within_the_budget_and_from_no_other_file():
    onnx = pytest.importorskip("onnx", reason="needs the onnx package")
    tensor, budget = onnx.numpy_helper.from_array(ARRAY, "shape"), Budget()
    budget.bytes = 2 * ARRAY.nbytes - 1
    np.testing.assert_array_equal(tensor_of(tensor, budget), ARRAY)
    with pytest.raises(InputError, match="would take more than"):
        tensor_of(tensor, budget)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(InputError, match="'shape' is kept in another file"):
        tensor_of(tensor, Budget())
