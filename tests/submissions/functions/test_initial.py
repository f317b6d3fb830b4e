"""Parameters come from the file's own initialization, small."""

import numpy as np

from jaxdoodle.submissions.functions.initial import initial_parameters, small


def init_tuple(scale=1.0):
    W1, b1 = scale * np.ones((32, 784)), np.zeros((32, 1))
    W2, b2 = scale * np.ones((10, 32)), np.zeros((10, 1))
    return W1, b1, W2, b2


def init_dictionary(layers):
    return {f"W{k}": np.ones(shape) for k, shape in enumerate(zip(layers, layers[1:], strict=False), 1)}


def init_other(model):
    raise TypeError


def test_parameters_that_are_given_without_sizes_are_cut_alike_classes_stay():
    first, whole = initial_parameters({"init_tuple": init_tuple, "other": init_tuple, "init_other": init_other})
    shapes = {n: np.shape(w) for n, w in first.items()}
    assert shapes == {"W1": (5, 4), "b1": (5, 1), "W2": (10, 5), "b2": (10, 1)}
    assert whole["W1"].shape == (32, 784)


def test_a_list_of_sizes_gives_networks_of_one_and_two_hidden_layers():
    found = initial_parameters({"init_dictionary": init_dictionary})
    assert {len(given) for given in found} == {2, 3}


def test_what_is_small_stays_as_it_is():
    tree = {"W": np.ones((3, 16)), "n": 784}
    assert small(tree)["W"].shape == (3, 16) and small(tree)["n"] == 784
