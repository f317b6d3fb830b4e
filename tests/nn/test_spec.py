"""Specs: what fits together, what is refused and how, and what survives the trip to JSON and back."""

import json
from dataclasses import fields

import numpy as np
import pytest

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
    SpecError,
    Tanh,
    layer,
)
from jaxdoodle.nn import layers as builtin
from jaxdoodle.nn.spec import _bytes

ONE_OF_EACH = ModelSpec(
    (
        Conv2D(4, (3, 2), stride=(1, 2), padding="SAME", kernel_init="he_normal"), BatchNorm(0.8, 1e-3), LeakyReLU(0.2),
        MaxPool2D(3, 2), Tanh(), AvgPool2D((2, 1)), Dropout(0.25), Conv2D(6, 1), ReLU(), Clip(0, 6), Pad2D(),
        GlobalAvgPool2D(),
        Flatten(), Dense(5, "normal(0.001)"), Sigmoid(), Residual([Dense(5), Residual([Tanh()])]), Dense(2), Softmax(),
    ),
    (20, 17, 3),
    ("cat", "dog"),
)  # fmt: skip


def test_one_of_each_has_every_kind_of_layer():
    assert {type(layer) for layer in ONE_OF_EACH.layers} == {getattr(builtin, name) for name in builtin.__all__}


def test_a_spec_survives_json_hashes_and_compares():
    again = ModelSpec.from_json(ONE_OF_EACH.to_json())
    assert again == ONE_OF_EACH and hash(again) == hash(ONE_OF_EACH)
    assert eval(repr(ONE_OF_EACH)) == ONE_OF_EACH
    assert json.loads(ONE_OF_EACH.to_json())["layers"][0]["kernel_size"] == [3, 2]


def test_a_short_repr_leaves_out_what_is_default():
    assert repr(Conv2D(8, 5, padding="SAME")) == "Conv2D(filters=8, kernel_size=(5, 5), padding='SAME')"


def test_blocks_are_nested_no_deeper_than_a_reader_follows():
    spec = ModelSpec((Residual([Residual([Tanh()])]),), (3,))
    assert ModelSpec.from_json(spec.to_json()) == spec
    deep = Tanh()
    for _ in range(12):
        deep = Residual([deep])
    with pytest.raises(SpecError, match="nested more than 8 deep"):
        ModelSpec.from_json(ModelSpec((deep,), (3,)).to_json())


def test_every_field_of_a_layer_is_saved():
    for one, saved in zip(ONE_OF_EACH.layers, ONE_OF_EACH.to_dict()["layers"], strict=True):
        assert set(saved) == {"type", *(f.name for f in fields(one))}


def test_one_number_stands_for_both_directions():
    assert Conv2D(8, 5) == Conv2D(8, (5, 5), (1, 1)) and MaxPool2D(2) == MaxPool2D((2, 2), 2) == MaxPool2D()


SHAPES = [
    (Conv2D(8, 5), (28, 28, 1), (24, 24, 8)),
    (Conv2D(8, 5, padding="SAME"), (28, 28, 1), (28, 28, 8)),
    (Conv2D(8, 5, stride=3), (28, 27, 1), (8, 8, 8)),
    (Conv2D(8, 4, stride=3, padding="SAME"), (28, 27, 1), (10, 9, 8)),
    (Conv2D(8, 1, stride=5, padding="SAME"), (7, 7, 1), (2, 2, 8)),
    (MaxPool2D(), (7, 5, 3), (3, 2, 3)),
    (AvgPool2D(3, 2), (7, 8, 3), (3, 3, 3)),
    (GlobalAvgPool2D(), (7, 8, 3), (3,)),
    (Flatten(), (7, 8, 3), (168,)),
    (Dense(4), (9,), (4,)),
]


@pytest.mark.parametrize("layer, before, after", SHAPES)
def test_shapes_are_those_of_the_formulas(layer, before, after):
    assert layer.output_shape(before) == after


def test_same_padding_puts_the_odd_pixel_last():
    assert Conv2D(1, (2, 4), padding="SAME").pads((6, 6)) == ((0, 1), (1, 2))


IMAGE = (28, 28, 1)


@layer
class AtMostTwo(ReLU):
    """Raises a plain ``ValueError``, as layers of users do."""

    n: int = 1

    @staticmethod
    def spec(n):
        return {"input_shape": [9], "layers": [{"type": "AtMostTwo", "n": n}]}

    def __post_init__(self):
        if self.n > 2:
            raise ValueError("n is at most 2")

    def output_shape(self, input_shape):
        if not self.n:
            raise ValueError("no layer of none")
        return input_shape


