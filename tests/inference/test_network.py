import math
import sys
import threading

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from jaxdoodle import nn
from jaxdoodle.inference import network
from jaxdoodle.inference.kernels import convolution, winograd
from jaxdoodle.inference.network import CHUNK, FLAT_CHUNK, SIZES, Network
from jaxdoodle.nn import (
    AvgPool2D,
    BatchNorm,
    Clip,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    LeakyReLU,
    MaxPool2D,
    ModelSpec,
    Pad2D,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
    Tanh,
)
from jaxdoodle.nn import layers as builtin
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn


def _windows(x, size, stride):
    """(n, oh, ow, channels, kh, kw)"""
    return sliding_window_view(x, size, axis=(1, 2))[:, :: stride[0], :: stride[1]]


def _conv2d(layer, p, x):
    padded = np.pad(x, ((0, 0), *layer.pads(x.shape[1:3]), (0, 0)))
    return np.einsum("nyxcij,ijco->nyxo", _windows(padded, layer.kernel_size, layer.stride), p["w"]) + p["b"]


def _softmax(layer, p, x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


#: Each layer once more, in float64 and NHWC, as its formula reads.
PLAIN = {
    Dense: lambda layer, p, x: x @ p["w"] + p["b"],
    Conv2D: _conv2d,
    MaxPool2D: lambda layer, p, x: _windows(x, layer.window, layer.stride).max(axis=(-2, -1)),
    AvgPool2D: lambda layer, p, x: _windows(x, layer.window, layer.stride).mean(axis=(-2, -1)),
    GlobalAvgPool2D: lambda layer, p, x: x.mean(axis=(1, 2)),
    Flatten: lambda layer, p, x: x.reshape(len(x), math.prod(x.shape[1:])),
    ReLU: lambda layer, p, x: x * (x > 0),
    LeakyReLU: lambda layer, p, x: np.where(x > 0, x, layer.slope * x),
    Clip: lambda layer, p, x: np.minimum(np.maximum(x, layer.low), layer.high),
    Pad2D: lambda layer, p, x: np.pad(x, ((0, 0), *layer.pads, (0, 0)), constant_values=layer.value),
    Sigmoid: lambda layer, p, x: 0.5 + 0.5 * np.tanh(0.5 * x),
    Tanh: lambda layer, p, x: np.tanh(x),
    Softmax: _softmax,
    Dropout: lambda layer, p, x: x,
    BatchNorm: lambda layer, p, x: (x - p["mean"]) / np.sqrt(p["var"] + layer.epsilon) * p["scale"] + p["shift"],
}


def _residual(layer, p, x):
    y = x
    for index, each in enumerate(layer.layers):
        own = {name.split(".", 1)[1]: value for name, value in p.items() if name.startswith(f"{index}.")}
        y = PLAIN[type(each)](each, own, y)
    return x + y


PLAIN[Residual] = _residual


def plain(spec, params, x):
    x = x.astype(np.float64)
    for layer, p in zip(spec.layers, params, strict=True):
        x = PLAIN[type(layer)](layer, {k: v.astype(np.float64) for k, v in p.items()}, x)
    return x


def draw_params(spec, rng):
    """Random everywhere, biases and statistics too."""
    params = []
    for shapes in spec.param_shapes:
        p = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        for name in p:
            if name.endswith("w"):
                p[name] /= np.float32(math.sqrt(math.prod(p[name].shape[:-1])))
            if name.endswith("var"):
                p[name] = np.abs(p[name])
        params.append(p)
    return params


CASES = [
    ((7,), [Dense(5)]),
    ((9, 7, 2), [Conv2D(3, 3)]),
    ((9, 7, 2), [Conv2D(3, (2, 4), padding="SAME")]),
    ((9, 7, 2), [Conv2D(3, (4, 3), stride=(2, 3), padding="SAME")]),
    ((5, 4, 2), [Conv2D(3, 2, padding="SAME")]),
    ((10, 8, 1), [Conv2D(3, 3, stride=2)]),
    ((3, 3, 2), [Conv2D(4, 1, stride=2)]),
    ((2, 2, 1), [Conv2D(2, 5, padding="SAME")]),
    ((2, 3, 1), [Conv2D(2, 3, stride=3, padding="SAME")]),
    ((5, 5, 2), [Conv2D(3, 5)]),
    ((6, 8, 3), [MaxPool2D()]),
    ((7, 9, 2), [MaxPool2D()]),
    ((7, 8, 2), [MaxPool2D(3, stride=2)]),
    ((7, 8, 2), [MaxPool2D((1, 3), stride=(3, 1))]),
    ((7, 9, 2), [AvgPool2D()]),
    ((8, 7, 2), [AvgPool2D((3, 2), stride=(1, 3))]),
    ((4, 5, 3), [GlobalAvgPool2D()]),
    ((4, 5, 3), [Flatten()]),
    ((4, 5, 3), [Conv2D(2, 2), Flatten(), Dense(3)]),
    ((4, 5, 3), [Flatten(), Flatten(), Dense(3)]),
    ((6,), [ReLU()]),
    ((6, 6, 2), [ReLU(), MaxPool2D(), MaxPool2D(3)]),
    ((6, 6, 2), [LeakyReLU(-2.0), MaxPool2D(), ReLU()]),
    ((6, 6, 2), [Conv2D(3, 3), MaxPool2D(), Sigmoid()]),
    ((4, 5, 3), [LeakyReLU(0.3)]),
    ((4,), [LeakyReLU(-2.0), LeakyReLU(3.0)]),
    ((6,), [Sigmoid()]),
    ((4, 5, 3), [Clip(-0.2, 0.3)]),
    ((4, 5, 3), [Pad2D(((0, 2), (1, 0)), -1.5), Conv2D(2, 3)]),
    ((4, 5, 3), [Tanh()]),
    ((6,), [Softmax()]),
    ((4, 5, 3), [Softmax()]),
    ((6,), [Dropout(0.9)]),
    ((6,), [BatchNorm()]),
    ((4, 5, 3), [BatchNorm(epsilon=0.1)]),
    ((6,), [Dense(4), BatchNorm(), ReLU()]),
    ((6,), [Dense(4), Dropout(0.5), BatchNorm(), BatchNorm()]),
    ((6,), [Dense(4), ReLU(), BatchNorm(), Dense(3)]),
    ((9, 7, 2), [Conv2D(3, 3, padding="SAME"), BatchNorm(), ReLU(), MaxPool2D(), Flatten(), BatchNorm(), Dense(2)]),
    ((4, 3), [Flatten(), Dense(2)]),
    ((6,), []),
    ((6,), [Residual((Dense(6), BatchNorm(), Residual((ReLU(),))))]),
    ((4, 5, 2), [Residual((Conv2D(2, 3, padding="SAME"), LeakyReLU())), Flatten(), Dense(2)]),
]
IDS = [f"{shape} {' '.join(map(repr, layers))}" for shape, layers in CASES]


def test_every_layer_is_covered():
    kinds = {getattr(builtin, name) for name in builtin.__all__}
    assert set(PLAIN) == {type(layer) for _, layers in CASES for layer in layers} == kinds


@pytest.mark.parametrize("blank", [False, True], ids=["noise", "blank"])
@pytest.mark.parametrize(("shape", "layers"), CASES, ids=IDS)
def test_the_network_computes_what_the_formulas_say(shape, layers, blank):
    spec, rng = ModelSpec(layers, shape), np.random.default_rng(len(layers))
    params = draw_params(spec, rng)
    net = Network(spec, params)
    for n in (1, 3, CHUNK + 2, 0, 3):
        x = np.zeros((n, *shape), np.float32) if blank else rng.standard_normal((n, *shape)).astype(np.float32)
        given = x.copy()
        y = net.logits(x)
        assert y.dtype == np.float32 and y.shape == (n, *spec.output_shape)
        np.testing.assert_allclose(y, plain(spec, params, x), rtol=2e-5, atol=2e-6)
        np.testing.assert_array_equal(x, given)
        for layer, p in zip(spec.layers, params, strict=True):
            x = layer.numpy_forward(p, x)
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    "spec", [mlp("abc", (20, 10)), digit_cnn("abc"), sketch_cnn("abcd")], ids=["mlp", "cnn", "sketch"]
)
def test_the_networks_of_the_reports_come_out_the_same(spec):
    rng = np.random.default_rng(0)
    params = draw_params(spec, rng)
    images = rng.integers(0, 256, (CHUNK + 5, 28, 28, 1), dtype=np.uint8)
    expected = plain(spec, params, images / np.float32(255))
    for n in (1, 7, len(images)):
        np.testing.assert_allclose(
            Network(spec, params, divisor=255.0).logits(images[:n]), expected[:n], rtol=1e-5, atol=1e-5
        )


