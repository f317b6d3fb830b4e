"""ONNX: the node tests of the onnx package for the operators that import claims, each read as a network."""

import importlib
import warnings
from unittest.mock import patch

import numpy as np
import pytest

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights.readers.onnx_graphs import Graph
from jaxdoodle.formats.weights.source import Budget
from jaxdoodle.inference.network import Network

onnx = pytest.importorskip("onnx", reason="needs the onnx package")

#: Modules of the onnx package that hold the tests of the operators.
MODULES = (
    "add averagepool batch_normalization clip conv div dropout flatten gemm globalaveragepool identity leakyrelu "
    "matmul maxpool mul relu reshape sigmoid softmax sub tanh transpose"
).split()
OPERATORS = (
    "Add AveragePool BatchNormalization Clip Conv Div Dropout Flatten Gemm GlobalAveragePool Identity LeakyRelu MatMul "
    "MaxPool Mul Relu Reshape Sigmoid Softmax Sub Tanh Transpose"
).split()
#: Beginnings of names of tests that mix the images of a batch: no network does.
MIXED = ("test_flatten_axis0", "test_flatten_axis2", "test_flatten_axis3", "test_flatten_negative_axis1")
MIXED += ("test_flatten_negative_axis2", "test_flatten_negative_axis4", "test_gemm_default_matrix_bias")
MIXED += ("test_gemm_transposeA", "test_gemm_all_attributes", "test_matmul_4d", "test_matmul_bcast")
#: Beginning of the name of a test -> why no layer here computes it.
NOT_READ = {
    "test_maxpool_2d_dilations": "windows with gaps",
    "test_batchnorm_epsilon_training_mode": "training mode",
    "test_batchnorm_example_training_mode": "training mode",
    "test_dropout_default_mask": "two outputs",
    "test_training_dropout": "training mode",
}


def _cases():
    """The float32 tests of one node of the operators, on images or on rows of features.

    Importing a module computes its tests; those of windows of three dimensions, which no layer has, take ten seconds.
    """
    exporter = importlib.import_module("onnx.backend.test.case.base")._Exporter
    export = exporter.__init__

    def flat(cls, name, bases, members):
        export(cls, name, bases, {key: value for key, value in members.items() if "_3d_" not in key})

    with warnings.catch_warnings(), np.errstate(all="ignore"), patch.object(exporter, "__init__", flat):
        warnings.simplefilter("ignore")
        package = importlib.import_module("onnx.backend.test.case.node")
        for name in MODULES:
            importlib.import_module(f"onnx.backend.test.case.node.{name}")
    found = {}
    for case in package._NodeTestCases:
        nodes = case.model.graph.node
        if len(nodes) != 1 or nodes[0].op_type not in OPERATORS or "_expanded" in case.name:
            continue
        inputs, outputs = case.data_sets[0]
        if getattr(inputs[0], "dtype", None) == np.float32 and inputs[0].ndim in (2, 4):
            found[case.name] = case.model, inputs, outputs
    return found


CASES = _cases()


def _result(model, inputs):
    given = dict(zip((value.name for value in model.graph.input[1:]), inputs[1:], strict=True))
    graph = Graph(model, Budget(), given)
    chain, x = graph.chain, np.asarray(inputs[0])
    x = x.reshape(len(x), -1)[:, graph.order].reshape(len(x), *chain.input_shape)
    x = x * np.float32(chain.scale) + np.float32(chain.offset)
    y = Network(nn.ModelSpec(chain.layers, chain.input_shape), chain.params).logits(x)
    return y.reshape(len(x), -1)[:, graph.index.ravel()].reshape(len(x), *graph.index.shape[1:])


def _why_not(name):
    if name.startswith(MIXED):
        return "images of a batch are mixed"
    return next((why for start, why in NOT_READ.items() if name.startswith(start)), None)


@pytest.mark.parametrize("name", CASES)
def test_a_node_test_of_the_onnx_package_passes_or_is_refused(name):
    model, inputs, outputs = CASES[name]
    if _why_not(name):
        with pytest.raises(InputError):
            _result(model, inputs)
        return
    np.testing.assert_allclose(_result(model, inputs), outputs[0], rtol=1e-3, atol=1e-5)


def test_nine_of_ten_node_tests_on_single_images_pass():
    """The rest has its reason in ``NOT_READ``."""
    single = [name for name in CASES if not name.startswith(MIXED)]
    assert sum(not _why_not(name) for name in single) >= 0.9 * len(single)
