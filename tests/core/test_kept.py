"""Arguments are kept as numbers, whatever they are part of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.core.kept import few_examples, kept, untraced


def test_a_copy_does_not_change_with_what_it_is_of():
    x = np.ones(3)
    copied = kept({"x": [x, (x, 2)]}, np.random.default_rng(0))
    x += 1
    assert copied["x"][0][0] == copied["x"][1][0][0] == 1


def test_in_the_place_of_a_tracer_is_an_array_of_its_shape_and_kind():
    found = []

    @jax.jit
    def run(params, n):
        found.append(kept((params, n), np.random.default_rng(0)))
        return params[0]

    jax.vmap(run, (None, 0))((jnp.ones((2, 3)), jnp.ones(3)), jnp.arange(4))
    ((w, b), n) = found[0]
    assert [type(x) for x in (w, b, n)] == [np.ndarray] * 3
    assert (w.shape, b.shape, n.shape, n.dtype.kind) == ((2, 3), (3,), (), "i")
    assert w.std() > 0 and untraced("text", np.random.default_rng(0)) == "text"


def test_of_a_tensor_that_is_a_result_the_numbers_are_kept():
    torch = pytest.importorskip("torch")
    x = torch.ones(2, requires_grad=True)
    copied = kept([3 * x], np.random.default_rng(0))[0]
    assert copied.tolist() == [3, 3] and not copied.requires_grad


def test_of_the_context_of_a_rule_nothing_is_kept_beside_its_arguments():
    torch = pytest.importorskip("torch")
    found = []

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            found.append(kept([ctx, x], np.random.default_rng(0)))
            return 2 * x

    Double.apply(torch.ones(1, requires_grad=True))
    assert found[0][0] is None and found[0][1].item() == 1


def test_of_a_data_set_nothing_is_kept():
    with pytest.raises(ValueError, match="a data set"):
        kept(np.zeros(20_001), np.random.default_rng(0))
    assert len(kept({"w": np.zeros(20_001)}, np.random.default_rng(0))["w"]) == 20_001  # parameters


def test_of_a_data_set_a_few_rows_are_left_each_with_its_label():
    x, y = np.repeat(np.arange(200.0)[:, None], 784, axis=1), np.arange(200)
    given = few_examples({"x": x, "y": y, "w": np.zeros((784, 5)), "rate": 0.1})
    assert given["x"].shape == (6, 784) and given["w"].shape == (784, 5) and given["rate"] == 0.1
    np.testing.assert_array_equal(given["x"][:, 0], given["y"])
    assert given["y"][-1] == 199  # data may be in the order of their labels


def test_parameters_that_a_constructor_takes_are_left_whole_and_its_data_are_not():
    w, b, x, y = np.zeros((784, 50)), np.zeros(50), np.zeros((200, 784)), np.zeros(200)
    given = few_examples({"w": w, "b": b}, holds=True)
    assert given["w"] is w and given["b"] is b
    assert [len(v) for v in few_examples({"x": x, "y": y}, holds=True).values()] == [6, 6]
