"""``experiments/from_scratch.py`` has the gradients of the library and of autodiff, the Adam of optax, and learns."""

import ast
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import from_scratch
from jaxdoodle.data import load_dataset
from jaxdoodle.nn import Conv2D, Dense, Flatten, MaxPool2D, ModelSpec, ReLU, backprop
from jaxdoodle.nn.losses import SoftmaxCrossEntropy

SPEC = ModelSpec(
    (
        Conv2D(8, 5), ReLU(), MaxPool2D(),
        Conv2D(16, 5), ReLU(), MaxPool2D(),
        Flatten(), Dense(128), ReLU(), Dense(10),
    ),
    (28, 28, 1),
)  # fmt: skip
WITH_PARAMETERS = [index for index, shapes in enumerate(SPEC.param_shapes) if shapes]
by_library = jax.jit(partial(backprop.value_and_grad(SPEC, SoftmaxCrossEntropy()), training=False))
by_hand = jax.jit(from_scratch.value_and_grad)
TOLERANCE = 1e-12  # relative, Euclidean norm, float64
IMAGES = {
    "noise": lambda rng: rng.normal(size=(6, 28, 28, 1)),
    "blank": lambda rng: np.zeros((6, 28, 28, 1)),
    "strokes": lambda rng: np.kron(rng.integers(0, 2, (6, 7, 7, 1)), np.ones((1, 4, 4, 1))),
}


@pytest.fixture(scope="module")
def slice_of_doodles():
    return load_dataset("doodles", per_class=200)


def draw(kind):
    rng = np.random.default_rng(1)
    params = [(w + 0.1 * rng.normal(size=w.shape), rng.normal(size=b.shape) / 5) for w, b in from_scratch.init(rng)]
    params = jax.tree.map(jnp.asarray, params)
    return params, jnp.asarray(IMAGES[kind](rng)), jnp.asarray(rng.integers(0, 10, 6))


def test_the_network_has_the_37610_parameters_of_the_digit_cnn():
    sizes = [leaf.size for leaf in jax.tree.leaves(from_scratch.init(np.random.default_rng(0)))]
    assert sum(sizes) == SPEC.param_count == 37_610


@pytest.mark.parametrize("kind", IMAGES)
def test_loss_and_gradients_are_the_librarys(kind):
    params, images, labels = draw(kind)
    loss, grads = by_hand(params, images, labels)

    layers = [{} for _ in SPEC.layers]
    for index, (w, b) in zip(WITH_PARAMETERS, params, strict=True):
        layers[index] = {"w": w, "b": b}
    (expected, _), library = by_library(layers, images, labels)

    np.testing.assert_allclose(loss, expected, rtol=TOLERANCE)
    by_index = [(library[index]["w"], library[index]["b"]) for index in WITH_PARAMETERS]
    assert from_scratch.relative_error(grads, by_index) <= TOLERANCE


@pytest.mark.parametrize("kind", IMAGES)
def test_loss_and_gradients_are_those_of_autodiff(kind):
    loss, grads = by_hand(*draw(kind))
    expected, autodiff = jax.jit(jax.value_and_grad(from_scratch.loss_fn))(*draw(kind))
    np.testing.assert_allclose(loss, expected, rtol=TOLERANCE)
    assert from_scratch.relative_error(grads, autodiff) <= TOLERANCE


def test_adam_is_the_adam_of_optax():
    params, *_ = draw("noise")
    zeros = jax.tree.map(np.zeros_like, params)
    state, stepped, expected = (jnp.zeros(()), zeros, zeros), params, params
    optimizer = optax.adam(from_scratch.LEARNING_RATE)
    optax_state = optimizer.init(params)
    for step in range(3):
        rng = np.random.default_rng(step)
        grads = jax.tree.map(lambda p: rng.normal(size=p.shape), params)  # noqa: B023 - used at once
        stepped, state = from_scratch.adam(stepped, grads, state)
        with jax.numpy_dtype_promotion("standard"):  # which optax counts on
            updates, optax_state = optimizer.update(grads, optax_state)
        expected = optax.apply_updates(expected, updates)
    for a, b in zip(jax.tree.leaves(stepped), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.usefixtures("as_users_run")
def test_the_check_passes_and_finds_a_wrong_derivative(slice_of_doodles, monkeypatch):
    assert from_scratch.check(slice_of_doodles.train) <= from_scratch.LARGEST_ERROR
    monkeypatch.setattr(from_scratch, "relu_backward", lambda x, dy: dy)
    assert from_scratch.check(slice_of_doodles.train, count=4) > 0.1  # another shape, so that jit traces again


@pytest.mark.usefixtures("as_users_run")
def test_it_learns_a_slice_of_the_doodles_without_autodiff(slice_of_doodles, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("training differentiates by hand")

    for name in ("grad", "value_and_grad", "vjp", "jvp", "linearize"):
        monkeypatch.setattr(jax, name, refuse)
    data = slice_of_doodles
    params = from_scratch.train(data.train, data.validation, epochs=6)
    assert from_scratch.count_all(params, data.test) >= 0.7 * len(data.test)


@pytest.mark.usefixtures("as_users_run")
def test_the_program_prints_error_epochs_and_counts_and_fails_below_its_target(slice_of_doodles, monkeypatch, capsys):
    monkeypatch.setattr(from_scratch, "load_dataset", lambda name: slice_of_doodles)
    monkeypatch.setattr(from_scratch, "TARGETS", {"mnist": 0.3})
    from_scratch.main(epochs=2)
    printed = capsys.readouterr().out
    for part in ("relative error", "epoch 1: loss", "epoch 2: loss", "validation images right", "test images right"):
        assert part in printed
    monkeypatch.setattr(from_scratch, "TARGETS", {"mnist": 1.0})
    with pytest.raises(AssertionError):
        from_scratch.main(epochs=1)


def test_of_the_package_it_imports_data_and_errors_alone():
    tree = ast.parse(Path(from_scratch.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name for name in imported if name.startswith("jaxdoodle")} == {"jaxdoodle.core.errors", "jaxdoodle.data"}