def test_large_scores_do_not_overflow():
    spec = ModelSpec([Dense(2), Sigmoid()], (2,))
    params = [{"w": np.eye(2, dtype=np.float32) * 1e4, "b": np.zeros(2, np.float32)}, {}]
    np.testing.assert_allclose(Network(spec, params).logits(np.array([[-1.0, 1.0]])), [[0, 1]], atol=1e-30)
    spec = ModelSpec([Softmax()], (2,))
    np.testing.assert_array_equal(Network(spec, [{}]).logits(np.array([[1e38, -1e38]], np.float32)), [[1, 0]])


def test_an_answer_is_not_overwritten_by_the_next():
    spec, rng = mlp("ab", (4,)), np.random.default_rng(1)
    net = Network(spec, draw_params(spec, rng))
    first = net.logits(rng.random((1, 28, 28, 1), np.float32))
    kept = first.copy()
    net.logits(rng.random((1, 28, 28, 1), np.float32))
    np.testing.assert_array_equal(first, kept)


def test_changing_the_parameters_afterwards_changes_nothing():
    spec, rng = (
        ModelSpec([Conv2D(2, 3), BatchNorm(), Flatten(), BatchNorm(), Dense(2)], (6, 6, 1)),
        np.random.default_rng(1),
    )
    params, x = draw_params(spec, rng), rng.random((2, 6, 6, 1), np.float32)
    net = Network(spec, params)
    before = net.logits(x)
    for p in params:
        for value in p.values():
            value[...] = 7
    np.testing.assert_array_equal(net.logits(x), before)


