"""The reports' networks: their parameter counts and their summary."""

import pytest

from jaxdoodle.nn import Conv2D, Dense, Dropout, Flatten, LeakyReLU, ReLU, Sigmoid, Tanh
from jaxdoodle.nn.architectures import ACTIVATIONS, digit_cnn, mlp, sketch_cnn


def names(count):
    return [f"class {index}" for index in range(count)]


COUNTS = [
    (digit_cnn(names(10)), [208, 3216, 32896, 1290], 37610),
    (sketch_cnn(names(345)), [832, 9248, 18496, 295424, 176985], 500985),
    (mlp(names(5)), [100480, 645], 101125),
    (mlp(names(10), (128, 128)), [100480, 16512, 1290], 118282),
    (mlp(names(10), (1000,)), [785000, 10010], 795010),
    (mlp(names(10), (128, 64), drop_rate=0.5), [100480, 8256, 650], 109386),
]


@pytest.mark.parametrize("spec, by_layer, total", COUNTS, ids=[str(total) for *_, total in COUNTS])
def test_parameter_counts_are_those_of_the_reports(spec, by_layer, total):
    counts = [sum(map(product, shapes.values())) for shapes in spec.param_shapes if shapes]
    assert counts == by_layer and spec.param_count == total


def product(shape):
    result = 1
    for n in shape:
        result *= n
    return result


def test_the_summary_is_the_table_of_the_slides():
    lines = digit_cnn(names(10)).summary().splitlines()
    rows = [line.split() for line in lines]
    assert ["conv2d", "(Conv2D)", "(None,", "24,", "24,", "8)", "208"] in rows
    assert ["max_pool2d_1", "(MaxPool2D)", "(None,", "4,", "4,", "16)", "0"] in rows
    assert ["dense_1", "(Dense)", "(None,", "10)", "1,290"] in rows
    assert lines[-3:] == [
        "Total params: 37,610 (146.91 KB)",
        "Trainable params: 37,610 (146.91 KB)",
        "Non-trainable params: 0 (0.00 B)",
    ]


def test_running_statistics_count_as_not_trainable():
    from jaxdoodle.nn import BatchNorm, Dense, ModelSpec

    summary = ModelSpec((Dense(3), BatchNorm()), (6,)).summary()
    assert "Total params: 33 (" in summary and "Trainable params: 27 (" in summary
    assert "Non-trainable params: 6 (24.00 B)" in summary


def test_an_activation_is_chosen_by_its_name():
    kinds = {"relu": ReLU, "leaky_relu": LeakyReLU, "sigmoid": Sigmoid, "tanh": Tanh}
    assert {name: type(layer) for name, layer in ACTIVATIONS.items()} == kinds
    for name, kind in kinds.items():
        assert type(mlp(names(3), (4,), ACTIVATIONS[name]).layers[2]) is kind


def test_the_options_of_a_network_reach_its_layers():
    found = mlp(names(3), (4, 5), drop_rate=0.3, kernel_init="normal(1)").layers
    expected = [Flatten(), *(each for n in (4, 5) for each in (Dense(n, "normal(1)"), ReLU(), Dropout(0.3)))]
    assert found == (*expected, Dense(3, "normal(1)"))
    assert Dropout(0.7) in digit_cnn(names(3), drop_rate=0.7).layers


@pytest.mark.parametrize(("side", "padding"), [(16, "VALID"), (15, "SAME")])
def test_a_small_image_is_padded_in_the_digit_network(side, padding):
    layers = digit_cnn(names(3), input_shape=(28, side, 1)).layers
    assert [layer.padding for layer in layers if isinstance(layer, Conv2D)] == [padding, padding]
