"""What names say of arguments."""

import inspect

import numpy as np
import pytest

from jaxdoodle.submissions.arguments.by_name import Probe, kind_of, made, options_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("labels", "y"),
        ("etiquetas", "y"),
        ("W2", "w"),
        ("wd", "number"),
        ("gamma", "gamma"),
        ("mask", "mask"),
        ("word_counts", "counts"),
        ("p", "number"),
        ("P", None),
        ("centerWordVec", "vector"),
        ("outside_vectors", "vectors"),
    ],
)
def test_a_name_says_what_something_is(name, kind):
    assert kind_of(name) == kind


def test_a_table_makes_what_is_asked_of_it_and_remembers_it():
    table = Probe(np.random.default_rng(0), columns=True, stride=2)
    assert table["stride"] == 2 and table["W1"].shape == (4, 5) and {*table.asked} == {"stride", "W1"}


def test_what_has_a_default_keeps_it_and_words_that_are_compared_are_tried():
    def pool(x, mode, keep=0.8):
        return x.max() if mode == "max" else x.mean() if mode == "mean" else x

    own = inspect.signature(pool).parameters
    rng = np.random.default_rng(0)
    assert [make(rng) for make in options_of(pool, own["keep"], False, {}, False)] == [0.8]
    assert [make(rng) for make in options_of(pool, own["mode"], False, {}, False)] == ["max", "mean"]


def test_labels_may_be_one_for_each_entry_of_a_sequence():
    def loss(x, y, mask):
        return x, y, mask

    x = np.zeros((4, 3, 5))
    own = inspect.signature(loss).parameters
    last = options_of(loss, own["y"], False, {}, False)[-1]
    labels = made([lambda rng: x, last])[1]
    assert labels.shape == (4, 3) and labels.max() == 4 and labels.dtype.kind == "i"