def test_buffers_are_kept_for_a_few_numbers_of_images(monkeypatch):
    bound, bind = [], network._Stage.bind
    monkeypatch.setattr(network._Stage, "bind", lambda self, count: bound.append(count) or bind(self, count))
    spec = mlp(("a", "b"))
    params = [{name: np.zeros(shape, np.float32) for name, shape in shapes.items()} for shapes in spec.param_shapes]
    net = Network(spec, params)
    few = [*range(1, SIZES + 1)]
    for count in [*few, *few, SIZES + 1, SIZES + 1]:
        net.logits(np.zeros((count, 28, 28, 1), np.uint8))
    assert bound == [*few, SIZES + 1]


def test_of_many_images_the_features_of_a_few_are_in_memory(monkeypatch):
    spec, rng, sizes, call = mlp("ab", (4,)), np.random.default_rng(1), [], network._Stage.__call__
    params, x = draw_params(spec, rng), rng.random((2 * FLAT_CHUNK + 3, 28, 28, 1), np.float32)
    monkeypatch.setattr(network._Stage, "__call__", lambda self, x: sizes.append(len(x)) or call(self, x))
    np.testing.assert_allclose(Network(spec, params).logits(x), plain(spec, params, x), rtol=0, atol=1e-5)
    assert sizes == [FLAT_CHUNK] * 4 + [3] * 2