REFUSED = [
    (lambda: ModelSpec((Conv2D(8, 5), Dense(10)), IMAGE), r"layers\[1\]: Dense takes flat features; got \(24, 24, 8\)"),
    (lambda: ModelSpec((Conv2D(8, 5),), (4, 4, 1)), r"layers\[0\]: Conv2D with kernel_size \(5, 5\) is larger .* 4x4"),
    (lambda: ModelSpec((ReLU(), MaxPool2D(5)), (4, 9, 1)), r"layers\[1\]: MaxPool2D with window \(5, 5\) .* 4x9"),
    (lambda: ModelSpec((Conv2D(8, 5),), (9,)), r"layers\[0\]: Conv2D takes images \(height, width, channels\)"),
    (
        lambda: ModelSpec((Dense(3), ReLU()), (9,), ("a", "b")),
        r"layers\[1\] \(ReLU\(\)\) .*\(3,\), but .* 2 class names",
    ),
    (lambda: ModelSpec((Dense(2),), (9,), ("a", "a")), "class names differ .* a came more than once"),
    (lambda: ModelSpec((Dense,), (9,)), r"layers\[0\] is <class .*; expected an instance of a class marked @nn.layer"),
    (lambda: ModelSpec((), (0, 3)), r"input_shape holds positive integers, .* got \(0, 3\)"),
    (lambda: Dense(0), "units of Dense is a positive integer; got 0"),
    (lambda: Dense(True), "units of Dense is a positive integer; got True"),
    (lambda: Dense(3, "xavier"), 'kernel_init is glorot_uniform, he_normal or "normal.STDDEV."; got .xavier'),
    (lambda: Conv2D(3, (2, 2, 2)), "kernel_size of Conv2D is a positive integer or two"),
    (lambda: Conv2D(3, 2, padding="same"), 'padding is "VALID" or "SAME"; got .same'),
    (lambda: Dropout(1.0), "drop_rate is the fraction dropped, at least 0 and below 1; got 1.0"),
    (lambda: LeakyReLU(float("nan")), "slope of LeakyReLU is a finite number; got nan"),
    (lambda: LeakyReLU(10**400), "slope of LeakyReLU is a finite number"),
    (lambda: BatchNorm(epsilon=0), r"momentum is in \[0, 1\) and epsilon above 0"),
    (lambda: ModelSpec.from_json("{"), "a spec is JSON"),
    (lambda: ModelSpec.from_json("[]"), "a spec is {"),
    (lambda: ModelSpec.from_json('{"input_shape": [9], "layers": [], "extra": []}'), "a spec is {"),
    (lambda: ModelSpec.from_json('{"input_shape": [9], "layers": 3}'), "layers is a list; got 3"),
    (lambda: ModelSpec.from_json('{"input_shape": [9], "layers": [{"type": "Lambda"}]}'), r"layers\[0\] .* 'Lambda'"),
    (lambda: ModelSpec.from_json('{"input_shape": [9], "layers": [7]}'), r"layers\[0\] is {"),
    (
        lambda: ModelSpec.from_json('{"input_shape": [9], "layers": [{"type": "Dense", "n_out": 3}]}'),
        r"layers\[0\] \(Dense\): .*n_out",
    ),
    (lambda: ModelSpec.from_json('{"input_shape": [9], "layers": [{"type": "Dens"}]}'), "did you mean Dense?"),
    (lambda: ModelSpec.from_dict(AtMostTwo.spec(3), [AtMostTwo]), r"layers\[0\] \(AtMostTwo\): n is at most 2"),
    (lambda: ModelSpec.from_dict(AtMostTwo.spec(0), [AtMostTwo]), r"layers\[0\]: no layer of none"),
]


@pytest.mark.parametrize("make, message", REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_is_refused_by_place_and_name(make, message):
    with pytest.raises(SpecError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_the_three_networks_of_one_report_cannot_be_one_spec():
    """Bilal Ahmad's text, table and section 5.3 give 5 outputs, 10 outputs, and 10 "fashion categories"."""
    doodles = ("headphones", "bucket", "clock", "pizza", "hexagon")
    with pytest.raises(SpecError, match="there are 5 class names"):
        ModelSpec((Dense(128), ReLU(), Dense(128), ReLU(), Dense(10)), (784,), doodles)


def test_sizes_may_be_integers_of_numpy_and_are_kept_as_ints():
    layers = (
        Conv2D(np.int32(2), np.int64(3)),
        MaxPool2D(np.int64(2)),
        Flatten(),
        Dropout(np.float32(0.5)),
        Dense(np.int64(3)),
    )
    spec = ModelSpec(layers, tuple(np.array([28, 28, 1])))
    assert spec == ModelSpec((Conv2D(2, 3), MaxPool2D(2), Flatten(), Dropout(0.5), Dense(3)), (28, 28, 1))
    assert ModelSpec.from_json(spec.to_json()) == spec
    with pytest.raises(SpecError, match="units of Dense is a positive integer; got True"):
        Dense(True)


def test_a_network_ends_in_softmax_where_its_last_layer_is_one():
    before = ModelSpec((Dense(3), Softmax()), (4,))
    assert before.ends_in_softmax and not ModelSpec((Softmax(), Dense(3)), (4,)).ends_in_softmax


def test_a_size_beyond_the_largest_unit_is_told_in_it():
    assert [_bytes(2**power) for power in (9, 10, 30, 50)] == ["512.00 B", "1.00 KB", "1.00 GB", "1048576.00 GB"]
