"""Which returned gradient belongs to which array."""

from collections import defaultdict, namedtuple

import numpy as np

from jaxdoodle.gradcheck import check_gradient
from jaxdoodle.gradcheck.setup.leaves import align, leaves, rebuild

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)


def test_gradients_are_found_by_name_in_a_dictionary():
    def loss(params, x):
        return np.sum((x @ params["W1"] + params["b1"]) ** 2)

    def gradient(params, x):
        d = 2 * (x @ params["W1"] + params["b1"])
        return {"db1": d.sum(axis=0), "dz1": d, "dW1": x.T @ d}

    assert check_gradient(loss, gradient, ({"W1": W, "b1": B}, X)).passed


def test_a_tree_is_rebuilt_with_the_same_names():
    tree = {"layers": [(W, B), (W, None)], "stride": 2}
    found = dict(leaves(rebuild(tree, lambda name, leaf: name)))
    assert list(found.values()) == ["layers.0.0", "layers.0.1", "layers.1.0", "layers.1.1", "stride"]


def test_a_rebuilt_dictionary_is_of_the_same_kind():
    tree = defaultdict(list, w=W)
    assert rebuild(tree, lambda name, leaf: name)["w"] == "w" and not rebuild(tree, lambda name, leaf: leaf)["b"]


def test_a_flat_list_of_gradients_fits_a_nested_tree_and_a_short_one_is_odd():
    tree = {"a": (W, B), "c": W}
    paired, odd = align(tree, [W, B, W])
    assert list(paired) == ["a.0", "a.1", "c"] and not odd
    assert align({"a": W, "b": B, "c": W}, [W, B])[1] == ["2 gradients came back where 3 were expected"]


def test_fewer_gradients_than_arguments_belong_to_those_of_their_shapes():
    tree = {"a": W, "b": X, "c": B}
    paired, odd = align(tree, (X, B))
    assert paired["a"] is None and paired["b"] is X and paired["c"] is B and odd
    assert align({"a": W, "b": W, "c": B}, (W, B))[0]["a"] is W


def test_a_named_tuple_with_names_of_its_own_is_taken_by_position():
    Grads = namedtuple("Grads", "input weight")
    paired, odd = align({"x": X, "w": W}, Grads(X, W))
    assert paired["x"] is X and paired["w"] is W and not odd
    paired, _ = align({"x": X, "w": W}, namedtuple("Named", "dw dx")(W, X))
    assert paired["x"] is X and paired["w"] is W


def test_of_names_that_differ_in_case_alone_each_gets_its_own():
    paired, _ = align({"a": X, "A": W}, {"grad_A": W, "grad_a": X})
    assert paired["a"] is X and paired["A"] is W