def test_one_network_answers_many_threads():
    """Eight of them, at once, each with batches of every size."""
    spec, rng = digit_cnn("abc"), np.random.default_rng(2)
    net = Network(spec, draw_params(spec, rng))
    sizes = (1, 2, 3, 5, 8, 13, CHUNK, CHUNK + 1)
    batches = [rng.random((n, 28, 28, 1), np.float32) for n in sizes]
    expected = [Network(spec, draw_params(spec, np.random.default_rng(2))).logits(x) for x in batches]
    start, wrong, done = threading.Barrier(len(sizes)), [], []

    def work(i):
        start.wait()
        for step in range(3 * len(sizes)):
            k = (i + step) % len(sizes)
            if not np.array_equal(net.logits(batches[k]), expected[k]):
                wrong.append((i, sizes[k]))
        done.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(sizes))]
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switching)
    assert sorted(done) == list(range(len(sizes))) and wrong == []


@pytest.mark.parametrize("count", [1, 5, CHUNK])
def test_what_one_answer_writes_to_is_written_to_by_no_other(count):
    first = Conv2D(32, 3, padding="SAME"), Conv2D(32, 3), ReLU(), MaxPool2D(), Conv2D(32, 3)
    spec = ModelSpec((*first, LeakyReLU(), AvgPool2D(), Flatten(), Dense(3), Softmax()), (18, 18, 1))
    net = Network(spec, draw_params(spec, np.random.default_rng(0)))

    def written():
        source, calls, result = net._whole.bind(count)
        return [source, result, *(call.keywords.get("out", call.args[0]) for call in calls)]

    one, other = written(), written()
    assert len(one) > 20 and not any(np.may_share_memory(a, b) for a in one for b in other)


@nn.layer
class Interrupted(nn.Tanh):
    called = []

    def numpy_forward(self, params, x):
        if self.called:
            self.called.pop()()
        return np.tanh(x)


def test_an_answer_that_begins_while_another_is_computed_has_buffers_of_its_own():
    spec, rng, found = ModelSpec((Interrupted(), Dense(3)), (4,)), np.random.default_rng(0), []
    params, x, other = draw_params(spec, rng), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    net = Network(spec, params)
    expected = net.logits(x), net.logits(other)
    Interrupted.called.append(lambda: found.append(net.logits(other)))
    np.testing.assert_array_equal([net.logits(x), *found], expected)


def test_wrong_shapes_are_refused():
    spec = ModelSpec([Dense(2)], (3,))
    good = [{"w": np.zeros((3, 2), np.float32), "b": np.zeros(2, np.float32)}]
    with pytest.raises(ValueError, match=r"takes inputs of shape \(n, \*\(3,\)\); got \(3,\)"):
        Network(spec, good).logits(np.zeros(3, np.float32))
    for bad in ([], [{}], [good[0] | {"b": np.zeros(3)}], [good[0] | {"c": np.zeros(2)}]):
        with pytest.raises(ValueError, match="the spec has parameters of shapes"):
            Network(spec, bad)


@nn.layer
class DoubleDense(nn.Dense):
    def numpy_forward(self, params, x):
        return 2 * x @ params["w"] + params["b"]


@nn.layer
class LateReLU(nn.ReLU):
    def numpy_forward(self, params, x):
        return np.maximum(x, 1)


def test_a_layer_that_derives_from_a_built_in_one_is_computed_by_its_own_numpy_forward():
    spec = ModelSpec((DoubleDense(3), nn.BatchNorm(), LateReLU()), (4,))
    rng = np.random.default_rng(0)
    params, x = draw_params(spec, rng), rng.normal(size=(5, 4)).astype(np.float32)
    expected = x
    for layer, p in zip(spec.layers, params, strict=True):
        expected = layer.numpy_forward(p, expected)
    np.testing.assert_allclose(Network(spec, params).logits(x), expected, rtol=0, atol=1e-5)


WINOGRAD = [
    ((9, 8, 2), Conv2D(3, 3, padding="SAME")),
    ((9, 11, 2), Conv2D(3, 3, padding="SAME")),
    ((6, 7, 3), Conv2D(2, 3)),
    ((4, 5, 1), Conv2D(1, 3)),
    ((2, 2, 2), Conv2D(4, 3, padding="SAME")),
]


