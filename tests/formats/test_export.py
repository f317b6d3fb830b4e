import dataclasses
import re
import sys

import numpy as np
import pytest

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.formats import FORMATS, export, fold, format_of, quantize
from jaxdoodle.formats.weights import import_weights
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model import Model
from jaxdoodle.nn import BatchNorm, Dense, Flatten, ModelSpec

#: How the file of each format begins.
BEGINS = {
    "npz": b"PK",
    "safetensors": None,
    "onnx": b"\x08\x08",
    "html": b"<!doctype html>",
    "js": None,
    "zipapp": b"#!/usr/bin/env python3\nPK",
    "c": b"/* A network as plain C.",
}


@pytest.fixture(scope="module")
def path(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.npz"
    model_file.write(path, digits)
    return path


@pytest.mark.parametrize("format", [name for name, known in FORMATS.items() if known.suffix])
def test_the_suffix_of_the_path_says_the_format(format, digits, path, tmp_path):
    pytest.importorskip({"onnx": "onnx", "safetensors": "safetensors"}.get(format, "numpy"))
    out = tmp_path / f"out{FORMATS[format].suffix.upper()}"
    export(digits, out)
    data = out.read_bytes()
    if BEGINS[format]:
        assert data.startswith(BEGINS[format])
    beside = [out.with_suffix(suffix) for suffix in FORMATS[format].beside]
    assert sorted(tmp_path.iterdir()) == sorted([out, *beside])
    (tmp_path / "again").mkdir()
    for source in (Model.from_file(digits), path, str(path)):
        written = export(source, tmp_path / "again" / "out", format)
        assert [file.name for file in written] == ["out", *(file.name for file in beside)]
        assert written[0].read_bytes() == data


def test_npz_is_the_native_file(path, tmp_path):
    export(path, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_npz_keeps_weights_in_int8_within_half_a_level(digits, tmp_path):
    export(digits, tmp_path / "small.npz", quantize="int8")
    small = model_file.read(tmp_path / "small.npz")
    matrices = 0
    for layer, rounded in zip(digits.params, small.params, strict=True):
        for name, w in layer.items():
            allowed = np.abs(w).max(axis=tuple(range(w.ndim - 1))) / 254 * (w.ndim > 1)
            assert (np.abs(rounded[name] - w) <= allowed * 1.0001).all()
            matrices += w.ndim > 1
    assert matrices == len(small.scales) > 0
    parameters = sum(np.size(value) for layer in digits.params for value in layer.values())
    assert (tmp_path / "small.npz").stat().st_size < 1.2 * parameters + 40_000
    export(small, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "small.npz").read_bytes()


def test_a_path_whose_suffix_says_no_format_is_refused(path, tmp_path):
    with pytest.raises(InputError) as refused:
        export(path, tmp_path / "model.pth")
    suffixes = ".npz, .safetensors, .onnx, .html, .pyz, .c"
    assert str(refused.value) == f"{tmp_path / 'model.pth'}: which format? Name one, or end the path in {suffixes}."


@nn.layer
class Swish:
    def forward(self, params, x, *, key=None):
        raise NotImplementedError

    def backward(self, residuals, dy):
        raise NotImplementedError

    def numpy_forward(self, params, x):
        return x / (1 + np.exp(-x))


@nn.layer
class LateReLU(nn.ReLU):
    """Derives from a built-in layer, which must not stand in for it."""

    def numpy_forward(self, params, x):
        return np.maximum(x, 1)


#: A layer that is not built in -> the formats that carry it.
OWN = {Swish(): "npz, safetensors", LateReLU(): "npz, safetensors", nn.Residual((Swish(),)): "npz, safetensors"}


@pytest.fixture(params=OWN, ids=repr)
def own(request, build_spec):
    """A layer that is not built in, or holds one, and a model with it."""
    spec = ModelSpec((Flatten(), Dense(4), request.param), (5, 4, 1), ("a", "b", "c", "d"))
    return request.param, build_spec(spec)


@pytest.mark.parametrize("format", ["onnx", "html", "js", "zipapp", "c"])
def test_a_layer_that_a_format_cannot_carry_is_refused_by_name(format, own, tmp_path):
    layer, model = own
    with pytest.raises(InputError, match=f"^{format} cannot carry {type(layer).__name__}: [^;]*; {OWN[layer]} can.$"):
        export(model, tmp_path / "out", format)
    assert not list(tmp_path.iterdir())


def test_npz_and_safetensors_carry_any_layer(own, tmp_path):
    pytest.importorskip("safetensors", reason="needs the safetensors package")
    _, model = own
    for name in ("out.npz", "out.safetensors"):
        export(model, tmp_path / name)
    read = model_file.read(tmp_path / "out.npz", layers=[Swish, LateReLU])
    np.testing.assert_array_equal(read.network.logits(model.golden_inputs), model.golden_logits)
    again = import_weights(tmp_path / "out.safetensors", model.preprocessing, layers=[Swish, LateReLU])
    assert model_file.encode(again) == model_file.encode(model)


REFUSED = {
    "an unknown format": (
        dict(format="pickle"),
        "format is npz, safetensors, onnx, html, js, zipapp, c; got 'pickle'.",
    ),
    "an unknown quantization": (dict(format="c", quantize="int4"), "quantize is int8; got 'int4'."),
    "int8 where there is none": (
        dict(format="zipapp", quantize="int8"),
        "format of int8 is npz, onnx, html, js, c; got 'zipapp'.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(case, path, tmp_path):
    given, message = REFUSED[case]
    with pytest.raises(InputError) as refused:
        export(path, tmp_path / "out", **given)
    assert str(refused.value) == message
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(path, tmp_path):
    with pytest.raises(InputError, match="absent/out: No such file or directory"):
        export(path, tmp_path / "absent" / "out", "c")


def test_an_export_that_fails_leaves_the_old_file(path, tmp_path, monkeypatch):
    def fail(model, path, name):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(FORMATS, "c", FORMATS["c"]._replace(write=fail))
    (tmp_path / "out").write_text("old")
    with pytest.raises(InputError, match="No space left"):
        export(path, tmp_path / "out", "c")
    assert (tmp_path / "out").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_missing_package_is_named(path, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=re.escape(f"onnx needs onnx; {install_hint('onnx')}.")):
        export(path, tmp_path / "out", "onnx")


def test_int8_is_near_float32(model, images, logits):
    found = quantize.logits(model, quantize.int8_layers(model, images), images)
    assert np.abs(found - logits).max() <= 0.08 * np.abs(logits).max()
    assert np.abs(found - logits).max() > 0


@pytest.mark.parametrize(
    ("shift", "low", "high", "largest"), [(-2.0, -127, 127, 2.0), (-0.25, -127, 127, 0.75), (0.0, 0, 255, 1.0)]
)
def test_the_largest_input_gets_the_highest_level(shift, low, high, largest, build_spec):
    """Of either sign; where none is negative there are twice as many levels for the others."""
    model = build_spec(ModelSpec((BatchNorm(epsilon=1e-9), Flatten(), Dense(4)), (4, 4, 1), ("a", "b", "c", "d")))
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    norm = {"scale": one, "shift": one * np.float32(shift), "mean": zero, "var": one}
    model = dataclasses.replace(model, params=[norm, *model.params[1:]])
    images = np.linspace(0, 255, 32).astype(np.uint8).reshape(2, 4, 4, 1)
    q = quantize.int8_layers(model, images)[-1].int8
    assert (q.x_low, q.x_high) == (low, high)
    assert q.x_scale * q.x_high == pytest.approx(largest, rel=1e-5)


def test_each_output_has_its_own_scale(digits, images_for):
    """Channels of very different size lose equally little."""
    params = [dict(p) for p in digits.params]
    params[0]["w"] = params[0]["w"] * np.logspace(-3, 3, 8).astype(np.float32)
    model, images = dataclasses.replace(digits, params=params), images_for(digits, 4)
    exact, rounded = fold.fold_for_inference(model)[:1], quantize.int8_layers(model, images)[:1]
    assert rounded[0].int8.w.dtype == np.int8
    expected, found = (quantize.logits(model, layers, images) for layers in (exact, rounded))
    assert ((found - expected).std(axis=(0, 1, 2)) <= 0.01 * expected.std(axis=(0, 1, 2))).all()


def test_rounding_makes_up_for_what_it_changes(digits, images_for):
    """The outputs for the calibration images err less than with each weight at its nearest level."""
    images = images_for(digits, 40)
    layers = quantize.int8_layers(digits, images, quantize.SHORT)
    nearest = [
        dataclasses.replace(f, int8=dataclasses.replace(f.int8, w=np.rint(f.params["w"] / f.int8.w_scale)))
        if f.int8
        else f
        for f in layers
    ]
    exact = digits.network.logits(images)
    errors = [np.square(quantize.logits(digits, one, images) - exact).mean() for one in (layers, nearest)]
    assert errors[0] < 0.5 * errors[1]


def test_sums_have_room_in_32_bits(digits, images_for, monkeypatch):
    for folded in quantize.int8_layers(digits, images_for(digits, 4), quantize.SHORT):
        if q := folded.int8:
            assert np.abs(q.w.astype(np.int64)).sum(axis=tuple(range(q.w.ndim - 1))).max() * q.x_high < 2**31
    monkeypatch.setattr(quantize, "MAX_SUM", 2**16)
    with pytest.raises(InputError, match="has 25 inputs to an output, whose sum int8 has no room for"):
        quantize.int8_layers(digits, digits.golden_inputs)


def test_the_header_has_a_name_of_its_own(path, tmp_path):
    with pytest.raises(InputError, match=r"model.h: is the name of the header; end the path in .c.$"):
        export(path, tmp_path / "model.h", "c")
    assert not list(tmp_path.iterdir())


def test_the_suffixes_of_the_formats_differ():
    names = [name for name in FORMATS if name != "js"]  # a folder
    assert [format_of(f"model{FORMATS[name].suffix}") for name in names] == names and list(FORMATS) == list(BEGINS)