@pytest.mark.parametrize(("shape", "conv"), WINOGRAD, ids=repr)
@pytest.mark.parametrize("after", [(ReLU(),), (LeakyReLU(-2.0),), ()], ids=repr)
def test_16_products_for_the_maximum_of_four_outputs_give_what_36_give(shape, conv, after, monkeypatch):
    rng, computed, pooled = np.random.default_rng(0), [], winograd.pooled
    monkeypatch.setattr(winograd, "LEAST", 0)
    monkeypatch.setattr(winograd, "pooled", lambda *given: computed.append(given) or pooled(*given))
    spec = ModelSpec((conv, *after, MaxPool2D()) if after == (ReLU(),) else (conv, MaxPool2D(), *after), shape)
    params, x = draw_params(spec, rng), rng.standard_normal((CHUNK + 3, *shape)).astype(np.float32)
    np.testing.assert_allclose(Network(spec, params).logits(x), plain(spec, params, x), rtol=0, atol=2e-6)
    assert len(computed) == 1  # the three images that are left over are computed by rows


@pytest.mark.parametrize(
    ("conv", "pool", "channels"),
    [
        (Conv2D(64, 5), MaxPool2D(), 64),
        (Conv2D(64, 3, stride=2), MaxPool2D(), 64),
        (Conv2D(64, 3), MaxPool2D(3), 64),
        (Conv2D(64, 3), MaxPool2D(2, stride=1), 64),
        (Conv2D(64, 3), MaxPool2D(), 1),
        (Conv2D(8, 3), MaxPool2D(), 64),
    ],
    ids=repr,
)
def test_other_kernels_and_few_channels_are_computed_row_by_row(conv, pool, channels):
    assert winograd.pays(Conv2D(64, 3), MaxPool2D(), 64) and not winograd.pays(conv, pool, channels)


def test_one_image_is_computed_with_the_channels_last_where_filters_fill_registers():
    rng = np.random.default_rng(0)
    for conv in (Conv2D(16, 3, padding="SAME"), Conv2D(32, (3, 2), stride=(1, 2)), Conv2D(16, (1, 4), padding="SAME")):
        for after in ((MaxPool2D((3, 2), stride=(2, 1)), ReLU()), (ReLU(),), (MaxPool2D(2), Flatten(), Dense(3))):
            for shape in ((9, 8, 3), (8, 9, 1)):
                spec = ModelSpec((conv, Conv2D(16, 2), *after), shape)
                params, x = draw_params(spec, rng), rng.standard_normal((1, *shape)).astype(np.float32)
                expected = plain(spec, params, x)
                np.testing.assert_allclose(Network(spec, params).logits(x), expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize(
    "pool", [MaxPool2D(2), MaxPool2D((3, 2), stride=1), MaxPool2D((2, 3), stride=(2, 1))], ids=repr
)
def test_a_convolution_is_pooled_in_parts_as_in_one(pool, monkeypatch):
    rng = np.random.default_rng(0)
    spec = ModelSpec((Conv2D(3, 3, padding="SAME"), ReLU(), pool, Flatten(), Dense(2)), (9, 7, 1), ("a", "b"))
    params = [{k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()} for shapes in spec.param_shapes]
    x = rng.random((5, 9, 7, 1), np.float32)
    whole = Network(spec, params).logits(x)
    monkeypatch.setattr(convolution, "BLOCK", 3 * 7 * 5 * 2 * 3)
    monkeypatch.setattr(convolution, "SPREAD", 0)
    np.testing.assert_array_equal(Network(spec, params).logits(x), whole)


@pytest.mark.parametrize("mean, std", [(0.25, 1.0), (0.0, 0.5), (0.25, 0.5)])
def test_the_input_is_divided_then_less_the_mean_then_divided_by_the_deviation(mean, std):
    params = [{}, {"w": np.eye(4, dtype=np.float32), "b": np.zeros(4, np.float32)}]
    x = np.arange(8.0).reshape(2, 2, 2, 1)
    found = Network(ModelSpec((Flatten(), Dense(4)), (2, 2, 1)), params, 8.0, mean, std).logits(x)
    np.testing.assert_allclose(found, ((x / 8 - mean) / std).reshape(2, 4), rtol=1e-6)
